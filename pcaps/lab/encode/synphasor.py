"""Synchrophasors: IEEE C37.118.2-2011 clause 6."""
import struct

from wire import Capture

SECONDS = 1_772_438_400
DATA, HEADER, CFG2, COMMAND, CFG3 = 0, 1, 3, 4, 5


def check(data):
    """Annex B: CRC-CCITT, from all ones, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return struct.pack("!H", crc)


def frame(kind, stream, body, fraction=0):
    head = struct.pack("!BBHHII", 0xAA, kind << 4 | 2, 16 + len(body), stream, SECONDS, fraction)
    return head + body + check(head + body)


def command(stream, number):
    return frame(COMMAND, stream, struct.pack("!H", number))


def station2(name, code, phasors):
    names = b"".join(phasor.ljust(16).encode() for phasor in phasors)
    return name.ljust(16).encode() + struct.pack("!HHHHH", code, 0x000F, len(phasors), 0, 0) + names + bytes(4 * len(phasors)) + struct.pack("!HH", 1, 3)


def station3(name, code, identifier, phasors):
    def named(text):
        return bytes([len(text)]) + text.encode()

    place = struct.pack("!fff", 50.1, 8.7, 112.0)
    scales = bytes(12 * len(phasors))
    tail = place + b"M" + struct.pack("!ii", 20000, 10000) + struct.pack("!HH", 1, 3)
    channels = b"".join(named(phasor) for phasor in phasors)
    return named(name) + struct.pack("!H", code) + identifier + struct.pack("!HHHH", 0x000F, len(phasors), 0, 0) + channels + scales + tail


def configuration2(stream, stations):
    return frame(CFG2, stream, struct.pack("!IH", 1_000_000, len(stations)) + b"".join(stations) + struct.pack("!h", 50))


def data(stream, phasors, fraction):
    return frame(DATA, stream, struct.pack("!H", 0) + b"".join(struct.pack("!ff", 132000.0, 0.1) for _ in range(phasors)) + struct.pack("!ff", 0, 0), fraction)


capture = Capture("synphasor/unit-and-concentrator.pcap")
unit, concentrator, centre = capture.host("00:30:a7:0b:30:01", "10.79.3.1"), capture.host("00:1b:21:0b:30:02", "10.79.3.2"), capture.host("00:50:56:0b:30:03", "10.79.3.3")
with capture.tcp(concentrator, 50101, unit, 4712) as talk:
    talk.client(command(7, 3))
    talk.server(frame(HEADER, 7, b"SEL-487E, feeder 4 North bay, class M, 50 frames a second"))
    talk.client(command(7, 5))
    talk.server(configuration2(7, [station2("North bay", 7, ["VA", "VB", "VC"])]))
    talk.client(command(7, 6))
    body = struct.pack("!HIH", 0, 1_000_000, 1) + station3("North bay feeder 4", 7, bytes.fromhex("5f1e2d3c4b5a69788796a5b4c3d2e1f0"), ["VA", "VB", "VC"]) + struct.pack("!h", 50)
    talk.server(frame(CFG3, 7, body))
    talk.client(command(7, 2))
    for index in range(30):
        talk.server(data(7, 3, index * 20000))
    talk.client(command(7, 1))
with capture.tcp(centre, 50102, concentrator, 4712) as talk:
    talk.client(command(100, 5))
    talk.server(configuration2(100, [station2("North bay", 7, ["VA"]), station2("South bay", 8, ["VA"]), station2("Wind farm", 9, ["VA"])]))
    talk.client(command(100, 2))
    for index in range(10):
        talk.server(data(100, 3, index * 20000))
for index in range(10):
    # Unasked, to the centre's port.
    capture.udp(unit, 4713, centre, 4713, data(7, 3, index * 20000))
capture.write()

capture = Capture("synphasor/picked-up-in-the-middle.pcap")
with capture.tcp(capture.host("00:1b:21:0b:30:02", "10.79.3.2"), 50103, capture.host("00:30:a7:0b:30:01", "10.79.3.1"), 4712, opened=False) as talk:
    for index in range(100):
        talk.server(data(7, 3, index * 20000))
    talk.server(configuration2(7, [station2("North bay", 7, ["VA", "VB", "VC"])]))
    for index in range(20):
        talk.server(data(7, 3, index * 20000))
    talk.client(command(7, 1))
capture.write()

capture = Capture("synphasor/unusual-port.pcap")
with capture.tcp(capture.host("00:1b:21:0b:30:02", "10.79.3.2"), 50104, capture.host("00:30:a7:0b:30:01", "10.79.3.1"), 14712) as talk:
    talk.client(command(7, 2))
    for index in range(10):
        talk.server(data(7, 3, index * 20000))
capture.write()
