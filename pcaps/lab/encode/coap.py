"""CoAP with LwM2M: a device registers and is read, another is protected by OSCORE.

RFC 7252 section 3; OMA LwM2M Core 1.1 sections 6.2 and 7.4, Annex E.4; RFC 8613 section 2; RFC 6690.
"""
import struct

from wire import Capture

CON, ACK = 0, 2
GET, POST, PUT = 1, 2, 3
CREATED, CHANGED, CONTENT = 0x41, 0x44, 0x45
OBSERVE, OSCORE, PATH, FORMAT, QUERY = 6, 9, 11, 12, 15


def message(kind, code, number, token, options=(), payload=b""):
    out, before = bytes([0x40 | kind << 4 | len(token), code]) + struct.pack("!H", number) + token, 0
    for option, value in options:
        delta, length = option - before, len(value)
        before = option

        def nibble(n):
            return n if n < 13 else 13 if n < 269 else 14

        def more(n):
            return b"" if n < 13 else bytes([n - 13]) if n < 269 else struct.pack("!H", n - 269)

        out += bytes([nibble(delta) << 4 | nibble(length)]) + more(delta) + more(length) + value
    return out + (b"\xff" + payload if payload else b"")


def path(text):
    return [(PATH, step.encode()) for step in text.strip("/").split("/")]


def tlv(resource, value):
    data = value.encode()
    if len(data) < 8:
        return bytes([0xC0 | len(data), resource]) + data
    return bytes([0xC8, resource, len(data)]) + data


capture = Capture("coap/lwm2m-register-and-read.pcap")
server = capture.host("00:15:5d:0a:00:51", "10.80.2.10")
meter = capture.host("ac:64:dd:0a:00:52", "10.80.2.31")
valve = capture.host("ac:64:dd:0a:00:53", "10.80.2.32")
odd = capture.host("24:0a:c4:0a:00:54", "10.80.2.33")

capture.udp(meter, 56830, server, 5683, message(CON, POST, 1, b"\x01", path("rd") + [
    (FORMAT, b"\x28"), (QUERY, b"ep=urn:dev:os:0080E1-WM-0052"), (QUERY, b"lt=86400"), (QUERY, b"lwm2m=1.1"), (QUERY, b"b=U")],
    b'</>;rt="oma.lwm2m";ct=11542,</1/0>,</3/0>,</3424/0>'))
capture.udp(server, 5683, meter, 56830, message(ACK, CREATED, 1, b"\x01", [(8, b"rd"), (8, b"7")]))
capture.udp(server, 5683, meter, 56830, message(CON, GET, 900, b"\x21\x22", path("3/0") + [(17, struct.pack("!H", 11542))]))
device = (tlv(0, "Diehl Metering") + tlv(1, "HYDRUS 2.0") + tlv(2, "DME0052-7781") + tlv(3, "2.1.7")
          + tlv(17, "water meter") + tlv(18, "B") + tlv(19, "2.1.7-4"))
capture.udp(meter, 56830, server, 5683, message(ACK, CONTENT, 900, b"\x21\x22", [(FORMAT, struct.pack("!H", 11542))], device))
capture.udp(server, 5683, meter, 56830, message(CON, GET, 901, b"\x31", [(OBSERVE, b"")] + path("3424/0/1")))
for count in range(10):
    capture.wait(30)
    capture.udp(meter, 56830, server, 5683, message(CON, CONTENT, 40 + count, b"\x31", [(OBSERVE, bytes([count + 1])), (FORMAT, b"")], f"{41.2 + count}".encode()))
    capture.udp(server, 5683, meter, 56830, message(ACK, 0, 40 + count, b""))
capture.udp(server, 5683, meter, 56830, message(CON, PUT, 902, b"\x41", path("1/0/1") + [(FORMAT, b"")], b"3600"))
capture.udp(meter, 56830, server, 5683, message(ACK, CHANGED, 902, b"\x41"))

# SenML in CBOR, one resource in plain text.
cbor = bytes([0x82, 0xA3, 0x21, 0x65]) + b"/3/0/" + bytes([0, 0x61]) + b"0" + bytes([3, 0x66]) + b"Belimo" + bytes([0xA2, 0, 0x61]) + b"1" + bytes([3, 0x69]) + b"EV015R2+B"
capture.udp(server, 5683, valve, 5683, message(CON, GET, 910, b"\x51", path("3/0") + [(17, b"\x70")]))
capture.udp(valve, 5683, server, 5683, message(ACK, CONTENT, 910, b"\x51", [(FORMAT, b"\x70")], cbor))
capture.udp(server, 5683, valve, 5683, message(CON, GET, 911, b"\x52", path("3/0/3")))
capture.udp(valve, 5683, server, 5683, message(ACK, CONTENT, 911, b"\x52", [(FORMAT, b"")], b"4.02.1"))

capture.udp(server, 40683, odd, 5683, message(CON, POST, 920, b"\x61", [(OSCORE, b"\x09\x14\x25")] + path("sensors"), b"\x8f\x11\x77\x09\xe2\x5b\x31\x0c\xaa"))
capture.udp(odd, 5683, server, 40683, message(ACK, CHANGED, 920, b"\x61", [(OSCORE, b"")], b"\x13\x07\xd9\xc1\x22\x8a\x41\x90\x5e"))
capture.write()

# A device that speaks to its server on another port, from the first registration on.
capture = Capture("coap/unusual-port.pcap")
capture.udp(meter, 56830, server, 15683, message(CON, POST, 1, bytes(range(1, 9)), path("rd") + [
    (FORMAT, b"\x28"), (QUERY, b"ep=urn:dev:os:0080E1-WM-0055"), (QUERY, b"lt=3600"), (QUERY, b"lwm2m=1.1")], b"</1/0>,</3/0>"))
capture.udp(server, 15683, meter, 56830, message(ACK, CREATED, 1, bytes(range(1, 9)), [(8, b"rd"), (8, b"9")]))
capture.udp(server, 15683, meter, 56830, message(CON, GET, 700, b"\x21\x22", path("3/0") + [(17, struct.pack("!H", 11542))]))
capture.udp(meter, 56830, server, 15683, message(ACK, CONTENT, 700, b"\x21\x22", [(FORMAT, struct.pack("!H", 11542))], device))
capture.write()
