"""Serial device servers that are searched and set up: NPort (UDP 4800), Lantronix (30718), Digi (ADDP, 2362).

M. Davidsaver's notes on the NPort UDP protocol; lantronix-witchcraft; C. Gysin's libaddp.
"""
import struct

from wire import Capture, mac_bytes


def nport(capture, server, eng, port):
    device = struct.pack("<IH", 0x00555555, 0x511A) + mac_bytes(server.mac)
    capture.udp(eng, 53001, server, port, struct.pack(">BBHI", 1, 0, 8, 0))
    capture.udp(server, port, eng, 53001, struct.pack(">BBHI", 0x81, 0, 24, 0) + device + server.ip_bytes)
    capture.udp(eng, 53001, server, port, struct.pack(">BBHI", 0x10, 0, 20, 1) + device)
    capture.udp(server, port, eng, 53001, struct.pack(">BBHI", 0x90, 0, 60, 1) + device + b"NP5110A_scale4".ljust(40, b"\0"))


def lantronix(capture, server, eng, port):
    capture.udp(eng, 53002, server, port, bytes([0, 0, 0, 0xF6]))
    told = bytes([0, 0, 0, 0xF7, 0, 0, 0x10, 0x05]) + b"X9" + bytes(14) + mac_bytes(server.mac)
    capture.udp(server, port, eng, 53002, told)
    if port != 30718:
        return
    record = server.ip_bytes + bytes(4) + b"lab7" + bytes(108)
    capture.udp(eng, 53002, server, port, bytes([0, 0, 0, 0xF8]))
    capture.udp(server, port, eng, 53002, bytes([0, 0, 0, 0xF9]) + record)
    capture.udp(eng, 53002, server, port, bytes([0, 0, 0, 0xFA]) + record)
    capture.udp(server, port, eng, 53002, bytes([0, 0, 0, 0xFB]))


def addp(capture, server, eng, port):
    def packet(kind, body):
        return b"DIGI" + struct.pack(">HH", kind, len(body)) + body

    fields = [(1, mac_bytes(server.mac)), (2, server.ip_bytes), (3, bytes([255, 255, 255, 0])), (0x0D, b"packer-2"), (0x06, b"PortServer TS 4"),
              (0x07, b"\3"), (0x08, b"Version 82000747_W2"), (0x12, b"\4")]  # fmt: skip
    capture.udp(eng, 53003, server, port, packet(1, b"\xff" * 6))
    capture.udp(server, port, eng, 53003, packet(2, b"".join(bytes([kind, len(value)]) + value for kind, value in fields)))
    capture.udp(eng, 53003, server, port, packet(5, mac_bytes(server.mac) + b"\x0e" + b"LABSECRET-addp"))
    capture.udp(server, port, eng, 53003, packet(6, bytes([0x0A, 1, 0])))


for name, mac, ip, port, unusual, speak in (
    ("nport", "00:90:e8:0b:00:81", "10.81.0.81", 4800, 24800, nport),
    ("lantronix", "00:80:a3:0b:00:82", "10.81.0.82", 30718, 40718, lantronix),
    ("addp", "00:40:9d:0b:00:83", "10.81.0.83", 2362, 22362, addp),
):
    for file, at in (("search-and-set-up", port), ("unusual-port", unusual)):
        capture = Capture(f"{name}/{file}.pcap")
        speak(capture, capture.host(mac, ip), capture.host("d4:be:d9:0b:00:06", "10.81.0.6"), at)
        capture.write()
