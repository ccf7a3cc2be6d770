"""Tuya: a thing announces itself in the clear, others encrypted as versions 3.3 and 3.5 do, one under no key that is known; one is switched.

tinytuya's notes on the protocol: marks, sequence, command, length, payload, CRC-32, mark.
"""
import hashlib
import json
import struct
import zlib

import aes
from wire import Capture


def message(number, command, payload):
    head = struct.pack("!IIII", 0x000055AA, number, command, len(payload) + 8) + payload
    return head + struct.pack("!II", zlib.crc32(head), 0x0000AA55)


KEY = hashlib.md5(b"yGAdlopoPVldABfn").digest()


def encrypted(text):
    padding = 16 - len(text) % 16
    text += bytes([padding]) * padding
    return b"".join(aes.block(KEY, text[at:at + 16]) for at in range(0, len(text), 16))


def sealed(number, command, text):
    head = struct.pack("!HIII", 0, number, command, 12 + len(text) + 16)
    nonce = hashlib.md5(bytes([number])).digest()[:12]
    return b"\0\0\x66\x99" + head + nonce + aes.sealed(KEY, nonce, text, head) + b"\0\0\x99\x66"


def described(ip, identifier, product, version):
    return json.dumps({"ip": ip, "gwId": identifier, "active": 2, "ablilty": 0, "encrypt": True, "productKey": product, "version": version},
                      separators=(",", ":")).encode()


capture = Capture("tuya/announcements-and-control.pcap")
everybody = capture.group("255.255.255.255")
plug = capture.host("24:0a:c4:0a:00:a1", "10.80.7.31")
lamp = capture.host("24:0a:c4:0a:00:a2", "10.80.7.32")
heater = capture.host("24:0a:c4:0a:00:a3", "10.80.7.33")
blind = capture.host("24:0a:c4:0a:00:a4", "10.80.7.34")
hub = capture.host("d4:be:d9:0a:00:a0", "10.80.7.60")

announced = {"ip": "10.80.7.31", "gwId": "0720015224 0ac40a00a1".replace(" ", ""), "active": 2, "ability": 0, "mode": 0, "encrypt": True, "productKey": "keyq8h4pm7vq9ftn", "version": "3.1"}
for count in range(4):
    capture.wait(5)
    capture.udp(plug, 49154, everybody, 6666, message(0, 0, b"\0\0\0\0" + json.dumps(announced, separators=(",", ":")).encode()))
    capture.udp(lamp, 49155, everybody, 6667, message(0, 0x13, b"\0\0\0\0" + encrypted(described("10.80.7.32", "bf720015240ac40a00a2xk", "key7m4wq3hn8u5rd", "3.3"))))
    capture.udp(heater, 49156, everybody, 7000, sealed(count, 0x13, described("10.80.7.33", "bf720015240ac40a00a3vd", "keyw5t9ap3vn8c4e", "3.5")))
    capture.udp(blind, 49157, everybody, 6667, message(0, 0x13, b"\0\0\0\0" + bytes((17 * at + count) & 0xFF for at in range(160))))
with capture.tcp(hub, 50700, lamp, 6668, opened=False) as talk:
    for count in range(8):
        talk.client(message(count, 9, b""))
        talk.server(message(count, 9, b"\0\0\0\0"))
    talk.client(message(90, 7, b"3.3" + bytes(12) + bytes((31 * at) & 0xFF for at in range(64))))
    talk.server(message(0, 8, b"\0\0\0\0" + b"3.3" + bytes(12) + bytes((29 * at) & 0xFF for at in range(48))))
capture.write()
