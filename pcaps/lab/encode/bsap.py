"""BSAP over IP as icsnpp-bsap describes it: a supervisor reads signals of a ControlWave by name, writes one, sets the clock."""
import struct

from wire import Capture


class Line:
    def __init__(self):
        self.asked, self.told = 0x100, 0x900

    def ask(self, application, data):
        self.asked += 1
        body = struct.pack("<BIB", 12, self.asked, application) + data
        return struct.pack("<HHHII", 14, 1, 6, self.asked, self.told) + struct.pack("<I", len(body) + 4) + body

    def answer(self, data):
        self.told += 1
        body = struct.pack("<BI", 12, self.asked) + data
        return struct.pack("<HHHII", 14, 1, 5, self.told, self.asked) + struct.pack("<I", len(body) + 4) + body

    def taken(self):
        return struct.pack("<HHHII", 14, 0, 0, 0, self.told)


def names(*signals):
    return b"\0\x04\x03\xd0\x01\x0f" + bytes([len(signals)]) + b"".join(b"@GV." + signal + b"\0" for signal in signals)


capture = Capture("bsap/signals-by-name.pcap")
supervisor = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
wellhead = capture.host("00:10:41:0b:00:b1", "10.79.0.111")
tank = capture.host("00:10:41:0b:00:b2", "10.79.0.112")
for host, port in ((wellhead, 1234), (tank, 11234)):
    line = Line()
    for _ in range(8):
        capture.udp(supervisor, port, host, port, line.ask(0xA0, names(b"LEVEL", b"PUMP")))
        capture.udp(host, port, supervisor, port, line.answer(b"\0\x02" + bytes.fromhex("020000a04200002477000005002477")))
        capture.udp(supervisor, port, host, port, line.taken())
    capture.udp(supervisor, port, host, port, line.ask(0xA0, b"\0\x84\x01@GV.PUMP\0\x01\x01"))
    capture.udp(host, port, supervisor, port, line.answer(b"\0\0"))
    capture.udp(supervisor, port, host, port, line.ask(0xA1, b"\0\x81\x02" + bytes([30, 0, 8, 2, 3, 26])))
    capture.udp(host, port, supervisor, port, line.answer(b"\0\0"))
capture.write()
