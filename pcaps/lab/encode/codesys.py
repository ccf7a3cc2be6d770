"""CODESYS: a version 3 runtime is found, a client logs in, watches, loads a program, forces; a version 2 runtime is identified.

Microsoft ICS forensics tools (MIT licence), codesysv3_protocol; Redpoint, codesys-v2-discover.
"""
import struct
import zlib

from wire import Capture

NODE, DEVICE, VENDOR, SERIAL = "PFC200V3-4538EF", "WAGO 750-8215 PFC200 G2 4ETH CAN USB", "WAGO", b"31564801230009"


def datagram(service, body, to, sender, before=0):
    head = bytes([0xC5, 0x6B, 0x40, service, 0, len(to) // 2 | len(sender) // 2 << 4]) + to + sender
    return head + bytes((len(head) + before) % 4) + body


def block(datagram_):
    return struct.pack("<II", 0xE8170100, len(datagram_) + 8) + datagram_


def wide(text):
    return text.encode("utf-16-le") + b"\0\0"


def identification(number):
    body = struct.pack("<HHI", 0xC280, 0x0400, number) + struct.pack("<HBBH", 4, 1, 0, 0)
    body += struct.pack("<HHH", len(NODE), len(DEVICE), len(VENDOR)) + struct.pack("<II", 0x1000, 0x1006120B) + bytes([0, 4, 15, 5])
    body += bytes(4) + bytes([len(SERIAL)])
    return body.ljust(48, b"\0") + wide(NODE) + wide(DEVICE) + wide(VENDOR) + SERIAL


def service(answer, group, command, content, block_number, protocol=0xCD55):
    layer = struct.pack("<HHHHII", protocol, 12, group | (0x80 if answer else 0), command, 0x1234, len(content)) + content
    head = struct.pack("<BBHIIII", 1, 1 | (0 if answer else 0x80), 7, block_number, 0, len(layer), zlib.crc32(layer))
    return head + layer


def tag(number, value):
    return bytes([number]) + (b"\1" if number >= 0x80 else b"") + bytes([len(value)]) + value


class Channel:
    def __init__(self, talk, server, client):
        self.talk, self.number = talk, 0
        self.up = (b"\x2d\xdc" + server.ip_bytes, b"\x2d\xdd" + client.ip_bytes)

    def send(self, answer, group, command, content=b"", protocol=0xCD55):
        self.number += 1
        to, sender = self.up if not answer else self.up[::-1]
        packet = block(datagram(64, service(answer, group, command, content, self.number, protocol), to, sender, 8))
        (self.talk.server if answer else self.talk.client)(packet)

    def call(self, group, command, content=b"", protocol=0xCD55):
        self.send(False, group, command, content, protocol)
        self.send(True, group, command, tag(0x02, bytes(4)), protocol)

    def open(self):
        to, sender = self.up
        self.talk.client(block(datagram(64, struct.pack("<BBHIIII", 0xC3, 0, 0x0101, 0, 0x8321D481, 0x1F4000, 5), to, sender, 8)))
        self.talk.server(block(datagram(64, struct.pack("<BBHIIHHII", 0x83, 0, 0x0101, 0, 0x8321D481, 0, 7, 0x1F4000, 4), sender, to, 8)))


capture = Capture("codesys/search-log-in-and-load.pcap")
plc, eng = capture.host("00:30:de:0b:00:51", "10.81.0.51"), capture.host("d4:be:d9:0b:00:06", "10.81.0.6")
capture.udp(eng, 1740, capture.group("10.81.0.255"), 1740, datagram(3, struct.pack("<HHI", 0xC202, 0x0400, 1), b"", b"\0\6"))
capture.udp(plc, 1740, eng, 1740, datagram(4, identification(1), b"\0\6", b"\0\x33"))
with capture.tcp(eng, 52021, plc, 11740) as talk:
    channel = Channel(talk, plc, eng)
    channel.open()
    channel.call(1, 1)
    login = tag(0x22, bytes([1, 0, 0, 0])) + tag(0x81, tag(0x10, b"engineer") + tag(0x11, bytes(range(32))))
    channel.call(1, 2, login)
    for _ in range(30):
        channel.call(0x1B, 1)
    channel.call(8, 5, b"Application.app")
    channel.call(0x13, 1)
    channel.call(0x11, 1)
capture.write()

capture = Capture("codesys/picked-up-in-the-middle.pcap")
plc, hmi = capture.host("00:30:de:0b:00:51", "10.81.0.51"), capture.host("00:0c:29:0b:00:05", "10.81.0.5")
with capture.tcp(hmi, 52022, plc, 11740, opened=False) as talk:
    channel = Channel(talk, plc, hmi)
    for _ in range(30):
        channel.call(0x1B, 1)
    channel.call(0x13, 1)
    channel.call(0x1B, 1)
capture.write()

capture = Capture("codesys/unusual-port.pcap")
plc, hmi = capture.host("00:30:de:0b:00:51", "10.81.0.51"), capture.host("00:0c:29:0b:00:05", "10.81.0.5")
with capture.tcp(hmi, 52023, plc, 21740) as talk:
    channel = Channel(talk, plc, hmi)
    channel.open()
    channel.call(0x1B, 1, protocol=0x7557)
capture.write()

capture = Capture("codesys/version-2.pcap")
plc, eng = capture.host("00:30:de:0b:00:52", "10.81.0.52"), capture.host("d4:be:d9:0b:00:06", "10.81.0.6")
answer = bytearray(b"\xbb\xbb" + struct.pack("<I", 0x9A) + bytes(154))
for place, text in ((64, b"Nucleus PLUS"), (96, b"Nucleus PLUS 1.15.4"), (128, b"WAGO 750-841")):
    answer[place:place + len(text)] = text
with capture.tcp(eng, 52024, plc, 2455) as talk:
    talk.client(b"\xbb\xbb\x01\x00\x00\x00\x01")
    talk.server(bytes(answer))
capture.write()
