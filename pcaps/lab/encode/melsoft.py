"""MELSOFT connection as captures of GX Works show it: type name, reads, a stop."""
import struct

from wire import Capture

ROUTE_ASKED = bytes.fromhex("0000ffff030000fe030000")
ROUTE_ANSWERED = bytes.fromhex("000000e40300ffff030000")


def ask(command, data):
    body = bytes.fromhex("1c080a080000000000000004") + struct.pack(">H", command) + data
    return b"\x57\0\0\0\0\x11\x11\x07" + ROUTE_ASKED + struct.pack("<H", len(body)) + body


def answer(command, data, end=0):
    body = bytes.fromhex("9c000c080000000010040000") + struct.pack("<H", end) + struct.pack(">H", command) + b"\x01\0\0\0" + data
    return b"\xd7\0\xc8\0\0\x11\x11\x07" + ROUTE_ANSWERED + struct.pack("<H", len(body)) + body


capture = Capture("melsoft/type-name-and-stop.pcap")
programmer = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
lift = capture.host("28:e9:8e:0b:00:46", "10.79.0.46")
fan = capture.host("28:e9:8e:0b:00:47", "10.79.0.47")
with capture.tcp(programmer, 50121, lift, 5007) as talk:
    talk.client(ask(0x0101, b"\x01\0\0\0\0\x01"))
    talk.server(answer(0x0101, b"Q26UDEHCPU".ljust(16) + b"\x6c\x02\0\x08"))
    for at in range(10):
        talk.client(ask(0x0401, struct.pack("<IH", at, 4)))
        talk.server(answer(0x0401, struct.pack("<4H", at, 1, 2, 3)))
    talk.client(ask(0x1002, b"\x01\0"))
    talk.server(answer(0x1002, b""))
with capture.tcp(programmer, 50122, fan, 25007, opened=False) as talk:
    talk.client(ask(0x0101, b"\x01\0\0\0\0\x01"))
    talk.server(answer(0x0101, b"L02CPU".ljust(16) + b"\x41\x05\0\x08"))
capture.write()
