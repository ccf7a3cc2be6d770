"""UMAS within Modbus function 90, as Martín Liras and Redpoint describe it: an M340 is identified, reserved, programmed, stopped, started."""
import struct

from wire import Capture


class Modbus:
    def __init__(self, talk, unit=0):
        self.talk, self.unit, self.transaction = talk, unit, 0

    def pdu(self, body):
        return struct.pack("!HHHB", self.transaction, 0, len(body) + 1, self.unit) + body

    def turn(self, request, response):
        self.transaction += 1
        self.talk.client(self.pdu(request))
        self.talk.server(self.pdu(response))


def umas(function, data=b"", session=0):
    return bytes([0x5A, session, function]) + data


def done(data=b"", session=0):
    return bytes([0x5A, session, 0xFE]) + data


def named(text):
    return bytes([len(text)]) + text


IDENTITY = bytes.fromhex("06300103000000003003000002000601030100000000") + named(b"BMX P34 2030") + bytes.fromhex("0201010000000040000401000000007c02")
DATE = bytes.fromhex("02342709 1e0aea07".replace(" ", ""))
CHECKSUMS = bytes.fromhex("030c0000a499020000")
PROJECT = CHECKSUMS * 2 + DATE * 2 + bytes([7, 1, 2, 0]) + named(b"BottlingLine3\0")

capture = Capture("umas/identify-reserve-and-program.pcap")
programmer = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
bottling = capture.host("00:80:f4:0b:00:51", "10.79.0.51")
mixer = capture.host("00:80:f4:0b:00:52", "10.79.0.52")
with capture.tcp(programmer, 50131, bottling, 502) as talk:
    line = Modbus(talk)
    line.turn(umas(0x02), done(IDENTITY))
    line.turn(umas(0x01, b"\0"), done(bytes.fromhex("fd030600003200000000")))
    line.turn(umas(0x03, b"\0"), done(PROJECT))
    line.turn(umas(0x04), done(bytes(60)))
    line.turn(umas(0x06, b"\x06"), done(bytes.fromhex("01000101a100") + named(b"BMXRMS008MP\0")))
    for at in range(10):
        line.turn(umas(0x22, struct.pack("<IHB", 0x1234, at, 1)), done(struct.pack("<H", at)))
    line.turn(umas(0x10, bytes.fromhex("3b0e0000") + named(b"ENG-WS07\0")), done(b"\x2a"))
    line.turn(umas(0x12, session=0x2A), done(session=0x2A))
    line.turn(umas(0x41, b"\xff\0", 0x2A), done(session=0x2A))
    line.turn(umas(0x30, b"\0\x01", 0x2A), done(b"\x01", 0x2A))
    for block in range(3):
        line.turn(umas(0x31, struct.pack("<BHH", 1, block, 200), 0x2A) + bytes(200), done(b"\x01", 0x2A))
    line.turn(umas(0x32, b"\0\x01", 0x2A), done(session=0x2A))
    line.turn(umas(0x40, b"\xff\0", 0x2A), done(session=0x2A))
    line.turn(umas(0x11, session=0x2A), done(session=0x2A))
# A supervisor's polls for months; then somebody reads the identification.
with capture.tcp(programmer, 50132, mixer, 502, opened=False) as talk:
    line = Modbus(talk)
    for at in range(10):
        line.turn(struct.pack("!BHH", 3, at, 4), bytes([3, 8]) + struct.pack("!4H", at, 1, 2, 3))
    line.turn(umas(0x02), done(IDENTITY.replace(b"2030", b"2020")))
    line.turn(umas(0x58, b"\x01"), bytes([0x5A, 0, 0xFD, 0x81]))
capture.write()
