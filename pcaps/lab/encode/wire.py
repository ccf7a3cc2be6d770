"""Frames and conversations as a mirror port sees them, for protocols that no free stack speaks.

A file of this folder encodes one protocol, from its specification and with no line in common with the product, and writes captures of
`pcaps/PROTOCOL/`. Nothing but the standard library; the same files on every run. What is built here and not recorded says so in
`pcaps/README.md`.

    from wire import Capture

    capture = Capture("fox/station-hello.pcap")
    station, browser = capture.host("00:01:f0:0b:00:01", "10.79.0.11"), capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
    with capture.tcp(browser, 50001, station, 1911) as talk:      # handshake and end included; opened=False: picked up in the middle
        talk.client(b"fox a 1 -1 fox hello\\n{...};;\\n")
        talk.server(b"fox a 0 -1 fox hello\\n{...};;\\n")
    capture.udp(browser, 50002, station, 47808, b"...")
    capture.frame(station.mac, "01:0e:cf:00:00:00", 0x8892, b"...")
    capture.write()
"""
import pathlib
import struct
import zlib

PCAPS = pathlib.Path(__file__).resolve().parent.parent.parent
#: 2026-03-02T08:00:00Z, in nanoseconds.
START = 1_772_438_400_000_000_000
#: A switch's way and a device's thought.
STEP = 400_000
MSS = 1460


def mac_bytes(text):
    return bytes(int(part, 16) for part in text.split(":"))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def crc16_modbus(data):
    """The check of MODBUS over Serial Line V1.02 section 6.2.2, low byte first; ROC Plus and Genisys end their messages with it too."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return struct.pack("<H", register)


class Host:
    def __init__(self, mac, ip, ttl):
        self.mac, self.ip, self.ttl = mac, ip, ttl
        self.ip_bytes = bytes(int(part) for part in ip.split("."))
        # Every host counts its packets from a place of its own.
        self.ip_id = zlib.crc32(f"{mac} {ip}".encode()) & 0x7FFF

    def next_id(self):
        self.ip_id = self.ip_id % 0xFFFF + 1
        return self.ip_id


def multicast_mac(ip):
    if ip == "255.255.255.255" or ip.endswith(".255"):
        return "ff:ff:ff:ff:ff:ff"
    a, b, c, d = (int(part) for part in ip.split("."))
    return f"01:00:5e:{b & 0x7F:02x}:{c:02x}:{d:02x}"


class Capture:
    def __init__(self, path):
        self.path, self.records, self.time = PCAPS / path, [], START

    def host(self, mac, ip, ttl=64):
        return Host(mac, ip, ttl)

    def group(self, ip):
        """A multicast or broadcast address as a receiver."""
        return Host(multicast_mac(ip), ip, 1)

    def wait(self, seconds):
        self.time += int(seconds * 1_000_000_000)

    def frame(self, src, dst, ethertype, payload, vlan=None):
        """One Ethernet frame; an `ethertype` below 1536 is a length and `payload` begins with LLC."""
        tag = struct.pack("!HH", 0x8100, vlan) if vlan is not None else b""
        data = mac_bytes(dst) + mac_bytes(src) + tag + struct.pack("!H", ethertype) + payload
        self.records.append((self.time, data.ljust(60, b"\0")))
        self.time += STEP

    def ip(self, src, dst, protocol, payload):
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), src.next_id(), 0x4000, src.ttl, protocol, 0, src.ip_bytes, dst.ip_bytes)
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        self.frame(src.mac, dst.mac, 0x0800, header + payload)

    def transport(self, src, dst, protocol, segment, at):
        pseudo = src.ip_bytes + dst.ip_bytes + struct.pack("!BBH", 0, protocol, len(segment))
        total = checksum(pseudo + segment) or 0xFFFF
        self.ip(src, dst, protocol, segment[:at] + struct.pack("!H", total) + segment[at + 2:])

    def udp(self, src, src_port, dst, dst_port, payload):
        self.transport(src, dst, 17, struct.pack("!HHHH", src_port, dst_port, 8 + len(payload), 0) + payload, 6)

    def tcp(self, client, client_port, server, server_port, opened=True):
        return Talk(self, (client, client_port), (server, server_port), opened)

    def write(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for time, data in self.records:
                out.write(struct.pack("<IIII", time // 1_000_000_000, time % 1_000_000_000 // 1000, len(data), len(data)) + data)


class Talk:
    """A TCP connection; `opened=False`: its beginning and end are not in the capture."""

    SYN, ACK, PSH, FIN = 2, 16, 8, 1

    def __init__(self, capture, client, server, opened):
        self.capture, self.ends, self.opened = capture, (client, server), opened
        self.seq = [zlib.crc32(repr((end[0].mac, end[1])).encode()) for end in self.ends]

    def segment(self, side, flags, payload=b"", options=b""):
        (src, src_port), (dst, dst_port) = self.ends[side], self.ends[1 - side]
        offset = (5 + len(options) // 4) << 4
        acknowledged = self.seq[1 - side] if flags & self.ACK else 0
        header = struct.pack("!HHIIBBHHH", src_port, dst_port, self.seq[side], acknowledged, offset, flags, 64240, 0, 0)
        self.capture.transport(src, dst, 6, header + options + payload, 16)
        self.seq[side] = (self.seq[side] + len(payload) + bool(flags & (self.SYN | self.FIN))) & 0xFFFFFFFF

    def __enter__(self):
        if self.opened:
            mss = struct.pack("!BBH", 2, 4, MSS)
            self.segment(0, self.SYN, options=mss)
            self.segment(1, self.SYN | self.ACK, options=mss)
            self.segment(0, self.ACK)
        return self

    def __exit__(self, *_):
        if self.opened:
            self.segment(0, self.FIN | self.ACK)
            self.segment(1, self.FIN | self.ACK)
            self.segment(0, self.ACK)

    def send(self, side, payload):
        for start in range(0, len(payload), MSS):
            self.segment(side, self.PSH | self.ACK, payload[start:start + MSS])
        self.segment(1 - side, self.ACK)

    def client(self, payload):
        self.send(0, payload)

    def server(self, payload):
        self.send(1, payload)
