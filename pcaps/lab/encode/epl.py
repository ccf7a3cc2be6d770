"""Ethernet POWERLINK: the managing node identifies two nodes, starts them, cycles, resets one; an object is read over UDP.

EPSG DS 301: frames 4.6.1, IdentResponse 7.3.3.2, NMT commands 7.3.1.2, SDO 6.3.2.
"""
import struct

from wire import Capture

SOC, PREQ, PRES, SOA, ASND = 1, 3, 4, 5, 6
GROUPS = {SOC: "01:11:1e:00:00:01", PRES: "01:11:1e:00:00:02", SOA: "01:11:1e:00:00:03", ASND: "01:11:1e:00:00:04"}
MANAGING = "00:60:65:0b:00:f0"
NODES = {
    11: ("00:60:65:0b:00:11", 0x0100006C, 0x1FA3, 0x0001000A, 4071193, "X20BC0083-infeed", 0x000F0191),
    12: ("00:60:65:0b:00:12", 0x0100006C, 0xA6C7, 0x00010014, 5220417, "ACOPOS-P3-lift", 0x00020192),
}

capture = Capture("epl/identify-start-and-cycle.pcap")


def send(source, target, kind, to, node, rest):
    capture.frame(source, target, 0x88AB, bytes([kind, to, node]) + rest)


def soa(service, node):
    send(MANAGING, GROUPS[SOA], SOA, 255, 240, bytes([0xFD, 0, 0, service, node, 0x20, 0]))


def soc():
    send(MANAGING, GROUPS[SOC], SOC, 255, 240, bytes(33))


def identified(node):
    mac, vendor, product, revision, serial, name, kind = NODES[node]
    body = bytes([1, 0, 0, 0x1D, 0, 0x20, 0]) + struct.pack("<IHHHIH", 0x45, 1500, 36, 36, 1000, 0)
    body += struct.pack("<IIIII", kind, vendor, product, revision, serial)
    body += bytes(8) + struct.pack("<IIII", 0, 0, 0, 0)
    body += bytes([192, 168, 100, node, 255, 255, 255, 0, 192, 168, 100, 254]) + name.encode().ljust(32, b"\0") + bytes(48)
    send(mac, GROUPS[ASND], ASND, 255, node, body)


for node in NODES:
    soc()
    soa(1, node)
    identified(node)
for node, (mac, *_) in NODES.items():
    send(MANAGING, GROUPS[ASND], ASND, node, 240, bytes([4, 0x21, 0]) + bytes(40))
for number in range(40):
    soc()
    for node, (mac, *_) in NODES.items():
        send(MANAGING, mac, PREQ, node, 240, bytes([0, 0, 1, 0, 0, 8, 0]) + struct.pack("<Q", number))
        send(mac, GROUPS[PRES], PRES, 255, node, bytes([0, 0xFD, 1, 0, 0, 8, 0]) + struct.pack("<Q", number * 2))
    soa(0, 0)
send(MANAGING, GROUPS[ASND], ASND, 12, 240, bytes([4, 0x28, 0]) + bytes(40))
send(NODES[12][0], GROUPS[PRES], PRES, 255, 12, bytes([0, 0x1E, 0, 0, 0, 0, 0]) + bytes(36))

# SDO over UDP, as an engineering station reads the name of a device.
station, node = capture.host("d4:be:d9:0b:00:06", "192.168.100.250"), capture.host(NODES[11][0], "192.168.100.11")


def sdo(transaction, flags, command, data, sequence):
    return bytes([ASND, 0, 0, 5]) + struct.pack("<BBH", sequence, sequence, 0) + struct.pack("<BBBBHH", 0, transaction, flags, command, len(data), 0) + data


capture.udp(station, 51200, node, 3819, sdo(7, 0, 2, struct.pack("<HBB", 0x1008, 0, 0), 6))
capture.udp(node, 3819, station, 51200, sdo(7, 0x80, 2, b"X20BC0083", 6))
capture.udp(station, 51200, node, 3819, sdo(8, 0, 1, struct.pack("<HBBI", 0x6200, 1, 0, 1), 10))
capture.udp(node, 3819, station, 51200, sdo(8, 0x80, 1, bytes(4), 10))
capture.write()
