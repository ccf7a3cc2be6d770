"""TACACS+: a switch that hides what it says and one that does not. RFC 8907; the pad of section 4.5 is a real one, with a key made up."""
import hashlib
import struct

from wire import Capture

KEY = b"LABSECRET-tacplus"
UNENCRYPTED = 1


def packet(kind, sequence, session, body, hidden=True):
    version, flags = 0xC0, 0 if hidden else UNENCRYPTED
    if hidden:
        pad, last = b"", b""
        while len(pad) < len(body):
            last = hashlib.md5(struct.pack("!I", session) + KEY + bytes([version, sequence]) + last).digest()
            pad += last
        body = bytes(a ^ b for a, b in zip(body, pad))
    return struct.pack("!BBBBII", version, kind, sequence, flags, session, len(body)) + body


def start(kind, user, port, address, data):
    return struct.pack("!BBBBBBBB", 1, 1, kind, 1, len(user), len(port), len(address), len(data)) + user + port + address + data


def reply(status, text):
    return struct.pack("!BBHH", status, 0, len(text), 0) + text


def typed(text):
    return struct.pack("!HHB", len(text), 0, 0) + text


def log_in(talk, session, user, password, hidden):
    talk.client(packet(1, 1, session, start(1, user, b"tty1", b"10.95.0.12", b""), hidden))
    talk.server(packet(1, 2, session, reply(5, b"Password: "), hidden))
    talk.client(packet(1, 3, session, typed(password), hidden))
    talk.server(packet(1, 4, session, reply(1, b""), hidden))


capture = Capture("tacplus/hidden-and-open.pcap")
server = capture.host("00:0c:29:12:00:01", "10.95.0.1")
switch, router = capture.host("00:1e:bd:12:00:11", "10.95.0.11", 255), capture.host("00:80:63:12:00:12", "10.95.0.12")
with capture.tcp(switch, 50101, server, 49) as talk:
    log_in(talk, 0x1A2B3C4D, b"netadmin", b"LABSECRET-tac1", True)
    talk.client(packet(2, 1, 0x1A2B3C4E, struct.pack("!BBBBBBBB", 6, 15, 1, 1, 8, 4, 10, 1) + b"\x0dnetadmintty110.95.0.12service=shell"))
    talk.server(packet(2, 2, 0x1A2B3C4E, struct.pack("!BBHH", 1, 0, 0, 0)))
with capture.tcp(router, 50102, server, 49) as talk:
    log_in(talk, 0x5A5B5C5D, b"netadmin", b"LABSECRET-tac2", False)
    talk.client(packet(1, 1, 0x5A5B5C5E, start(2, b"monitor", b"http", b"10.95.0.13", b"LABSECRET-tac3"), False))
    talk.server(packet(1, 2, 0x5A5B5C5E, reply(2, b""), False))
capture.write()

capture = Capture("tacplus/unusual-port.pcap")
server, switch = capture.host("00:0c:29:12:00:01", "10.95.0.1"), capture.host("00:1e:bd:12:00:11", "10.95.0.11", 255)
with capture.tcp(switch, 50103, server, 10049, opened=False) as talk:
    log_in(talk, 0x1A2B3C4F, b"netadmin", b"LABSECRET-tac1", True)
capture.write()
