"""FINS by Omron W342 (commands) and W421 (FINS/TCP): a CJ2M over TCP with its units, an NJ over UDP in the middle of its polls, a CP1L on
another port."""
import struct

from wire import Capture

MEMORY_READ, MEMORY_WRITE, STATUS, DATA, UNITS = 0x0101, 0x0102, 0x0601, 0x0501, 0x0502


class Node:
    """Frames between two nodes of network 0: ICF, RSV, GCT, DNA DA1 DA2, SNA SA1 SA2, SID."""

    def __init__(self, client, server):
        self.client, self.server, self.sid = client, server, 0

    def ask(self, command, body=b""):
        self.sid = (self.sid + 1) & 0xFF
        return struct.pack("!BBBBBBBBBBH", 0x80, 0, 2, 0, self.server, 0, 0, self.client, 0, self.sid, command) + body

    def answer(self, command, body=b"", end=0, unit=0):
        return struct.pack("!BBBBBBBBBBHH", 0xC0, 0, 2, 0, self.client, 0, 0, self.server, unit, self.sid, command, end) + body


def tcp(command, body, error=0):
    return b"FINS" + struct.pack("!III", 8 + len(body), command, error) + body


def controller(model, version):
    area = struct.pack("!HBBHHBB", 20, 8, 1, 32768, 0, 0, 0)
    return model.ljust(20).encode() + version.encode().ljust(20, b"\0") + bytes(40) + area.ljust(12, b"\0")


def units(rows):
    return bytes([0x80 | len(rows)]) + b"".join(bytes([address]) + model.ljust(20).encode() for address, model in rows)


def words(count):
    return struct.pack(f"!{count}H", *(100 + 7 * at for at in range(count)))


capture = Capture("omron-fins/units-mode-and-program.pcap")
line = capture.host("00:00:0a:0b:00:31", "10.79.0.31")
press = capture.host("00:00:0a:0b:00:32", "10.79.0.32")
pump = capture.host("00:00:0a:0b:00:33", "10.79.0.33")
station = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")

node = Node(6, 31)
with capture.tcp(station, 50101, line, 9600) as talk:
    talk.client(tcp(0, struct.pack("!I", 0)))
    talk.server(tcp(1, struct.pack("!II", node.client, node.server)))

    def turn(command, body=b"", answer=b"", end=0):
        talk.client(tcp(2, node.ask(command, body)))
        talk.server(tcp(2, node.answer(command, answer, end)))

    turn(DATA, b"\0", controller("CJ2M-CPU35", "02.01"))
    turn(UNITS, b"\0\0", units([(0x10, "CJ1W-EIP21"), (0x12, "CJ1W-SCU42")]))
    turn(STATUS, b"", bytes([1, 4]) + bytes(24))
    for at in range(20):
        turn(MEMORY_READ, struct.pack("!BHBH", 0x82, 100 + at, 0, 10), words(10))
    turn(MEMORY_WRITE, struct.pack("!BHBHH", 0x82, 300, 0, 1, 1500))
    turn(0x0304, struct.pack("!HBII4s", 0xFFFF, 0, 0, 0xFFFFFFFF, b"LABS"))
    turn(0x0402, b"\xff\xff")
    turn(0x0307, struct.pack("!HIH", 0xFFFF, 0, 0x8008) + bytes(8), end=0x2102)
    turn(0x0401, b"\xff\xff\x04")

node = Node(6, 32)
for at in range(10):
    capture.udp(station, 9600, press, 9600, node.ask(MEMORY_READ, struct.pack("!BHBH", 0xB0, at, 0, 4)))
    capture.udp(press, 9600, station, 9600, node.answer(MEMORY_READ, words(4)))
capture.udp(station, 9600, press, 9600, node.ask(DATA, b"\0"))
capture.udp(press, 9600, station, 9600, node.answer(DATA, controller("NJ501-1300", "01.18")))

node = Node(6, 33)
with capture.tcp(station, 50102, pump, 19600) as talk:
    talk.client(tcp(0, struct.pack("!I", 6)))
    talk.server(tcp(1, struct.pack("!II", node.client, node.server)))
    talk.client(tcp(2, node.ask(DATA, b"\0")))
    talk.server(tcp(2, node.answer(DATA, controller("CP1L-EM40DR-D", "01.10"))))
capture.write()
