"""Tuya: a thing announces itself in the clear, another encrypted, a third is switched.

tinytuya's notes on the protocol: marks, sequence, command, length, payload, CRC-32, mark.
"""
import json
import struct
import zlib

from wire import Capture


def message(number, command, payload):
    head = struct.pack("!IIII", 0x000055AA, number, command, len(payload) + 8) + payload
    return head + struct.pack("!II", zlib.crc32(head), 0x0000AA55)


capture = Capture("tuya/announcements-and-control.pcap")
everybody = capture.group("255.255.255.255")
plug = capture.host("24:0a:c4:0a:00:a1", "10.80.7.31")
lamp = capture.host("24:0a:c4:0a:00:a2", "10.80.7.32")
hub = capture.host("d4:be:d9:0a:00:a0", "10.80.7.60")

announced = {"ip": "10.80.7.31", "gwId": "0720015224 0ac40a00a1".replace(" ", ""), "active": 2, "ability": 0, "mode": 0, "encrypt": True, "productKey": "keyq8h4pm7vq9ftn", "version": "3.1"}
for count in range(4):
    capture.wait(5)
    capture.udp(plug, 49154, everybody, 6666, message(0, 0, b"\0\0\0\0" + json.dumps(announced, separators=(",", ":")).encode()))
    capture.udp(lamp, 49155, everybody, 6667, message(0, 0x13, b"\0\0\0\0" + bytes((17 * at + count) & 0xFF for at in range(160))))
with capture.tcp(hub, 50700, lamp, 6668, opened=False) as talk:
    for count in range(8):
        talk.client(message(count, 9, b""))
        talk.server(message(count, 9, b"\0\0\0\0"))
    talk.client(message(90, 7, b"3.3" + bytes(12) + bytes((31 * at) & 0xFF for at in range(64))))
    talk.server(message(0, 8, b"\0\0\0\0" + b"3.3" + bytes(12) + bytes((29 * at) & 0xFF for at in range(48))))
capture.write()
