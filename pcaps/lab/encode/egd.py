"""Ethernet Global Data by GFK-1541: two producers, one of them to a group."""
import struct

from wire import Capture


def produced(request, host, exchange, data):
    seconds = 1_772_438_400 + request
    return struct.pack("<BBH4sIIIII", 13, 1, request, host.ip_bytes, exchange, seconds, 0, 0, 1) + bytes(4) + data


capture = Capture("egd/two-producers.pcap")
pump = capture.host("00:09:91:0b:00:81", "10.79.0.81")
mill = capture.host("00:09:91:0b:00:82", "10.79.0.82")
screen = capture.host("d4:be:d9:0b:00:07", "10.79.0.7")
group = capture.group("224.0.7.1")
for turn in range(10):
    capture.udp(pump, 18246, screen, 18246, produced(turn, pump, 12, struct.pack("<8H", *range(turn, turn + 8))))
    capture.udp(mill, 18246, group, 18246, produced(turn, mill, 3, struct.pack("<4f", 1.5, 2.5, 3.5, turn)))
capture.udp(mill, 18246, screen, 28246, produced(11, mill, 4, bytes(16)).replace(struct.pack("<I", 1) + bytes(4), bytes(8)))
capture.write()
