"""PCCC by Rockwell 1770-6.5.16: an SLC 5/05 over CSPv4, a MicroLogix inside CIP, a mode change, writes, an upload."""
import struct

from wire import Capture


class Commands:
    def __init__(self):
        self.transaction = 0x1200

    def ask(self, command, data):
        self.transaction += 1
        return struct.pack("<BBH", command, 0, self.transaction) + data

    def answer(self, command, data=b"", status=0):
        return struct.pack("<BBH", command | 0x40, status, self.transaction) + data


def status(processor, series, release, name, mode):
    """Mode, extension, interface, processor, series and release, name; error, mode word, program, memory, flags."""
    return bytes([0, 0xEE, 0x34, processor, series << 5 | release - 1]) + name.ljust(11).encode() + struct.pack("<HHHBB", 0, mode, 0x4D2, 64, 0xFC)


def read(file, kind, element, size):
    return struct.pack("<BBBBBB", 0xA2, size, file, kind, element, 0)


capture = Capture("pccc/slc-and-micrologix.pcap")
station = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
slc = capture.host("00:00:bc:0b:00:71", "10.79.0.71")
micro = capture.host("00:00:bc:0b:00:72", "10.79.0.72")
other = capture.host("00:00:bc:0b:00:73", "10.79.0.73")


def csp(mode, submode, connection, data=b""):
    return struct.pack("!BBHII", mode, submode, len(data), connection, 0) + b"\0\x04\0\x05" + bytes(12) + data


def over_csp(talk, commands, command, data, answer=b"", failed=0):
    talk.client(csp(1, 7, 0x305, b"\x05\0\0\0" + commands.ask(command, data)))
    talk.server(csp(2, 7, 0x305, b"\0\0\x05\0" + commands.answer(command, answer, failed)))


commands = Commands()
with capture.tcp(station, 50151, slc, 2222) as talk:
    talk.client(csp(1, 1, 0))
    talk.server(csp(2, 1, 0x305))
    over_csp(talk, commands, 0x06, b"\x03", status(0x5B, 2, 11, "5/05", 0x06))
    for at in range(12):
        over_csp(talk, commands, 0x0F, read(7, 0x89, at, 4), struct.pack("<2H", at, 40))
    over_csp(talk, commands, 0x0F, struct.pack("<BBBBBBH", 0xAA, 2, 7, 0x89, 3, 0, 1500))
    over_csp(talk, commands, 0x0F, b"\x80\x01")
    over_csp(talk, commands, 0x0F, b"\x53", b"", 0x10)


def encapsulated(command, session, context, data=b""):
    return struct.pack("<HHIIQI", command, len(data), session, 0, context, 0) + data


def unconnected(session, context, message):
    items = struct.pack("<IHHHHHH", 0, 8, 2, 0, 0, 0x00B2, len(message)) + message
    return encapsulated(0x6F, session, context, items)


REQUESTER = struct.pack("<BHI", 7, 0x004D, 0x00C0FFEE)
commands = Commands()
with capture.tcp(station, 50152, micro, 44818) as talk:
    talk.client(encapsulated(0x65, 0, 0, b"\x01\0\0\0"))
    talk.server(encapsulated(0x65, 0x11223344, 0, b"\x01\0\0\0"))
    turns = [(0x06, b"\x03", status(0xA0, 1, 15, "1766-LEC", 0x1E))]
    turns += [(0x0F, read(7, 0x89, at, 2), struct.pack("<H", at)) for at in range(10)]
    turns += [(0x0F, struct.pack("<BBBBBBH", 0xAA, 2, 7, 0x89, 0, 0, 7), b"")]
    for context, (command, data, answer) in enumerate(turns):
        talk.client(unconnected(0x11223344, context, b"\x4b\x02\x20\x67\x24\x01" + REQUESTER + commands.ask(command, data)))
        talk.server(unconnected(0x11223344, context, b"\xcb\0\0\0" + REQUESTER + commands.answer(command, answer)))

commands = Commands()
with capture.tcp(station, 50153, other, 12222, opened=False) as talk:
    for at in range(5):
        over_csp(talk, commands, 0x0F, read(7, 0x89, at, 4), struct.pack("<2H", at, 40))
    over_csp(talk, commands, 0x06, b"\x03", status(0x78, 3, 9, "5/03", 0x11))
capture.write()
