"""BACnet/IP (ANSI/ASHRAE 135): a router with controllers on MS/TP behind it, a broadcast manager, segments, writes and commands."""
import struct

from wire import Capture

PORT = 47808
DEVICE, ANALOG_OUTPUT = 8, 1


def link(function, body):
    return struct.pack("!BBH", 0x81, function, 4 + len(body)) + body


def npdu(apdu, source=None, destination=None, expects=False):
    control = (0x20 if destination else 0) | (0x08 if source else 0) | (0x04 if expects else 0)
    head = bytes([1, control])
    if destination:
        head += struct.pack("!HB", destination[0], len(destination[1])) + destination[1]
    if source:
        head += struct.pack("!HB", source[0], len(source[1])) + source[1]
    return head + (b"\xff" if destination else b"") + apdu


def tagged(number, context, content):
    first = number << 4 | (8 if context else 0)
    if len(content) < 5:
        return bytes([first | len(content)]) + content
    return bytes([first | 5, len(content)]) + content


def object_id(kind, instance):
    return struct.pack("!I", kind << 22 | instance)


def characters(text):
    return tagged(7, False, b"\0" + text.encode())


def unsigned(number):
    return tagged(2, False, number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))


def i_am(instance, vendor):
    return b"\x10\x00" + tagged(12, False, object_id(DEVICE, instance)) + unsigned(480) + b"\x91\x03" + unsigned(vendor)


def read_multiple(invoke, instance, properties):
    wanted = b"".join(tagged(0, True, bytes([number])) if number < 256 else tagged(0, True, struct.pack("!H", number)) for number in properties)
    return bytes([0x02, 0x75, invoke, 14]) + tagged(0, True, object_id(DEVICE, instance)) + b"\x1e" + wanted + b"\x1f"


def results(instance, values):
    body = tagged(0, True, object_id(DEVICE, instance)) + b"\x1e"
    for number, value in values:
        body += tagged(2, True, number.to_bytes(1 if number < 256 else 2, "big"))
        body += b"\x5e\x91\x02\x91\x20\x5f" if value is None else b"\x4e" + value + b"\x4f"
    return body + b"\x1f"


def read(invoke, kind, instance, number):
    return bytes([0x00, 0x05, invoke, 12]) + tagged(0, True, object_id(kind, instance)) + tagged(1, True, bytes([number]))


def real(value):
    return tagged(4, False, struct.pack("!f", value))


PROPERTIES = [77, 121, 120, 70, 44, 12, 58, 28, 372, 139]
CONTROLLERS = {
    11: (260111, [(77, characters("VAV-2-11")), (121, characters("Distech Controls, Inc.")), (120, unsigned(364)), (70, characters("ECB-VAV")), (44, characters("1.17.16103")), (12, characters("1.0")), (58, characters("Level 2, room 211")), (28, characters("Variable air volume box")), (372, None), (139, unsigned(12))]),
    12: (260112, [(77, characters("VAV-2-12")), (121, characters("Distech Controls, Inc.")), (120, unsigned(364)), (70, characters("ECB-VAV")), (44, characters("1.17.16103")), (12, characters("1.0")), (58, characters("Level 2, room 212")), (28, characters("Variable air volume box")), (372, characters("DC1-1908-00712")), (139, unsigned(12))]),
}

capture = Capture("bacnet/router-segments-commands.pcap")
router, station = capture.host("00:40:ae:0b:00:70", "10.79.0.70"), capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
manager, everybody = capture.host("00:40:ae:0b:00:71", "10.79.0.71"), capture.group("10.79.0.255")
capture.udp(station, PORT, everybody, PORT, link(0x0B, b"\x01\x80\x00"))
capture.udp(router, PORT, everybody, PORT, link(0x0B, b"\x01\x80\x01" + struct.pack("!HH", 2001, 2002)))
capture.udp(station, PORT, everybody, PORT, link(0x0B, npdu(b"\x10\x08", destination=(0xFFFF, b""))))
for address, (instance, _) in CONTROLLERS.items():
    capture.udp(router, PORT, everybody, PORT, link(0x0B, npdu(i_am(instance, 364), source=(2001, bytes([address])), destination=(0xFFFF, b""))))
invoke = 1
for address, (instance, values) in CONTROLLERS.items():
    place = (2001, bytes([address]))
    capture.udp(station, PORT, router, PORT, link(0x0A, npdu(read_multiple(invoke, instance, PROPERTIES), destination=place, expects=True)))
    body = results(instance, values)
    pieces = [body[at:at + 60] for at in range(0, len(body), 60)]
    for number, piece in enumerate(pieces):
        more = 0x04 if number + 1 < len(pieces) else 0
        capture.udp(router, PORT, station, PORT, link(0x0A, npdu(bytes([0x38 | more, invoke, number, 4, 14]) + piece, source=place)))
        capture.udp(station, PORT, router, PORT, link(0x0A, npdu(bytes([0x40, invoke, number, 4]), destination=place)))
    invoke += 1
for _ in range(20):
    for address in CONTROLLERS:
        place = (2001, bytes([address]))
        capture.udp(station, PORT, router, PORT, link(0x0A, npdu(read(invoke, 0, 1, 85), destination=place, expects=True)))
        answer = bytes([0x30, invoke, 12]) + tagged(0, True, object_id(0, 1)) + tagged(1, True, bytes([85])) + b"\x3e" + real(21.5) + b"\x3f"
        capture.udp(router, PORT, station, PORT, link(0x0A, npdu(answer, source=place)))
        invoke = invoke % 250 + 1
place = (2001, bytes([12]))
write = bytes([0x00, 0x05, invoke, 15]) + tagged(0, True, object_id(ANALOG_OUTPUT, 3)) + tagged(1, True, bytes([85])) + b"\x3e" + real(40.0) + b"\x3f" + tagged(4, True, b"\x08")
capture.udp(station, PORT, router, PORT, link(0x0A, npdu(write, destination=place, expects=True)))
capture.udp(router, PORT, station, PORT, link(0x0A, npdu(bytes([0x20, invoke, 15]), source=place)))
restart = bytes([0x00, 0x05, invoke + 1, 20]) + tagged(0, True, b"\x01") + tagged(1, True, b"\0" + b"LABSECRET-bac")
capture.udp(station, PORT, router, PORT, link(0x0A, npdu(restart, destination=place, expects=True)))
capture.udp(router, PORT, station, PORT, link(0x0A, npdu(bytes([0x20, invoke + 1, 20]), source=place)))
outside = capture.host("d4:be:d9:0b:00:07", "10.80.0.7")
capture.udp(outside, 50040, manager, PORT, link(0x05, struct.pack("!H", 60)))
capture.udp(manager, PORT, outside, 50040, link(0x00, b"\0\0"))
capture.udp(outside, 50040, manager, PORT, link(0x06, b""))
capture.udp(manager, PORT, outside, 50040, link(0x07, outside.ip_bytes + struct.pack("!HHH", 50040, 60, 85)))
capture.udp(outside, 50040, manager, PORT, link(0x02, b""))
table = b"".join(host.ip_bytes + struct.pack("!H4s", PORT, b"\xff" * 4) for host in (manager, router))
capture.udp(manager, PORT, outside, 50040, link(0x03, table))
capture.udp(manager, PORT, outside, 50040, link(0x04, router.ip_bytes + struct.pack("!H", PORT) + npdu(i_am(260070, 8))))
capture.write()
