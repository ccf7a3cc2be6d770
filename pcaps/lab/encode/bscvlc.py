"""BACnet/SC by ANSI/ASHRAE 135-2020 annex AB, in the clear as a test bench has it: two nodes at a hub, one direct connection.

The standard demands TLS; over it only the handshake would be seen.
"""
import struct

from wire import Capture

KEY = b"\x5a\x13\xc7\x9e"
HUB, DIRECT = "hub.bsc.bacnet.org", "dc.bsc.bacnet.org"


def frame(message, masked):
    length = bytes([len(message)]) if len(message) < 126 else b"\x7e" + struct.pack("!H", len(message))
    if not masked:
        return b"\x82" + length + message
    return b"\x82" + bytes([length[0] | 0x80]) + length[1:] + KEY + bytes(byte ^ KEY[at % 4] for at, byte in enumerate(message))


def asked(subprotocol, host):
    return (f"GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Protocol: {subprotocol}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode()


def switched(subprotocol):
    return (f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            f"Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n").encode()


def message(function, number, payload=b"", origin=None, destination=None, secure_path=False):
    flags = (8 if origin else 0) | (4 if destination else 0) | (1 if secure_path else 0)
    return struct.pack("!BBH", function, flags, number) + (origin or b"") + (destination or b"") + (b"\x41" if secure_path else b"") + payload


def connect(function, number, vmac, uuid):
    return message(function, number, vmac + uuid + struct.pack("!HH", 1600, 1497))


def text(value):
    data = b"\0" + value.encode()
    return (bytes([0x70 | len(data)]) if len(data) < 5 else b"\x75" + bytes([len(data)])) + data


def property_of(device, number):
    return b"\x0c" + struct.pack("!I", 8 << 22 | device) + b"\x19" + bytes([number])


def read_property(invoke, device, number):
    return b"\x01\x04\x00\x05" + bytes([invoke, 12]) + property_of(device, number)


def answered(invoke, device, number, value):
    return b"\x01\x00\x30" + bytes([invoke, 12]) + property_of(device, number) + b"\x3e" + text(value) + b"\x3f"


def i_am(device, vendor):
    return b"\x01\x20\xff\xff\x00\xff\x10\x00\xc4" + struct.pack("!I", 8 << 22 | device) + b"\x22\x05\xc4\x91\x03\x22" + struct.pack("!H", vendor)


WHO_IS = b"\x01\x20\xff\xff\x00\xff\x10\x08"
EVERYBODY = b"\xff" * 6
capture = Capture("bscvlc/hub-nodes-and-direct-connection.pcap")
hub = capture.host("00:40:ae:0b:00:71", "10.79.7.1")
ahu = capture.host("00:40:ae:0b:00:72", "10.79.7.12")
panel = capture.host("00:0c:29:0b:00:73", "10.79.7.13")
vmacs = {hub: bytes.fromhex("6200a1b2c301"), ahu: bytes.fromhex("4200a1b2c312"), panel: bytes.fromhex("4200a1b2c313")}
uuids = {host: bytes.fromhex(f"7d1f0c5a4b2e4e10a0000000000000{number}") for host, number in ((hub, "71"), (ahu, "72"), (panel, "73"))}

first = capture.tcp(ahu, 51811, hub, 4443)
second = capture.tcp(panel, 51812, hub, 4443)
for talk, node in ((first, ahu), (second, panel)):
    talk.__enter__()
    talk.client(asked(HUB, "10.79.7.1:4443"))
    talk.server(switched(HUB))
    talk.client(frame(connect(6, 1, vmacs[node], uuids[node]), True))
    talk.server(frame(connect(7, 1, vmacs[hub], uuids[hub]), False))

# The panel asks who is there; the hub passes it on, and the answer back.
second.client(frame(message(1, 2, WHO_IS, destination=EVERYBODY), True))
first.server(frame(message(1, 2, WHO_IS, origin=vmacs[panel], destination=EVERYBODY), False))
first.client(frame(message(1, 2, i_am(260071, 8), destination=EVERYBODY), True))
second.server(frame(message(1, 2, i_am(260071, 8), origin=vmacs[ahu], destination=EVERYBODY), False))
for number, (code, value) in enumerate(((70, "DSC-1616E"), (44, "571848"), (77, "AHU-ROOF-2"), (58, "Roof, west")), 3):
    ask, tell = read_property(number, 260071, code), answered(number, 260071, code, value)
    second.client(frame(message(1, number, ask, destination=vmacs[ahu], secure_path=True), True))
    first.server(frame(message(1, number, ask, origin=vmacs[panel], secure_path=True), False))
    first.client(frame(message(1, number, tell, destination=vmacs[panel], secure_path=True), True))
    second.server(frame(message(1, number, tell, origin=vmacs[ahu], secure_path=True), False))
second.client(frame(message(2, 9, destination=vmacs[ahu]), True))
second.server(frame(message(3, 9, b"ws://10.79.7.12:4444/", origin=vmacs[ahu]), False))
for number in range(20, 26):
    capture.wait(300)
    for talk in (first, second):
        talk.client(frame(message(10, number), True))
        talk.server(frame(message(11, number), False))

# Directly: a present value is written.
with capture.tcp(panel, 51813, ahu, 4444) as talk:
    talk.client(asked(DIRECT, "10.79.7.12:4444"))
    talk.server(switched(DIRECT))
    talk.client(frame(connect(6, 1, vmacs[panel], uuids[panel]), True))
    talk.server(frame(connect(7, 1, vmacs[ahu], uuids[ahu]), False))
    write = b"\x01\x04\x00\x05\x21\x0f\x0c" + struct.pack("!I", 1 << 22 | 3) + b"\x19\x55\x3e\x44" + struct.pack("!f", 21.5) + b"\x3f"
    talk.client(frame(message(1, 2, write), True))
    talk.server(frame(message(1, 2, b"\x01\x00\x20\x21\x0f"), False))
for talk in (first, second):
    talk.__exit__()
capture.write()
