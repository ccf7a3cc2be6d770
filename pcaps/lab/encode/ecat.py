"""EtherCAT: a master counts its slaves, names them, reads their identity, starts them, exchanges process data.

ETG.1000.4 (datagrams, registers), ETG.1000.6 (SDO), ETG.2010 (identity in the slave information interface).
"""
import struct

from wire import Capture

BROADCAST = "ff:ff:ff:ff:ff:ff"
APRD, APWR, FPRD, FPWR, BRD, LRW = 1, 2, 4, 5, 7, 12
MASTER = "00:01:05:0b:00:31"
RETURNED = "02:01:05:0b:00:31"
#: vendor, product code, revision, serial number, name
SLAVES = [
    (0x00000002, 0x044C2C52, 0x00120000, 0, None),
    (0x00000002, 0x07D83052, 0x00130000, 0, None),
    (0x0000001D, 0x7B5A25, 0x00020001, 40117, "CMMT-AS-C4-3A-EC-S1"),
]

#: order name, group, name, as the strings of the information interface have them
NAMES = [
    (b"EK1100", b"SystemBk", b"EK1100 EtherCAT Coupler (2A E-Bus)"),
    (b"EL2008", b"DigOut", b"EL2008 8Ch. Dig. Output 24V, 0.5A"),
    (b"CMMT-AS-C4-3A-EC-S1", b"Drives", b"CMMT-AS servo drive"),
]


def categories(*strings):
    text = bytes([len(strings)]) + b"".join(bytes([len(string)]) + string for string in strings)
    text += b"\xff" * (len(text) % 2)
    general = bytes([2, 0, 1, 3]) + bytes(28)
    memory = struct.pack("<HH", 10, len(text) // 2) + text + struct.pack("<HH", 30, len(general) // 2) + general + b"\xff\xff"
    return memory.ljust((len(memory) + 3) // 4 * 4, b"\xff")


def frame(capture, source, datagrams):
    body = b""
    for index, (command, address, register, data, counter) in enumerate(datagrams):
        more = 0x8000 if index + 1 < len(datagrams) else 0
        body += struct.pack("<BBHHHH", command, 0x40, address & 0xFFFF, register, len(data) | more, 0) + data + struct.pack("<H", counter)
    capture.frame(source, BROADCAST, 0x88A4, struct.pack("<H", len(body) | 0x1000) + body)


def exchange(capture, out, back):
    frame(capture, MASTER, out)
    frame(capture, RETURNED, back)


def states(code):
    out, back = [(BRD, 0, 0x0130, bytes(2), 0)], [(BRD, len(SLAVES), 0x0130, bytes([code, 0]), len(SLAVES))]
    for position in range(len(SLAVES)):
        out.append((APRD, -position, 0x0130, bytes(2), 0))
        back.append((APRD, len(SLAVES) - position, 0x0130, bytes([code, 0]), 1))
    return out, back


def start(capture):
    exchange(capture, *states(1))
    for position in range(len(SLAVES)):
        station = struct.pack("<H", 1001 + position)
        exchange(capture, [(APWR, -position, 0x0010, station, 0)], [(APWR, len(SLAVES) - position, 0x0010, station, 1)])
    for position, (vendor, product, revision, serial, name) in enumerate(SLAVES):
        for word, low, high in ((0x08, vendor, product), (0x0C, revision, serial)):
            ask = struct.pack("<HI", 0x0100, word)
            exchange(capture, [(FPWR, 1001 + position, 0x0502, ask, 0)], [(FPWR, 1001 + position, 0x0502, ask, 1)])
            told = struct.pack("<HIII", 0x0040, word, low, high)
            exchange(capture, [(FPRD, 1001 + position, 0x0502, bytes(14), 0)], [(FPRD, 1001 + position, 0x0502, told, 1)])
        memory = categories(*NAMES[position])
        for at in range(0, len(memory), 4):
            word = 0x40 + at // 2
            ask = struct.pack("<HI", 0x0100, word)
            exchange(capture, [(FPWR, 1001 + position, 0x0502, ask, 0)], [(FPWR, 1001 + position, 0x0502, ask, 1)])
            told = struct.pack("<HI", 0, word) + memory[at:at + 4]
            exchange(capture, [(FPRD, 1001 + position, 0x0502, bytes(10), 0)], [(FPRD, 1001 + position, 0x0502, told, 1)])
        if name is None:
            continue
        for index, text in ((0x1008, name), (0x1009, "R02"), (0x100A, "V019.0.4")):
            ask = struct.pack("<HHBB", 10, 0, 0, 0x13) + struct.pack("<HBHBI", 0x2000, 0x40, index, 0, 0)
            ask = ask.ljust(128, b"\0")
            exchange(capture, [(FPWR, 1001 + position, 0x1000, ask, 0)], [(FPWR, 1001 + position, 0x1000, ask, 1)])
            told = struct.pack("<HBHBI", 0x3000, 0x41, index, 0, len(text)) + text.encode()
            told = (struct.pack("<HHBB", len(told), 0, 0, 0x13) + told).ljust(128, b"\0")
            exchange(capture, [(FPRD, 1001 + position, 0x1080, bytes(128), 0)], [(FPRD, 1001 + position, 0x1080, told, 1)])
    for code in (2, 4, 8):
        for position in range(len(SLAVES)):
            control = struct.pack("<H", code)
            exchange(capture, [(FPWR, 1001 + position, 0x0120, control, 0)], [(FPWR, 1001 + position, 0x0120, control, 1)])
        exchange(capture, *states(code))


def cycle(capture, times):
    for number in range(times):
        outputs, inputs = struct.pack("<I", number) * 4, struct.pack("<I", number * 3) * 4
        exchange(
            capture,
            [(LRW, 0, 0x0100, outputs, 0), (BRD, 0, 0x0130, bytes(2), 0)],
            [(LRW, 0, 0x0100, inputs, 3), (BRD, len(SLAVES), 0x0130, bytes([8, 0]), len(SLAVES))],
        )


capture = Capture("ecat/start-identity-and-cycle.pcap")
start(capture)
cycle(capture, 50)
capture.write()

capture = Capture("ecat/picked-up-in-the-middle.pcap")
cycle(capture, 30)
control = struct.pack("<H", 1)
exchange(capture, [(FPWR, 1003, 0x0120, control, 0)], [(FPWR, 1003, 0x0120, control, 1)])
told = struct.pack("<HIII", 0x0040, 0x0C, SLAVES[2][2], SLAVES[2][3])
exchange(capture, [(FPRD, 1003, 0x0502, bytes(14), 0)], [(FPRD, 1003, 0x0502, told, 1)])
cycle(capture, 30)
capture.write()
