"""IEC 60870-5-104 (2006): APCI (clause 5); ASDU of IEC 60870-5-101 clause 7; secure authentication of IEC TS 60870-5-7."""
import struct

from wire import Capture

SINGLE, MEASURED, COMMAND, SET_POINT, INTERROGATION, CLOCK, RESET, CHALLENGE, REPLY = 1, 13, 45, 50, 100, 103, 105, 81, 82
SPONTANEOUS, ACTIVATION, CONFIRMATION, TERMINATION, AUTHENTICATION, INTERROGATED, UNKNOWN_ADDRESS = 3, 6, 7, 10, 14, 20, 46
STARTDT, STARTDT_CON, TESTFR, TESTFR_CON = 0x07, 0x0B, 0x43, 0x83


class Ends:
    """Both ends' sequence numbers."""

    def __init__(self, talk, sent=(0, 0)):
        self.talk, self.sent = talk, list(sent)

    def unnumbered(self, side, function):
        self.talk.send(side, bytes([0x68, 4, function, 0, 0, 0]))

    def supervisory(self, side):
        self.talk.send(side, bytes([0x68, 4, 1, 0]) + struct.pack("<H", self.sent[1 - side] << 1))

    def asdu(self, side, kind, cause, station, objects, originator=0):
        """Objects: (address, octets)."""
        body = struct.pack("<BBBBH", kind, len(objects), cause, originator, station)
        for address, octets in objects:
            body += struct.pack("<I", address)[:3] + octets
        control = struct.pack("<HH", self.sent[side] << 1, self.sent[1 - side] << 1)
        self.sent[side] = (self.sent[side] + 1) % 32768
        self.talk.send(side, bytes([0x68, 4 + len(body)]) + control + body)

    def ask(self, kind, station, objects, carried_out=True):
        self.asdu(0, kind, ACTIVATION, station, objects, 5)
        self.asdu(1, kind, CONFIRMATION if carried_out else 0x40 | UNKNOWN_ADDRESS, station, objects, 5)


POINTS = [(address, bytes([address & 1])) for address in range(1, 5)]


def measured(value):
    return struct.pack("<fB", value, 0)


capture = Capture("iec60870_104/two-stations-one-with-authentication.pcap")
centre, gateway = capture.host("00:50:56:0b:70:01", "10.79.7.1"), capture.host("00:0a:dc:0b:70:02", "10.79.7.2")
with capture.tcp(centre, 50401, gateway, 2404, opened=False) as talk:
    ends = Ends(talk, (210, 4711))
    for turn in range(40):
        ends.asdu(1, MEASURED, SPONTANEOUS, 301 + turn % 2, [(1001, measured(110.2 + turn))])
        ends.supervisory(0)
    ends.unnumbered(0, TESTFR)
    ends.unnumbered(1, TESTFR_CON)
    ends.ask(INTERROGATION, 301, [(0, b"\x14")])
    ends.asdu(1, SINGLE, INTERROGATED, 301, POINTS)
    ends.asdu(1, INTERROGATION, TERMINATION, 301, [(0, b"\x14")], 5)
    ends.ask(COMMAND, 301, [(2001, b"\x01")])
    ends.ask(SET_POINT, 301, [(3001, measured(50.0))])
    ends.ask(RESET, 301, [(0, b"\x01")])
    ends.ask(COMMAND, 309, [(2001, b"\x01")], carried_out=False)
capture.write()

capture = Capture("iec60870_104/secure-authentication.pcap")
with capture.tcp(capture.host("00:50:56:0b:70:01", "10.79.7.1"), 50402, capture.host("00:a0:de:0b:70:03", "10.79.7.3"), 2404) as talk:
    ends = Ends(talk)
    ends.unnumbered(0, STARTDT)
    ends.unnumbered(1, STARTDT_CON)
    ends.asdu(0, COMMAND, ACTIVATION, 12, [(2001, b"\x01")], 5)
    ends.asdu(1, CHALLENGE, AUTHENTICATION, 12, [(0, struct.pack("<IHBBH", 1, 1, 4, 1, 4) + b"\x5e\xed\x00\x01")])
    ends.asdu(0, REPLY, AUTHENTICATION, 12, [(0, struct.pack("<IHH", 1, 1, 16) + bytes(range(16)))], 5)
    ends.asdu(1, COMMAND, CONFIRMATION, 12, [(2001, b"\x01")], 5)
capture.write()

capture = Capture("iec60870_104/unusual-port.pcap")
with capture.tcp(capture.host("00:50:56:0b:70:01", "10.79.7.1"), 50403, capture.host("00:0a:dc:0b:70:02", "10.79.7.2"), 12404) as talk:
    ends = Ends(talk)
    ends.unnumbered(0, STARTDT)
    ends.unnumbered(1, STARTDT_CON)
    ends.ask(INTERROGATION, 301, [(0, b"\x14")])
    ends.asdu(1, SINGLE, INTERROGATED, 301, POINTS)
capture.write()
