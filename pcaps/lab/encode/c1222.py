"""ANSI C12.22-2012: ACSE and EPSEM (5.3); table 1 of ANSI C12.19-2012."""
from ber import integer, oid, tlv
from wire import Capture

ROOT = "1.3.6.1.4.1.33507.1919"
COLLECTOR = ROOT + ".1.10"


def apdu(called, calling, members, control, services):
    epsem = bytes([control]) + b"".join(bytes([len(service)]) + service for service in services) if control & 0x0C < 8 else bytes([control]) + services[0]
    return tlv(0x60, tlv(0xA2, oid(called)), tlv(0xA6, oid(calling)), *members, tlv(0xBE, tlv(0x28, tlv(0x81, epsem))))


def ask(meter, invocation, *services):
    return apdu(meter, COLLECTOR, [tlv(0xA8, integer(invocation))], 0x80, services)


def answer(meter, invocation, *services):
    return apdu(COLLECTOR, meter, [tlv(0xA4, integer(invocation)), tlv(0xA8, integer(invocation + 1000))], 0x80, services)


def table(data):
    return b"\0" + len(data).to_bytes(2, "big") + data + bytes([-sum(data) & 0xFF])


LOGON = bytes.fromhex("500002") + b"collector " + b"\x00\x3c"
FIRST = table(b"ELST" + b"A3R     " + bytes([2, 0, 6, 1]) + b"0000000093120047")

capture = Capture("c1222/log-on-table-1-and-polling.pcap")
collector, meter, secure = capture.host("00:50:56:0b:60:01", "10.79.6.1"), capture.host("00:0d:6f:0b:60:02", "10.79.6.2"), capture.host("00:0d:6f:0b:60:03", "10.79.6.3")
A, B = ROOT + ".1.4711", ROOT + ".1.4712"
with capture.tcp(collector, 50301, meter, 1153) as talk:
    talk.client(ask(A, 1, b"\x20"))
    talk.server(answer(A, 1, bytes.fromhex("000301000000")))
    talk.client(ask(A, 2, LOGON, b"\x51" + b"LABSECRET-meter".ljust(20) + b"\x00\x02", bytes.fromhex("300001")))
    talk.server(answer(A, 2, bytes.fromhex("00003c"), b"\0", FIRST))
    for invocation in range(10, 30):
        talk.client(ask(A, invocation, bytes.fromhex("300017")))
        talk.server(answer(A, invocation, table((1204500 + invocation).to_bytes(6, "little"))))
    # Procedure 7: table 7 is written to start it.
    talk.client(ask(A, 40, bytes.fromhex("400007") + bytes.fromhex("0005") + bytes.fromhex("0300010100") + b"\xfb"))
    talk.server(answer(A, 40, b"\0"))
    talk.client(ask(A, 41, b"\x52"))
    talk.server(answer(A, 41, b"\0"))
for invocation in range(4):
    # Security mode 2: what stands there is ciphertext.
    proof = tlv(0xAC, tlv(0xA2, tlv(0xA0, tlv(0xA1, tlv(0x80, b"\0"), tlv(0x81, b"\x4e\xa8\x75" + bytes([invocation]))))))
    cipher = bytes((invocation * 29 + index * 7) & 0xFF for index in range(24))
    capture.udp(collector, 50302, secure, 1153, apdu(B, COLLECTOR, [tlv(0xA8, integer(invocation + 1)), proof], 0x88, [cipher]))
    capture.udp(secure, 1153, collector, 50302, apdu(COLLECTOR, B, [tlv(0xA4, integer(invocation + 1)), proof], 0x88, [cipher[::-1]]))
capture.write()

capture = Capture("c1222/picked-up-in-the-middle-on-an-unusual-port.pcap")
with capture.tcp(capture.host("00:50:56:0b:60:01", "10.79.6.1"), 50303, capture.host("00:0d:6f:0b:60:02", "10.79.6.2"), 11530, opened=False) as talk:
    for invocation in range(1, 40):
        talk.client(ask(A, invocation, bytes.fromhex("300017")))
        talk.server(answer(A, invocation, table((1204500 + invocation).to_bytes(6, "little"))))
    talk.client(ask(A, 50, bytes.fromhex("300001")))
    talk.server(answer(A, 50, FIRST))
capture.write()
