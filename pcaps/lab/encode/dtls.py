"""DTLS 1.2 with a key that is shared beforehand: a sensor's CoAP after a cookie exchange; the same with a prime of 1,024 bits on another
port. RFC 6347, RFC 4279, RFC 5246 section 7.4.3.
"""
import struct

from wire import Capture

VERSION = b"\xfe\xfd"


class Side:
    def __init__(self):
        self.sequence = self.epoch = self.number = 0

    def record(self, kind, body):
        head = bytes([kind]) + VERSION + struct.pack("!H", self.epoch) + self.sequence.to_bytes(6, "big") + struct.pack("!H", len(body))
        self.sequence += 1
        return head + body

    def message(self, kind, body):
        size = len(body).to_bytes(3, "big")
        head = bytes([kind]) + size + struct.pack("!H", self.number) + bytes(3) + size
        self.number += 1
        return self.record(22, head + body)

    def change(self):
        changed = self.record(20, b"\1")
        self.epoch, self.sequence = self.epoch + 1, 0
        return changed


def client_hello(cookie, suites):
    return VERSION + bytes(range(32)) + b"\0" + bytes([len(cookie)]) + cookie + struct.pack(f"!H{len(suites)}H", 2 * len(suites), *suites) + b"\1\0"


def server_hello(suite):
    return VERSION + bytes(range(32, 64)) + b"\0" + struct.pack("!H", suite) + b"\0"


def sized(body):
    return struct.pack("!H", len(body)) + body


def session(capture, client, port, server, server_port, suite, exchange, identity):
    here, there = Side(), Side()
    cookie = bytes(range(20))
    up = lambda data: capture.udp(client, port, server, server_port, data)
    down = lambda data: capture.udp(server, server_port, client, port, data)
    up(here.message(1, client_hello(b"", [suite, 0x00AE])))
    down(there.message(3, VERSION + bytes([len(cookie)]) + cookie))
    up(here.message(1, client_hello(cookie, [suite, 0x00AE])))
    down(there.message(2, server_hello(suite)) + (there.message(12, exchange) if exchange else b"") + there.message(14, b""))
    up(here.message(16, sized(identity) + (sized(bytes(range(128))) if exchange else b"")) + here.change() + here.record(22, bytes(range(40))))
    down(there.change() + there.record(22, bytes(range(40))))
    for _ in range(3):
        up(here.record(23, bytes(range(60))))
        down(there.record(23, bytes(range(70))))


capture = Capture("dtls/shared-keys.pcap")
server, sensor = capture.host("00:0c:29:14:00:01", "10.97.0.1"), capture.host("24:0a:c4:14:00:11", "10.97.0.11", 255)
session(capture, sensor, 50101, server, 5684, 0xC0A8, b"", b"sensor-17")
prime = sized(b"\xf7" + bytes(range(127))) + sized(b"\2") + sized(bytes(range(128)))
session(capture, sensor, 50102, server, 15684, 0x0090, sized(b"meters") + prime, b"sensor-17")
capture.write()
