"""LIFX LAN: a lamp is found, says product, firmware and label, is polled and switched; another on an unusual port.

LIFX LAN Protocol: header of 36 bytes, little endian; messages 2, 3, 14, 15, 20 to 25, 32, 33.
"""
import struct

from wire import Capture, mac_bytes


def message(kind, target, payload=b"", tagged=False):
    target = bytes(8) if tagged else mac_bytes(target) + b"\0\0"
    return struct.pack("<HHI", 36 + len(payload), 0x3400 if tagged else 0x1400, 7) + target + bytes(6) + b"\x01\x09" + bytes(8) + struct.pack("<HH", kind, 0) + payload


capture = Capture("lifx/lamps.pcap")
everybody = capture.group("255.255.255.255")
hub = capture.host("d4:be:d9:0a:00:e0", "10.80.11.60")
lamp = capture.host("d0:73:d5:0a:00:e1", "10.80.11.31")
odd = capture.host("d0:73:d5:0a:00:e2", "10.80.11.32")


def identify(host, port, product, label):
    capture.udp(hub, 51100, host, port, message(32, host.mac))
    capture.udp(host, port, hub, 51100, message(33, host.mac, struct.pack("<III", 1, product, 0)))
    capture.udp(hub, 51100, host, port, message(14, host.mac))
    capture.udp(host, port, hub, 51100, message(15, host.mac, struct.pack("<QQHH", 1_600_000_000_000_000_000, 0, 70, 3)))
    capture.udp(hub, 51100, host, port, message(23, host.mac))
    capture.udp(host, port, hub, 51100, message(25, host.mac, label.ljust(32, b"\0")))


capture.udp(hub, 51100, everybody, 56700, message(2, "", tagged=True))
capture.udp(lamp, 56700, hub, 51100, message(3, lamp.mac, struct.pack("<BI", 1, 56700)))
identify(lamp, 56700, 97, b"Assembly light")
for _ in range(8):
    capture.udp(hub, 51100, lamp, 56700, message(20, lamp.mac))
    capture.udp(lamp, 56700, hub, 51100, message(22, lamp.mac, struct.pack("<H", 65535)))
capture.udp(hub, 51100, lamp, 56700, message(21, lamp.mac, struct.pack("<H", 0)))
identify(odd, 46700, 59, b"Stairs")
capture.write()
