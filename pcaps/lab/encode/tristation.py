"""TriStation as tricotools (BSD-3-Clause) describes it: an engineering station connects, looks at a Tricon, loads a program and stops it."""
import struct

from wire import Capture


def crc16(data):
    """The polynomial of Modbus, beginning with 0; low byte first."""
    register = 0
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return struct.pack("<H", register)


def sealed(data):
    return data + crc16(data)


def plain(kind):
    return sealed(struct.pack("<BBH", kind, 0, 0))


def command(code, sequence, data=b"", answer=False):
    length = len(data) + 10
    head = struct.pack("<BBBBH", int(answer), 0, code, sequence, 0)
    total = (sum(head) + sum(struct.pack("<H", length)) + sum(data) + length) & 0xFFFF
    return sealed(struct.pack("<BBH", 5, 0, length) + head + struct.pack("<HH", total, length) + data)


def cp_status(key, run, project):
    data = struct.pack("<HBBBBBBB", 1, 0, 0, 13, 0, 1, key, run)
    data += bytes(5) + struct.pack("<IIIII", 0x800000, 0x400000, 0x600000, 0xFE5000, 0xFFAFFF) + bytes(24)
    data += struct.pack("<HHI", 3, 4, 1_772_000_000) + project.encode().ljust(10, b"\0")
    return data.ljust(186, b"\0")


def module(leds, kind, colour=1):
    return struct.pack("<BBBB", leds, 0x21, kind, colour) + bytes(28)


def chassis_status(key, run, project, slots):
    data = struct.pack("<HBBHHHIIIHII", 2, 0xFF, run, key, 4, 3, 1_772_000_000, 200, 200, 181, 0, 1)
    data += project.encode().ljust(10, b"\0") + struct.pack("<I", 1_772_438_400)
    data += struct.pack("<BBBBIIII", 0x56, 2, 0, 0, 8340703, 8251952, 0x1B, 0x32)
    processors = [module(0x15, 0xF0), module(2, 0xF0, 2), module(2, 0xF0, 2)]
    data += b"".join(processors) + struct.pack("<HH", 0xA6, 1024) + b"".join(processors)
    return data + b"".join(module(5, kind) if kind else bytes(32) for kind in slots)


def module_versions(kinds, revision, serial):
    data = bytes([0, 0xFF]) + b"".join(struct.pack("<HHHH", kind, 6265, 0, 0) if kind else bytes(8) for kind in kinds)
    data += bytes(434)
    return data[:450] + b"740024" + revision + serial + bytes(303)


capture = Capture("tristation/attach-status-and-download.pcap")
station = capture.host("d4:be:d9:0b:00:61", "10.79.6.6")
tricon = capture.host("00:20:96:0b:00:62", "10.79.6.11")


def ask(host, port, request, answer, back=None):
    capture.udp(station, port, host, back or 1502, request)
    if answer is not None:
        capture.udp(host, back or 1502, station, port, answer)


ask(tricon, 50211, plain(1), plain(2))
ask(tricon, 50211, command(13, 1), command(106, 1, bytes([3, 0, 0x33, 10, 4, 0]), answer=True))
ask(tricon, 50211, command(24, 2), command(119, 2, chassis_status(3, 0, "ESD_UNIT3", [55, 0, 11, 0, 20, 0, 95, 0, 0, 0, 0, 0, 0]), answer=True))
ask(tricon, 50211, command(54, 3), command(151, 3, module_versions([255, 255, 255, 55, 0, 11, 0, 20, 0, 95] + [0] * 6, b"B07", b"20441187"), answer=True))
for turn in range(20):
    ask(tricon, 50211, command(19, 4 + turn), command(108, 4 + turn, cp_status(3, 0, "ESD_UNIT3"), answer=True))
    capture.wait(1)
ask(tricon, 50211, command(21, 30), command(212, 30, answer=True))
# Somebody turns the key.
ask(tricon, 50211, command(19, 31), command(108, 31, cp_status(1, 0, "ESD_UNIT3"), answer=True))
ask(tricon, 50211, command(1, 32), command(102, 32, answer=True))
ask(tricon, 50211, command(55, 33, struct.pack("<HHHHH", 1, 0, 40, 0, 40) + bytes(range(160))), command(153, 33, answer=True))
ask(tricon, 50211, command(11, 34), command(103, 34, answer=True))
ask(tricon, 50211, command(21, 35), command(110, 35, answer=True))
ask(tricon, 50211, command(19, 36), command(108, 36, cp_status(1, 1, "ESD_UNIT3"), answer=True))
ask(tricon, 50211, plain(4), plain(3))
capture.write()

capture = Capture("tristation/unusual-port.pcap")
station = capture.host("d4:be:d9:0b:00:61", "10.79.6.6")
tricon = capture.host("00:20:96:0b:00:63", "10.79.6.12")
# Picked up in the middle, with version 9.
for turn in range(5):
    ask(tricon, 50212, command(19, turn), command(108, turn, cp_status(2, 0, "BURNER2"), answer=True), back=21502)
ask(tricon, 50212, command(13, 6), command(106, 6, bytes([3, 0, 0x33, 0, 0, 0]), answer=True), back=21502)
capture.write()
