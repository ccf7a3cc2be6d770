"""SLMP by SH-080956: a Q, an iQ-R and an FX5 controller, remote passwords, a stop, a reset."""
import struct

from wire import Capture


def ask(command, body=b"", sub=0, serial=None):
    data = struct.pack("<HHH", 4, command, sub) + body
    return head(0x50, serial) + struct.pack("<H", len(data)) + data


def answer(body=b"", end=0, serial=None):
    data = struct.pack("<H", end) + body
    return head(0xD0, serial) + struct.pack("<H", len(data)) + data


def head(sub, serial):
    numbered = struct.pack("<BBHH", sub | 4, 0, serial, 0) if serial is not None else bytes([sub, 0])
    return numbered + struct.pack("<BBHB", 0, 0xFF, 0x03FF, 0)


def digits(command, body=""):
    data = f"0004{command:04X}0000{body}"
    return f"500000FF03FF00{len(data):04X}{data}".encode()


def digits_answer(body="", end=0):
    data = f"{end:04X}{body}"
    return f"D00000FF03FF00{len(data):04X}{data}".encode()


def name(text, code):
    return text.ljust(16).encode() + struct.pack("<H", code)


PASSWORD = struct.pack("<H", 14) + b"LABSECRET-slmp"

capture = Capture("slmp/passwords-and-remote-control.pcap")
station = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
lift = capture.host("28:e9:8e:0b:00:41", "10.79.0.41")
press = capture.host("28:e9:8e:0b:00:42", "10.79.0.42")
crane = capture.host("28:e9:8e:0b:00:43", "10.79.0.43")

with capture.tcp(station, 50111, lift, 5007) as talk:
    talk.client(ask(0x0401, b"\0\0\0\xa8\x04\0"))
    talk.server(answer(end=0xC201, body=struct.pack("<BBHBHH", 0, 0xFF, 0x03FF, 0, 0x0401, 0)))
    talk.client(ask(0x1630, PASSWORD))
    talk.server(answer())
    talk.client(ask(0x0101))
    talk.server(answer(name("Q06UDEHCPU", 0x026C)))
    for at in range(15):
        talk.client(ask(0x0401, struct.pack("<I", at)[:3] + b"\xa8\x04\0"))
        talk.server(answer(struct.pack("<4H", at, 1, 2, 3)))
    talk.client(ask(0x1401, b"\x10\0\0\xa8\x01\0\x2a\0"))
    talk.server(answer())
    talk.client(ask(0x1002, b"\x01\0"))
    talk.server(answer())
    talk.client(ask(0x1631, PASSWORD))
    talk.server(answer())

# In the middle, frames with numbers: two at a time are open.
with capture.tcp(station, 50112, press, 5007, opened=False) as talk:
    for at in range(10):
        talk.client(ask(0x0403, b"\x01\0" + struct.pack("<I", at)[:3] + b"\xa8", serial=at))
        talk.server(answer(struct.pack("<H", at), serial=at))
    talk.client(ask(0x0101, serial=40) + ask(0x0401, b"\0\0\0\xa8\x09\0", serial=41))
    talk.server(answer(b"Not a type name, no" [:18], serial=41))
    talk.server(answer(name("R04CPU", 0x4800), serial=40))

with capture.tcp(station, 50113, crane, 15007) as talk:
    talk.client(digits(0x0101))
    talk.server(digits_answer("FX5UCPU".ljust(16) + "4A21"))
    talk.client(digits(0x1006, "0001"))
capture.write()
