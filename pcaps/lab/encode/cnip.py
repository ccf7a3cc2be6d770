"""LonTalk over IP (CEA-852-B): two routers register with their configuration server, hear who belongs to the channel, and pass on packets.

Layout as the standard's header and packets have it: size, version, type, extended header, flags, vendor, session, sequence, time stamp.
"""
import struct

from wire import Capture

DATA, REGISTER, MEMBERS, RESPONSE, REQUEST_CONFIGURATION = 0x01, 0x03, 0x04, 0x07, 0x63
AUTHENTICATED = 0x20
DATE = 0xE9F1A2B3


def packet(kind, sequence, body, flags=0):
    return struct.pack("!HBBBBHIII", 20 + len(body), 1, kind, 0, flags, 0, 0x6B8B4567, sequence, 1000 * sequence) + body


def registration(ip, server, neurons, name):
    identifiers = b"".join(neurons)
    body = struct.pack("!IBBBBBBH", DATE, 1, 0, 1, 1, 0, 0, 0)
    body += struct.pack("!HH4sII4s4s4sHHHH", len(identifiers), 1628, ip, DATE, DATE, server, bytes(4), bytes(4), 1629, 0, 0, 0)
    return body + identifiers + bytes([len(name)]) + name.encode()


def members(hosts):
    body = struct.pack("!IIIHH", DATE, DATE, 0, len(hosts), 0)
    return body + b"".join(struct.pack("!4sHHI", host.ip_bytes, 1628, 0, DATE) for host in hosts)


def lontalk(number, value):
    """A network variable update from subnet 1, node 5."""
    return bytes([0x01, 0x19, 0x01, 0x05, 0x01, 0x06, 0x33, 0x80 | number >> 8, number & 0xFF]) + struct.pack("!h", value)


capture = Capture("cnip/registration-and-data.pcap")
server = capture.host("00:d0:71:0b:00:30", "10.79.0.30")
north, south = capture.host("00:d0:71:0b:00:31", "10.79.0.31"), capture.host("00:d0:71:0b:00:32", "10.79.0.32")
neurons = {north: [bytes.fromhex("04a1b2c30101"), bytes.fromhex("04a1b2c30102")], south: [bytes.fromhex("04a1b2c30201"), bytes.fromhex("04a1b2c30202")]}
for host, name in ((north, "LON router north"), (south, "LON router south")):
    capture.udp(server, 1629, host, 1628, packet(REQUEST_CONFIGURATION, 1, struct.pack("!IBHBII", DATE, 0, 7, 0, 0, 0)))
    capture.udp(host, 1628, server, 1629, packet(REGISTER, 2, registration(host.ip_bytes, server.ip_bytes, neurons[host], name)))
    capture.udp(server, 1629, host, 1628, packet(RESPONSE, 2, struct.pack("!IBHB", DATE, 0, 2, 0)))
    capture.udp(server, 1629, host, 1628, packet(MEMBERS, 3, members([north, south, server])))
for sequence in range(4, 40):
    sender, receiver = (north, south) if sequence % 2 else (south, north)
    one = packet(DATA, sequence, lontalk(0x12, 200 + sequence))
    # Two updates that fall together go in one datagram.
    capture.udp(sender, 1628, receiver, 1628, one if sequence % 5 else one + packet(DATA, sequence, lontalk(0x13, sequence)))
capture.write()

capture = Capture("cnip/authenticated.pcap")
north, south = capture.host("00:d0:71:0b:00:31", "10.79.0.31"), capture.host("00:d0:71:0b:00:32", "10.79.0.32")
for sequence in range(50, 60):
    digest = bytes((sequence * 7 + at * 13) & 0xFF for at in range(16))
    capture.udp(north, 1628, south, 1628, packet(DATA, sequence, lontalk(0x12, sequence) + digest, AUTHENTICATED))
capture.write()
