"""VNC: a panel without a password, one with, refused and let in; VeNCrypt. RFC 6143; VeNCrypt 0.2."""
import struct

from wire import Capture

VERSION_8, VERSION_3 = b"RFB 003.008\n", b"RFB 003.003\n"


def init(name):
    pixels = struct.pack("!BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
    return struct.pack("!HH", 1024, 768) + pixels + struct.pack("!I", len(name)) + name.encode()


def opened(talk, version, types, choice):
    talk.server(version)
    talk.client(version)
    talk.server(bytes([len(types), *types]))
    talk.client(bytes([choice]))


def watched(talk):
    for _ in range(4):
        talk.client(b"\3\1" + struct.pack("!HHHH", 0, 0, 1024, 768))
        talk.server(b"\0\0\0\1" + struct.pack("!HHHHi", 0, 0, 16, 16, 0) + bytes(1024))


def hello():
    body = b"\x03\x03" + bytes(range(32)) + b"\0\0\x02\xc0\x2f\x01\0"
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack("!H", len(message)) + message


capture = Capture("vnc/panels-and-a-workstation.pcap")
panel, old, workstation = capture.host("00:0a:cd:10:00:01", "10.93.0.1"), capture.host("00:0a:cd:10:00:02", "10.93.0.2"), capture.host("00:0c:29:10:00:03", "10.93.0.3")
station = capture.host("d4:be:d9:10:00:12", "10.93.0.12", 128)
with capture.tcp(station, 50101, panel, 5900) as talk:
    opened(talk, VERSION_8, [1, 2], 1)
    talk.server(struct.pack("!I", 0))
    talk.client(b"\1")
    talk.server(init("Panel line 3"))
    watched(talk)
with capture.tcp(station, 50102, old, 5900) as talk:
    talk.server(VERSION_3)
    talk.client(VERSION_3)
    talk.server(struct.pack("!I", 2))
    talk.server(bytes(range(16)))
    talk.client(bytes(range(16, 32)))
    talk.server(struct.pack("!I", 0))
    talk.client(b"\1")
    talk.server(init("WINCE"))
    watched(talk)
with capture.tcp(station, 50103, workstation, 5901) as talk:
    opened(talk, VERSION_8, [19, 2], 2)
    talk.server(bytes(range(16)))
    talk.client(bytes(range(32, 48)))
    reason = b"Authentication failure"
    talk.server(struct.pack("!II", 1, len(reason)) + reason)
with capture.tcp(station, 50104, workstation, 5901) as talk:
    opened(talk, VERSION_8, [19, 2], 19)
    talk.server(b"\0\2")
    talk.client(b"\0\2")
    talk.server(b"\0")
    talk.server(b"\2" + struct.pack("!II", 261, 258))
    talk.client(struct.pack("!I", 261))
    talk.server(b"\1")
    talk.client(hello())
capture.write()

capture = Capture("vnc/unusual-port.pcap")
panel, station = capture.host("00:0a:cd:10:00:01", "10.93.0.1"), capture.host("d4:be:d9:10:00:12", "10.93.0.12", 128)
with capture.tcp(station, 50105, panel, 15900) as talk:
    opened(talk, VERSION_8, [1], 1)
    talk.server(struct.pack("!I", 0))
    talk.client(b"\1")
    talk.server(init("Panel line 3"))
capture.write()
