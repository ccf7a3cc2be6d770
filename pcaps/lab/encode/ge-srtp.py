"""SRTP by Denton et al. (DFRWS 2017) and icsnpp-ge-srtp: a controller is identified, polled, stopped; header and text come apart."""
import struct

from wire import Capture


def header(kind, sequence, length, message_type, source, destination):
    data = bytearray(56)
    struct.pack_into("<BBBBH", data, 0, kind, 0, sequence, 0, length)
    data[9] = data[17] = 1
    data[26:31] = bytes([12, 30, 8, 0, sequence])
    data[31] = message_type
    data[32:36], data[36:40] = source, destination
    data[40] = data[41] = 1
    return data


def ask(sequence, service, data=b""):
    message = header(2, sequence, 0, 0xC0, bytes(4), b"\x10\x0e\0\0")
    message[42] = service
    message[43:43 + len(data)] = data
    return bytes(message)


def write(sequence, service, data, text):
    message = header(2, sequence, len(text), 0x80, bytes(4), b"\x10\x0e\0\0")
    message[48] = message[49] = 1
    message[50] = service
    message[51:51 + len(data)] = data
    return bytes(message) + text


def answer(sequence, text=b"", state=0, level=2, data=b""):
    message = header(3, sequence, len(text), 0x94 if text else 0xD4, b"\x10\x03\0\0", b"\x20\x5a\0\0")
    message[44:44 + len(data)] = data
    message[50], message[51] = 0, level
    struct.pack_into("<HH", message, 52, 40, state << 12 | 0x80)
    return bytes(message), text


def refuse(sequence, major, minor):
    message = header(3, sequence, 0, 0xD1, b"\x10\x03\0\0", b"\x20\x5a\0\0")
    message[42], message[43] = major, minor
    return bytes(message), b""


capture = Capture("ge-srtp/controller-and-stop.pcap")
station = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
pump = capture.host("00:09:91:0b:00:81", "10.79.0.81")
mill = capture.host("00:09:91:0b:00:82", "10.79.0.82")


class Line:
    def __init__(self, talk):
        self.talk, self.sequence = talk, 0

    def next(self):
        self.sequence = self.sequence % 255 + 1
        return self.sequence

    def turn(self, request, reply):
        self.talk.client(request)
        for part in reply:
            if part:
                self.talk.server(part)


CONTROLLER = b"PUMP81".ljust(8, b"\0") + bytes([0x12, 0x4A, 1, 0]) + bytes(20) + b"PUMPS".ljust(8, b"\0")
with capture.tcp(station, 50161, pump, 18245) as talk:
    line = Line(talk)
    talk.client(bytes(56))
    talk.server(b"\x01" + bytes(55))
    n = line.next(); line.turn(ask(n, 0x43), answer(n, CONTROLLER))
    n = line.next(); line.turn(ask(n, 0x03), answer(n, b"PUMPS".ljust(8, b"\0")))
    for at in range(15):
        n = line.next(); line.turn(ask(n, 0x04, struct.pack("<BHH", 8, at, 4)), answer(n, struct.pack("<4H", at, 1, 2, 3)))
    n = line.next(); line.turn(ask(n, 0x21, b"\x04LABSECRE"), answer(n, level=4))
    n = line.next(); line.turn(write(n, 0x07, struct.pack("<BHH", 8, 20, 4), struct.pack("<4H", 5, 6, 7, 8)), answer(n, level=4))
    n = line.next(); line.turn(ask(n, 0x23, b"\x01"), answer(n, state=2, level=4))
    n = line.next(); line.turn(ask(n, 0x40, b"\x01"), refuse(n, 0x05, 0x01))
with capture.tcp(station, 50162, mill, 28245, opened=False) as talk:
    line = Line(talk)
    for at in range(6):
        n = line.next(); line.turn(ask(n, 0x04, struct.pack("<BHH", 8, at, 4)), answer(n, struct.pack("<4H", at, 1, 2, 3), level=1))
    n = line.next(); line.turn(ask(n, 0x43), answer(n, b"MILL".ljust(8, b"\0") + bytes([0x12, 0x2B, 1, 0]) + bytes(28), level=1))
capture.write()
