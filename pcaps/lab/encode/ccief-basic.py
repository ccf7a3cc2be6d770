"""CC-Link IE Field Network Basic by BAP-C2005 and BAP-C2006: a master searches for stations, sets an address, and exchanges data."""
import struct

from wire import Capture, mac_bytes


def ask(command, body=b"", sub=0, serial=None):
    data = struct.pack("<HHH", 4, command, sub) + body
    return head(0x50, serial) + struct.pack("<H", len(data)) + data


def answer(body=b"", end=0, serial=None):
    data = struct.pack("<H", end) + body
    return head(0xD0, serial) + struct.pack("<H", len(data)) + data


def head(sub, serial):
    numbered = struct.pack("<BBHH", sub | 4, 0, serial, 0) if serial is not None else bytes([sub, 0])
    return numbered + struct.pack("<BBHB", 0, 0xFF, 0x03FF, 0)


def reversed_ip(ip):
    return bytes(int(part) for part in reversed(ip.split(".")))


capture = Capture("ccief-basic/search-address-and-cycle.pcap")
master = capture.host("28:e9:8e:0b:00:44", "10.79.0.44")
valve = capture.host("00:0e:cf:0b:00:45", "10.79.0.45")
everybody = capture.group("10.79.0.255")


def adapter(host):
    return bytes(reversed(mac_bytes(host.mac))) + b"\x04" + reversed_ip(host.ip)


capture.udp(master, 61451, everybody, 61451, ask(0x0E30, adapter(master), serial=1))
node = adapter(master) + adapter(valve) + reversed_ip("255.255.255.0") + b"\xff" * 4 + b"\0"
node += struct.pack("<HIH", 0x1234, 0x00002201, 2) + b"\x04" + b"\xff" * 6 + struct.pack("<HHB", 0, 61451, 1)
capture.udp(valve, 61451, everybody, 61451, answer(node, serial=1))
capture.udp(master, 61451, everybody, 61451, ask(0x0E31, adapter(master) + bytes(reversed(mac_bytes(valve.mac))) + b"\x04"
            + reversed_ip("10.79.0.45") + reversed_ip("255.255.255.0") + b"\xff" * 4 + b"\0\x04" + b"\xff" * 6 + b"\x01", serial=2))
for turn in range(30):
    clock = 1_772_438_400_000 + turn * 20
    request = struct.pack("<HHH14x", 1, 0, 36) + struct.pack("<HHQ", 1, 0, clock)
    request += reversed_ip(master.ip) + struct.pack("<BBHHHHHHH", 1, 0, turn, 500, 3, 1, 1, 1, 0) + reversed_ip(valve.ip) + bytes(72)
    frame = struct.pack("<BBBBHBHHHH", 0x50, 0, 0, 0xFF, 0x03FF, 0, len(request) + 6, 0, 0x0E70, 0) + request
    capture.udp(master, 61450, everybody, 61450, frame)
    response = struct.pack("<HHH14x", 1, 0, 40) + struct.pack("<HHIHHHHI", 0x1234, 0, 0x2201, 2, 0, 1, 0, 0)
    response += reversed_ip(valve.ip) + struct.pack("<BBH", 1, 0, turn) + bytes(72)
    capture.udp(valve, 61450, master, 61450, struct.pack("<BBBBHBHH", 0xD0, 0, 0, 0xFF, 0x03FF, 0, len(response) + 2, 0) + response)
capture.write()
