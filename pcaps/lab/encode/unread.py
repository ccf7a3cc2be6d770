"""Conversations of control systems whose protocols nobody documents: bytes without a sense on the ports that they are known for."""
import hashlib

from wire import Capture


def noise(seed, length):
    out = b""
    while len(out) < length:
        out += hashlib.sha256(f"{seed} {len(out)}".encode()).digest()
    return out[:length]


capture = Capture("unread/ports-of-control-systems.pcap")
station = capture.host("d4:be:d9:0b:00:81", "10.79.9.6")
first, second, third = (capture.host(f"00:22:e5:0b:00:8{at}", f"10.79.9.1{at}") for at in (2, 3, 4))
for turn in range(12):
    capture.udp(station, 18507, first, 18507, noise(f"a{turn}", 80))
    capture.udp(first, 18507, station, 18507, noise(f"b{turn}", 120))
    capture.udp(second, 5313, station, 5313, noise(f"c{turn}", 200))
with capture.tcp(station, 51900, third, 55555) as talk:
    for turn in range(6):
        talk.client(noise(f"d{turn}", 64))
        talk.server(noise(f"e{turn}", 300))
capture.write()
