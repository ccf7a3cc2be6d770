"""Modbus RTU frames on TCP by MODBUS over Serial Line V1.02: two units behind a serial server, one picked up in the middle, one on a port
that nobody would look at."""
import struct

from wire import Capture, crc16_modbus


def frame(unit, function, data):
    body = bytes([unit, function]) + data
    return body + crc16_modbus(body)


def identification(*texts):
    objects = b"".join(bytes([at, len(text)]) + text for at, text in enumerate(texts))
    return b"\x0e\x01\x01\0\0" + bytes([len(texts)]) + objects


capture = Capture("mbrtu/units-behind-serial-servers.pcap")
supervisor = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
server = capture.host("00:90:e8:0b:00:61", "10.79.0.61")
with capture.tcp(supervisor, 50141, server, 4001) as talk:
    for at in range(8):
        unit = 1 + at % 2
        talk.client(frame(unit, 3, struct.pack("!HH", 100, 2)))
        talk.server(frame(unit, 3, b"\x04" + struct.pack("!HH", at, 230)))
    talk.client(frame(1, 0x2B, b"\x0e\x01\0"))
    talk.server(frame(1, 0x2B, identification(b"Carlo Gavazzi", b"EM24-DIN", b"1.07")))
    talk.client(frame(2, 0x11, b""))
    talk.server(frame(2, 0x11, b"\x0dLUMEL-ND20\xff\0\0"[:14]))
    talk.client(frame(2, 6, struct.pack("!HH", 4000, 1)))
    talk.server(frame(2, 6, struct.pack("!HH", 4000, 1)))
    talk.client(frame(9, 3, struct.pack("!HH", 0, 1)))
    talk.server(frame(9, 0x83, b"\x0b"))
with capture.tcp(supervisor, 50142, server, 34002, opened=False) as talk:
    for at in range(6):
        talk.client(frame(17, 4, struct.pack("!HH", 8, 1)))
        talk.server(frame(17, 4, b"\x02" + struct.pack("!H", 400 + at)))
    talk.client(frame(17, 0x10, struct.pack("!HHBH", 16, 1, 2, 1)))
    talk.server(frame(17, 0x10, struct.pack("!HH", 16, 1)))
capture.write()
