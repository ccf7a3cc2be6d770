"""HART-IP: a gateway with two transmitters and a positioner behind it is asked, polled and set; one device answers for itself.

FieldComm Group TS20085 (messages), TS20081 (frames), TS20127 and TS20151 (commands).
"""
import struct

from wire import Capture

PORT = 5094


class Session:
    def __init__(self, talk):
        self.talk, self.sequence = talk, 0

    def message(self, kind, number, body):
        return struct.pack(">BBBBHH", 1, kind, number, 0, self.sequence, 8 + len(body)) + body

    def exchange(self, number, ask, told):
        self.sequence += 1
        self.talk.client(self.message(0, number, ask))
        self.talk.server(self.message(1, number, told))

    def open(self):
        body = struct.pack(">BI", 1, 600000)
        self.exchange(0, body, body)

    def command(self, device, number, ask=b"", told=b"", code=0):
        address = struct.pack(">HBBB", 0x8000 | device[0] & 0x3FFF, *device[1])
        frames = []
        for delimiter, data in ((0x82, ask), (0x86, bytes([code, 0]) + told)):
            frame = bytes([delimiter]) + address + bytes([number, len(data)]) + data
            check = 0
            for byte in frame:
                check ^= byte
            frames.append(frame + bytes([check]))
        self.exchange(3, *frames)


#: (expanded device type, device id), manufacturer, device revision, software revision, hardware revision, long tag
GATEWAY = ((0xB05D, (0x01, 0x44, 0x07)), 93, 3, 12, 2, "Gateway unit 4")
PRESSURE = ((0x2606, (0x0A, 0xBC, 0x11)), 38, 10, 3, 3, "PT-4711 reactor 3")
LEVEL = ((0x1133, (0x51, 0x20, 0x77)), 17, 2, 14, 1, "LT-4720 reactor 3")


def identity(row):
    (kind, number), maker, revision, software, hardware, _ = row
    return struct.pack(">BHBBBBBB", 254, kind, 5, 7, revision, software, hardware << 3, 0) + bytes(number) + struct.pack(">BBHBHHB", 5, 4, 1, 0, maker, maker, 1)


def packed(text, length):
    bits = "".join(f"{ord(char) & 0x3F:06b}" for char in text.ljust(length))
    return bytes(int(bits[at:at + 8], 2) for at in range(0, len(bits), 8))


def ask_all(session):
    for row in (GATEWAY, PRESSURE, LEVEL):
        session.command(row[0], 0, told=identity(row))
        session.command(row[0], 20, told=row[5].encode().ljust(32, b"\0"))
        session.command(row[0], 13, told=packed(row[5][:7].upper(), 8) + packed("UNIT 4", 16) + bytes([2, 3, 126]))


def poll(session, times):
    for number in range(times):
        for row in (PRESSURE, LEVEL):
            session.command(row[0], 3, told=struct.pack(">fBf", 12.5, 7, number / 10))


capture = Capture("hart_ip/gateway-identity-and-commands.pcap")
gateway, server = capture.host("00:0d:81:0b:00:71", "10.81.0.71"), capture.host("00:0c:29:0b:00:05", "10.81.0.5")
with capture.tcp(server, 52051, gateway, PORT) as talk:
    session = Session(talk)
    session.open()
    ask_all(session)
    poll(session, 10)
    session.command(PRESSURE[0], 35, struct.pack(">Bff", 7, 10.0, 0.0), struct.pack(">Bff", 7, 10.0, 0.0))
    session.command(LEVEL[0], 42)
    session.exchange(2, b"", b"")
capture.write()

capture = Capture("hart_ip/picked-up-in-the-middle.pcap")
gateway, server = capture.host("00:0d:81:0b:00:71", "10.81.0.71"), capture.host("00:0c:29:0b:00:05", "10.81.0.5")
with capture.tcp(server, 52052, gateway, PORT, opened=False) as talk:
    session = Session(talk)
    poll(session, 15)
    session.command(LEVEL[0], 0, told=identity(LEVEL))
    session.command(LEVEL[0], 22, b"LT-4721 reactor 4".ljust(32, b"\0"), b"LT-4721 reactor 4".ljust(32, b"\0"))
    poll(session, 5)
capture.write()


class Datagrams:
    def __init__(self, capture, client, server, port):
        self.client = lambda payload: capture.udp(client, 52053, server, port, payload)
        self.server = lambda payload: capture.udp(server, port, client, 52053, payload)


capture = Capture("hart_ip/unusual-port.pcap")
flow, server = capture.host("00:0d:81:0b:00:72", "10.81.0.72"), capture.host("00:0c:29:0b:00:05", "10.81.0.5")
session = Session(Datagrams(capture, server, flow, 25094))
session.open()
session.command(PRESSURE[0], 0, told=identity(PRESSURE))
capture.write()
