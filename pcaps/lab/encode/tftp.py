"""TFTP: a telephone fetches its configuration, a switch its firmware, a router leaves what it runs. RFC 1350, RFC 2347 to RFC 2349."""
import struct

from wire import Capture


def request(code, name, *options):
    return struct.pack("!H", code) + b"\0".join([name.encode(), b"octet", *(option.encode() for option in options), b""])


def block(number, data):
    return struct.pack("!HH", 3, number) + data


def acknowledged(number):
    return struct.pack("!HH", 4, number)


capture = Capture("tftp/telephone-switch-and-router.pcap")
server = capture.host("00:0c:29:0e:00:01", "10.91.0.1")
phone, switch, router = capture.host("00:1b:d4:0e:00:11", "10.91.0.11"), capture.host("00:80:63:0e:00:12", "10.91.0.12"), capture.host("00:1e:bd:0e:00:13", "10.91.0.13", 255)
capture.udp(phone, 49152, server, 69, request(1, "SEP001BD40E0011.cnf.xml"))
capture.udp(server, 33001, phone, 49152, block(1, b"<device>" + b" " * 500))
capture.udp(phone, 49152, server, 33001, acknowledged(1))
capture.udp(switch, 49201, server, 69, request(1, "HiOS-2A-RSPE-08.7.00.bin", "tsize", "0", "blksize", "1428"))
capture.udp(server, 33002, switch, 49201, struct.pack("!H", 6) + b"tsize\0" + b"4200\0" + b"blksize\0" + b"1428\0")
capture.udp(switch, 49201, server, 33002, acknowledged(0))
for number in range(1, 4):
    capture.udp(server, 33002, switch, 49201, block(number, bytes(range(256)) * 5 + bytes(148)))
    capture.udp(switch, 49201, server, 33002, acknowledged(number))
capture.udp(router, 51234, server, 69, request(2, "rtr-cell7-confg"))
capture.udp(server, 33003, router, 51234, acknowledged(0))
capture.udp(router, 51234, server, 33003, block(1, b"hostname rtr-cell7\n"))
capture.udp(server, 33003, router, 51234, acknowledged(1))
capture.udp(router, 51235, server, 69, request(1, "network-confg"))
capture.udp(server, 69, router, 51235, struct.pack("!HH", 5, 1) + b"File not found\0")
capture.write()
