"""SNMP: a traffic signal controller (NTCIP 1201), a printer (RFC 3805) and a power supply (RFC 1628), each asked by its manager.

BER by hand: tag, length, contents.
"""
from wire import Capture

GET, RESPONSE, SET = 0xA0, 0xA2, 0xA3
DEVICES = "1.3.6.1.4.1.1206.4.2"
MODULE = DEVICES + ".6.1.3.1"


def tlv(tag, content):
    length = len(content)
    head = bytes([length]) if length < 0x80 else bytes([0x82, length >> 8, length & 0xFF])
    return bytes([tag]) + head + content


def integer(number):
    return tlv(2, number.to_bytes(max(1, (number.bit_length() + 8) // 8), "big"))


def oid(dotted):
    first, second, *rest = (int(part) for part in dotted.split("."))
    out = bytearray([first * 40 + second])
    for number in rest:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(number & 0x7F | 0x80)
        out += bytes(reversed(digits))
    return bytes(out)


def value(what):
    if what is None:
        return b"\x05\x00"
    return integer(what) if isinstance(what, int) else tlv(4, what.encode())


def message(kind, number, binds, community="public"):
    pairs = b"".join(tlv(0x30, tlv(6, oid(name)) + value(what)) for name, what in binds)
    pdu = tlv(kind, integer(number) + integer(0) + integer(0) + tlv(0x30, pairs))
    return tlv(0x30, integer(1) + tlv(4, community.encode()) + pdu)


def ask(capture, manager, port, agent, number, binds):
    capture.udp(manager, port, agent, 161, message(GET, number, [(name, None) for name, _ in binds]))
    capture.udp(agent, 161, manager, port, message(RESPONSE, number, binds))


def module(number, make, model, version, kind):
    return [(f"{MODULE}.{column}.{number}", what) for column, what in ((3, make), (4, model), (5, version), (6, kind))]


capture = Capture("snmp/roadside-printer-ups.pcap")
manager = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
signals, printer = capture.host("00:20:4a:0b:00:80", "10.79.0.80"), capture.host("00:1b:a9:0b:00:81", "10.79.0.81")
power = capture.host("00:c0:b7:0b:00:82", "10.79.0.82")
ask(capture, manager, 50050, signals, 1, module(1, "Example Signal Works", "ATC-3000", "Rev C", 2))
ask(capture, manager, 50050, signals, 2, module(2, "Crossing Software", "MaxCross", "2.1.7", 3))
for number in range(3, 30):
    # phaseStatusGroupGreens of the first group.
    ask(capture, manager, 50050, signals, number, [(DEVICES + ".1.1.4.1.4.1", 1 << number % 8)])
capture.udp(manager, 50050, signals, 161, message(SET, 30, [(DEVICES + ".1.4.14.0", 3)]))
capture.udp(signals, 161, manager, 50050, message(RESPONSE, 30, [(DEVICES + ".1.4.14.0", 3)]))
ask(capture, manager, 50051, printer, 1, [("1.3.6.1.2.1.25.3.2.1.3.1", "Example LaserPrint 8"), ("1.3.6.1.2.1.43.5.1.1.16.1", "Dispatch office"), ("1.3.6.1.2.1.43.5.1.1.17.1", "LP8K0042711")])
ask(capture, manager, 50052, power, 1, [("1.3.6.1.2.1.33.1.1.1.0", "Example Power"), ("1.3.6.1.2.1.33.1.1.2.0", "OnLine 3000"), ("1.3.6.1.2.1.33.1.1.3.0", "04.11"), ("1.3.6.1.2.1.33.1.1.4.0", "Web card 2.3"), ("1.3.6.1.2.1.33.1.1.5.0", "UPS hall 3")])
capture.write()
