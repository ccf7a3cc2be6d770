"""STUN: a camera and a phone ask for their address outside, a server answers; one on an unusual port.

RFC 8489 sections 5 and 14.
"""
import struct

from wire import Capture


def message(kind, number, *attributes):
    body = b"".join(struct.pack("!HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in attributes)
    return struct.pack("!HHI", kind, len(body), 0x2112A442) + number.to_bytes(12, "big") + body


SOFTWARE, MAPPED = 0x8022, 0x0020
ANSWER = (MAPPED, b"\0\x01" + struct.pack("!H", 51811 ^ 0x2112) + bytes(a ^ b for a, b in zip(bytes([203, 0, 113, 9]), b"\x21\x12\xa4\x42")))

capture = Capture("stun/camera-phone-server.pcap")
server = capture.host("00:15:5d:0a:01:61", "10.80.18.10")
camera = capture.host("9c:8e:cd:0a:01:62", "10.80.18.21")
phone = capture.host("00:0b:82:0a:01:63", "10.80.18.31")
for number in range(1, 6):
    capture.wait(20)
    capture.udp(camera, 51811, server, 3478, message(1, number, (SOFTWARE, b"ipc-p2p 2.1")))
    capture.udp(server, 3478, camera, 51811, message(0x101, number, ANSWER, (SOFTWARE, b"Coturn-4.6.1 'Gorst'")))
capture.udp(phone, 5004, server, 13478, message(1, 77))
capture.udp(server, 13478, phone, 5004, message(0x101, 77, ANSWER, (SOFTWARE, b"Coturn-4.6.1 'Gorst'")))
capture.write()
