"""DNP3: IEEE 1815-2012 clauses 9 (data link), 8 (transport), 4 (application), 7 (secure authentication), annex A (objects)."""
import struct

from wire import Capture


def check(data):
    """9.2.4.3: bit by bit, least significant first."""
    crc = 0
    for byte in data:
        for bit in range(8):
            low = (crc ^ byte >> bit) & 1
            crc >>= 1
            if low:
                crc ^= 0xA6BC
    return struct.pack("<H", crc ^ 0xFFFF)


def link(control, destination, source, data=b""):
    head = struct.pack("<BBBBHH", 0x05, 0x64, 5 + len(data), control, destination, source)
    blocks = [data[at:at + 16] for at in range(0, len(data), 16)]
    return head + check(head) + b"".join(block + check(block) for block in blocks)


class End:
    """A station: its fragments in transport segments of up to 249 bytes, each in a frame."""

    def __init__(self, address, master):
        self.address, self.control, self.sequence = address, 0xC4 if master else 0x44, 0

    def send(self, to, fragment):
        pieces = [fragment[at:at + 249] for at in range(0, len(fragment), 249)]
        frames = []
        for index, piece in enumerate(pieces):
            octet = (0x40 if index == 0 else 0) | (0x80 if index == len(pieces) - 1 else 0) | self.sequence
            self.sequence = (self.sequence + 1) % 64
            frames.append(link(self.control, to, self.address, bytes([octet]) + piece))
        return frames


def request(sequence, function, objects=b""):
    return bytes([0xC0 | sequence, function]) + objects


def response(sequence, objects=b"", indications=0, function=129):
    return bytes([0xC0 | sequence, function]) + struct.pack(">H", indications) + objects


def attribute(variation, value):
    return bytes([0, variation, 0, 0, 0, 1, len(value)]) + value


def attributes(*pairs):
    return b"".join(attribute(variation, value.encode()) for variation, value in pairs)


POLL = bytes.fromhex("3c02063c03063c04063c0106")
POINTS = bytes.fromhex("0102000007") + b"\x01" * 8
LATCH = bytes.fromhex("0c011701") + b"\x04" + bytes.fromhex("0301640000006400000000")
ALL_ATTRIBUTES = bytes.fromhex("00fe000000")
RTU = (
    (242, "9.6.2-R4"), (243, "Rev C"), (245, "Wellfield North, cabinet 2"), (246, "WFN-RTU-02"), (247, "WELLFIELD-N"), (248, "P1204-77810"),
    (249, "2:2016"), (250, "SCADAPack 474"), (252, "Schneider Electric"),
)

capture = Capture("dnp3/device-attributes-control-restart.pcap")
centre, rtu = capture.host("00:50:56:0b:10:01", "10.79.1.1"), capture.host("00:04:17:0b:10:02", "10.79.1.2")
master, outstation = End(1, True), End(22, False)
with capture.tcp(centre, 50001, rtu, 20000) as talk:
    def exchange(asked, answered):
        for frame in master.send(22, asked):
            talk.client(frame)
        for frame in outstation.send(1, answered) if answered else []:
            talk.server(frame)

    talk.client(link(0xC0, 22, 1))
    talk.server(link(0x00, 1, 22))
    exchange(request(0, 1, ALL_ATTRIBUTES), response(0, attributes(*RTU), 0x8000))
    exchange(request(1, 2, bytes.fromhex("500100070700")), response(1))
    for sequence in range(20):
        exchange(request(sequence % 16, 1, POLL), response(sequence % 16, POINTS))
    exchange(request(3, 3, LATCH), response(3, LATCH))
    exchange(request(4, 4, LATCH), response(4, LATCH))
    exchange(request(5, 13), response(5, bytes.fromhex("340107010500"), 0))
    # 12 for the offsets and the key, then user and password.
    login = struct.pack("<HHHHI", 12, 5, 17, 14, 0) + b"maint" + b"LABSECRET-file"
    exchange(request(6, 29, bytes.fromhex("46025b01") + struct.pack("<H", len(login)) + login), response(6))
capture.write()

capture = Capture("dnp3/two-outstations-and-secure-authentication.pcap")
centre, server = capture.host("00:50:56:0b:10:01", "10.79.1.1"), capture.host("00:90:e8:0b:10:03", "10.79.1.3")
master, first, second = End(1, True), End(31, False), End(32, False)
with capture.tcp(centre, 50002, server, 20000, opened=False) as talk:
    for sequence in range(30):
        for outstation in (first, second):
            for frame in master.send(outstation.address, request(sequence % 16, 1, POLL)):
                talk.client(frame)
            for frame in outstation.send(1, response(sequence % 16, POINTS)):
                talk.server(frame)
    for frame in master.send(31, request(3, 5, LATCH)):
        talk.client(frame)
    # Challenge (group 120 variation 1), reply (variation 2), then what was asked for.
    challenge = bytes.fromhex("78015b01") + struct.pack("<H", 14) + struct.pack("<IHBBI", 1, 1, 4, 1, 0x5EED) + b"\0\0"
    reply = bytes.fromhex("78025b01") + struct.pack("<H", 16) + struct.pack("<IH", 1, 1) + bytes(range(10))
    for frame in first.send(1, response(3, challenge, 0, 131)):
        talk.server(frame)
    for frame in master.send(31, request(3, 32, reply)):
        talk.client(frame)
    for frame in first.send(1, response(3, LATCH)):
        talk.server(frame)
    for frame in master.send(32, request(4, 1, ALL_ATTRIBUTES)):
        talk.client(frame)
    for frame in second.send(1, response(4, attributes((250, "SEL-3530"), (252, "Schweitzer Engineering Laboratories"), (242, "R143-V0")))):
        talk.server(frame)
capture.write()

capture = Capture("dnp3/unusual-port.pcap")
centre, rtu = capture.host("00:50:56:0b:10:01", "10.79.1.1"), capture.host("00:04:17:0b:10:02", "10.79.1.2")
master, outstation = End(1, True), End(22, False)
with capture.tcp(centre, 50003, rtu, 12000) as talk:
    for sequence in range(5):
        for frame in master.send(22, request(sequence, 1, POLL)):
            talk.client(frame)
        for frame in outstation.send(1, response(sequence, POINTS)):
            talk.server(frame)
for sequence in range(3):
    for frame in master.send(22, request(sequence, 1, POLL)):
        capture.udp(centre, 20000, rtu, 20000, frame)
    for frame in outstation.send(1, response(sequence, POINTS)):
        capture.udp(rtu, 20000, centre, 20000, frame)
# To all outstations, without an answer.
capture.udp(centre, 20000, rtu, 20000, master.send(0xFFFF, request(9, 24))[0])
capture.write()
