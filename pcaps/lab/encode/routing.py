"""Routers among themselves: HSRP, VRRP, GLBP, OSPF, EIGRP, IS-IS, BGP, RIP, PIM, BFD, IGMP.

Each: one that shows a word in the clear or nothing, and one that is protected. RFC 2281, 9568, 2338, 2328, 5340, 7868, 4271, 2453, 4822,
7761, 5880, 3376, ISO 10589; Cisco's HSRP version 2 and GLBP as their fields are documented.
"""
import ipaddress
import struct

from wire import Capture, checksum, mac_bytes


def routers(path, network, first="00:1e:13:0c:%02x:01", second="00:1e:13:0c:%02x:02", ttl=1):
    capture = Capture(path)
    one = capture.host(first % network if "%" in first else first, f"10.86.{network}.1", ttl)
    two = capture.host(second % network if "%" in second else second, f"10.86.{network}.2", ttl)
    return capture, one, two


def pad(text, size):
    return text.ljust(size, b"\0")


# ── HSRP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, one, two = routers("hsrp/versions-and-authentication.pcap", 1)
active = capture.host("00:00:0c:07:ac:01", "10.86.1.1", 1)
all_routers, hsrp2 = capture.group("224.0.0.2"), capture.group("224.0.0.102")
shared = bytes([10, 86, 1, 254])


def v1(state, priority, word):
    return bytes([0, 0, state, 3, 10, priority, 1, 0]) + pad(word, 8) + shared


for number in range(3):
    capture.udp(active, 1985, all_routers, 1985, v1(16, 110, b"cisco"))
    capture.udp(two, 1985, all_routers, 1985, v1(8, 100, b"cisco"))
    capture.wait(3)
capture.udp(two, 1985, all_routers, 1985, v1(4, 100, b"lab7plnt"))


def v2(state, group, priority, host, more):
    head = bytes([1, 40, 2, 0, state, 4]) + struct.pack("!H", group) + mac_bytes(host.mac) + struct.pack("!III", priority, 3000, 10000)
    return head + pad(shared, 16) + more


active2 = capture.host("00:00:0c:9f:f0:07", "10.86.1.1", 1)
capture.udp(active2, 1985, hsrp2, 1985, v2(6, 7, 110, one, bytes([4, 28, 1, 0, 0, 0]) + one.ip_bytes + bytes(20)))
capture.udp(two, 1985, hsrp2, 1985, v2(5, 7, 100, two, b""))
capture.write()

# ── VRRP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, one, two = routers("vrrp/versions-and-authentication.pcap", 2, "00:00:5e:00:01:0a", "00:00:5e:00:01:0b", ttl=255)
group = capture.group("224.0.0.18")


def vrrp(version, vrid, method, word, *addresses):
    tail = pad(word, 8) if version == 2 else b""
    body = bytes([version << 4 | 1, vrid, 200, len(addresses), method, 1]) + bytes(2) + b"".join(addresses) + tail
    return body[:6] + struct.pack("!H", checksum(body)) + body[8:]


for number in range(3):
    capture.ip(one, group, 112, vrrp(2, 10, 1, b"lab7plnt", bytes([10, 86, 2, 254])))
    capture.ip(two, group, 112, vrrp(3, 11, 0, b"", bytes([10, 86, 2, 253])))
    capture.wait(1)
capture.write()

# ── GLBP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, one, two = routers("glbp/hellos.pcap", 3, ttl=255)
group = capture.group("224.0.0.102")


def glbp(host, state, priority, more):
    hello = bytes([1, 28, 0, state, 0, priority, 0, 0]) + struct.pack("!IIHH", 3000, 10000, 600, 14400) + bytes([0, 0, 1, 4, 10, 86, 3, 254])
    return bytes([1, 0]) + struct.pack("!HH", 5, 0) + mac_bytes(host.mac) + hello + more


for number in range(2):
    capture.udp(one, 3222, group, 3222, glbp(one, 32, 150, bytes([3, 12, 1, 8]) + b"lab7plnt"))
    capture.udp(two, 3222, group, 3222, glbp(two, 16, 100, bytes([3, 22, 3, 18]) + bytes(18)))
    capture.wait(3)
capture.write()

# ── OSPF ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, one, two = routers("ospf/hellos-and-updates.pcap", 4)
third = capture.host("00:1e:13:0c:04:03", "10.86.4.3", 1)
all_spf = capture.group("224.0.0.5")


def ospf(kind, router, method, data, body):
    head = bytes([2, kind]) + struct.pack("!H", 24 + len(body)) + router + bytes([0, 0, 0, 7])
    total = checksum(head + struct.pack("!HH", 0, method) + body) if method < 2 else 0
    digest = bytes(range(16)) if method == 2 else b""
    return head + struct.pack("!HH", total, method) + data + body + digest


HELLO = bytes([255, 255, 255, 0]) + struct.pack("!HBBI", 10, 2, 1, 40) + one.ip_bytes + two.ip_bytes
for number in range(3):
    capture.ip(one, all_spf, 89, ospf(1, bytes([10, 86, 255, 1]), 1, pad(b"lab7plnt", 8), HELLO))
    capture.ip(two, all_spf, 89, ospf(1, bytes([10, 86, 255, 2]), 2, struct.pack("!HBBI", 0, 1, 16, 100 + number), HELLO))
    capture.ip(third, all_spf, 89, ospf(1, bytes([10, 86, 255, 3]), 0, bytes(8), HELLO))
    capture.wait(10)
capture.ip(third, all_spf, 89, ospf(4, bytes([10, 86, 255, 3]), 0, bytes(8), struct.pack("!I", 1) + bytes(24)))
capture.write()

# ── EIGRP ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, one, two = routers("eigrp/hellos.pcap", 5)
group = capture.group("224.0.0.10")


def eigrp(opcode, system, more):
    body = bytes([2, opcode]) + bytes(2) + struct.pack("!IIIHH", 0, 0, 0, 0, system) + more
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


PARAMETERS = struct.pack("!HHBBBBBBH", 1, 12, 1, 0, 1, 0, 0, 0, 15)
VERSION = struct.pack("!HHBBBB", 4, 8, 15, 2, 3, 0)
DIGEST = struct.pack("!HHHHII", 2, 40, 2, 16, 1, 0) + bytes(8) + bytes(range(16))
for number in range(3):
    capture.ip(one, group, 88, eigrp(5, 100, PARAMETERS + VERSION))
    capture.ip(two, group, 88, eigrp(5, 100, DIGEST + PARAMETERS + VERSION))
    capture.wait(5)
capture.ip(one, group, 88, eigrp(1, 100, struct.pack("!HH", 0x102, 29) + bytes(25)))
capture.write()

# ── IS-IS ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, one, two = routers("isis/hellos-and-link-states.pcap", 6)


def tlv(kind, value):
    return bytes([kind, len(value)]) + value


def isis(host, to, kind, fixed, middle, tlvs):
    body = bytes([0x83, fixed, 1, 0, kind, 1, 0, 0]) + middle + tlvs
    payload = b"\xfe\xfe\x03" + body
    capture.frame(host.mac, to, len(payload), payload)


L1, L2 = "01:80:c2:00:00:14", "01:80:c2:00:00:15"
IDS = {1: bytes.fromhex("010086255001"), 2: bytes.fromhex("010086255002")}


def hello(host, number, more):
    middle = bytes([1]) + IDS[number] + struct.pack("!HHB", 30, 27 + len(more), 64) + IDS[1] + b"\x01"
    isis(host, L1, 15, 27, middle, more)


def link_state(host, originator, name):
    more = tlv(1, b"\x03\x49\x00\x01") + tlv(137, name)
    middle = struct.pack("!HH", 27 + len(more), 1199) + IDS[originator] + b"\0\0" + struct.pack("!IHB", 9, 0x1234, 3)
    isis(host, L1, 18, 27, middle, more)


for number in range(2):
    hello(one, 1, tlv(1, b"\x03\x49\x00\x01") + tlv(10, b"\x01LABSECRET-isis") + tlv(132, one.ip_bytes))
    hello(two, 2, tlv(1, b"\x03\x49\x00\x01") + tlv(10, b"\x36" + bytes(range(16))) + tlv(132, two.ip_bytes))
    capture.wait(9)
link_state(one, 1, b"core-north")
link_state(one, 2, b"core-south")
link_state(two, 2, b"core-south")
capture.write()

# ── BGP ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, one, two = routers("bgp/open-and-updates.pcap", 7)


def bgp(kind, body=b""):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body


def bgp_open(system, router, name=None):
    capabilities = tlv(1, bytes([0, 1, 0, 1])) + tlv(2, b"") + tlv(65, struct.pack("!I", system))
    if name:
        capabilities += tlv(73, bytes([len(name)]) + name + b"\0")
    parameters = tlv(2, capabilities)
    return bgp(1, bytes([4]) + struct.pack("!HH", min(system, 23456), 180) + router + bytes([len(parameters)]) + parameters)


with capture.tcp(two, 50001, one, 179) as talk:
    talk.client(bgp_open(4200000002, bytes([10, 86, 255, 2]), b"border-south"))
    talk.server(bgp_open(65001, bytes([10, 86, 255, 1])))
    talk.client(bgp(4))
    talk.server(bgp(4))
    talk.client(bgp(2, bytes(4)))
with capture.tcp(two, 50002, one, 1790) as talk:
    talk.client(bgp_open(4200000002, bytes([10, 86, 255, 2]), b"border-south"))
    talk.server(bgp(3, bytes([2, 2])))
other = capture.host("00:1e:13:0c:07:03", "10.86.7.3", 1)
with capture.tcp(other, 50003, one, 179, opened=False) as talk:
    talk.client(bgp(4))
    talk.server(bgp(4))
capture.write()

# ── RIP ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, one, two = routers("rip/responses.pcap", 8)
third = capture.host("00:1e:13:0c:08:03", "10.86.8.3", 1)
group = capture.group("224.0.0.9")
ROUTE = struct.pack("!HH", 2, 0) + bytes([10, 9, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0]) + struct.pack("!I", 1)
for number in range(2):
    capture.udp(one, 520, group, 520, bytes([2, 2, 0, 0]) + struct.pack("!HH", 0xFFFF, 2) + pad(b"LABSECRET-rip", 16) + ROUTE)
    capture.udp(two, 520, group, 520, bytes([2, 2, 0, 0]) + struct.pack("!HHHBBIQ", 0xFFFF, 3, 44, 1, 20, 9 + number, 0) + ROUTE + struct.pack("!HH", 0xFFFF, 1) + bytes(16))
    capture.udp(third, 520, group, 520, bytes([2, 2, 0, 0]) + ROUTE)
    capture.wait(30)
host = capture.host("00:80:f4:0c:08:10", "10.86.8.16", 1)
capture.udp(host, 520, group, 520, bytes([1, 2, 0, 0]) + bytes(16) + struct.pack("!I", 16))
capture.write()

# ── PIM ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, one, two = routers("pim/hellos.pcap", 9)
group = capture.group("224.0.0.13")


def option(kind, value):
    return struct.pack("!HH", kind, len(value)) + value


def pim(kind, body):
    whole = bytes([0x20 | kind, 0, 0, 0]) + body
    return whole[:2] + struct.pack("!H", checksum(whole)) + body


for host in (one, two):
    more = option(24, bytes([1, 0]) + bytes([10, 99, 0, host.ip_bytes[3]])) if host is one else b""
    capture.ip(host, group, 103, pim(0, option(1, struct.pack("!H", 105)) + option(19, struct.pack("!I", 1)) + option(20, bytes([1, 2, 3, host.ip_bytes[3]])) + more))
capture.ip(two, group, 103, pim(3, bytes([1, 0]) + one.ip_bytes + bytes(24)))
capture.write()

# ── BFD ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, one, two = routers("bfd/sessions.pcap", 10, ttl=255)


def bfd(own, other, section=b""):
    flags = 0xC0 | (4 if section else 0)
    return bytes([0x20, flags, 3, 24 + len(section)]) + struct.pack("!IIIII", own, other, 300000, 300000, 0) + section


for number in range(4):
    capture.udp(one, 49152, two, 3784, bfd(1, 2, bytes([1, 16, 1]) + b"LABSECRET-bfd"))
    capture.udp(two, 49153, one, 3784, bfd(2, 1, bytes([5, 28, 1, 0]) + struct.pack("!I", number) + bytes(20)))
    capture.wait(0.3)
third = capture.host("00:1e:13:0c:0a:03", "10.86.10.3", 255)
capture.udp(third, 49154, one, 3784, bfd(3, 4))
capture.write()

# ── IGMP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, one, two = routers("igmp/query-and-reports.pcap", 11)
camera = capture.host("00:40:8c:0c:0b:10", "10.86.11.16", 1)
plc = capture.host("00:80:f4:0c:0b:11", "10.86.11.17", 1)


def igmp(body):
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


capture.ip(one, capture.group("224.0.0.1"), 2, igmp(bytes([0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0])))
capture.ip(camera, capture.group("224.0.0.22"), 2, igmp(bytes([0x22, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0, 239, 255, 255, 250, 4, 0, 0, 0, 224, 0, 0, 251])))
capture.ip(plc, capture.group("239.192.1.3"), 2, igmp(bytes([0x16, 0, 0, 0, 239, 192, 1, 3])))
capture.ip(plc, capture.group("224.0.0.2"), 2, igmp(bytes([0x17, 0, 0, 0, 239, 192, 1, 3])))
capture.write()

# ── MLD and RIPng: IPv6, which the frames of ./wire.py do not have ───────────────────────────────────────────────────────────
def ipv6(capture, mac, source, group, protocol, payload, hop_limit, router_alert=False):
    source, group = ipaddress.ip_address(source).packed, ipaddress.ip_address(group).packed
    pseudo = source + group + struct.pack("!II", len(payload), protocol)
    at = 2 if protocol == 58 else 6
    payload = payload[:at] + struct.pack("!H", checksum(pseudo + payload) or 0xFFFF) + payload[at + 2:]
    # RFC 2710 section 3: a router alert stands in a hop-by-hop header.
    alert = bytes([protocol, 0, 5, 2, 0, 0, 1, 0]) if router_alert else b""
    header = struct.pack("!IHBB", 0x60000000, len(alert + payload), 0 if router_alert else protocol, hop_limit)
    capture.frame(mac, "33:33:" + ":".join(f"{byte:02x}" for byte in group[12:]), 0x86DD, header + source + group + alert + payload)


def listeners(kind, *groups):
    records = b"".join(bytes([kind, 0, 0, 0]) + ipaddress.ip_address(group).packed for group in groups)
    return struct.pack("!BBHHH", 143, 0, 0, 0, len(groups)) + records


capture, one, two = routers("icmpv6/multicast-listeners.pcap", 12)
ROUTER, CAMERA, PLC = ("00:1e:13:0c:0c:01", "fe80::21e:13ff:fe0c:c01"), ("00:40:8c:0c:0c:10", "fe80::240:8cff:fe0c:c10"), ("00:80:f4:0c:0c:11", "fe80::280:f4ff:fe0c:c11")
query = struct.pack("!BBHHH", 130, 0, 0, 10000, 0) + bytes(16)
ipv6(capture, *ROUTER, "ff02::1", 58, query + bytes([2, 125, 0, 0]), 1, True)
# MLDv2: an mDNS responder that is also in WS-Discovery's group; its solicited-node group goes with it.
ipv6(capture, *CAMERA, "ff02::16", 58, listeners(4, "ff02::fb", "ff02::c", "ff02::1:ff0c:c10"), 1, True)
# MLDv1: a report, and the group left again.
ipv6(capture, *PLC, "ff02::181", 58, struct.pack("!BBHHH", 131, 0, 0, 0, 0) + ipaddress.ip_address("ff02::181").packed, 1, True)
ipv6(capture, *PLC, "ff02::2", 58, struct.pack("!BBHHH", 132, 0, 0, 0, 0) + ipaddress.ip_address("ff02::181").packed, 1, True)
capture.write()

capture, one, two = routers("ripng/responses.pcap", 13)


def ripng(command, *routes):
    entries = b"".join(ipaddress.ip_address(prefix).packed + struct.pack("!HBB", 0, length, metric) for prefix, length, metric in routes)
    return bytes([command, 1, 0, 0]) + entries


def udp6(source_port, port, payload):
    return struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload


for number in range(3):
    ipv6(capture, "00:1e:13:0c:0d:01", "fe80::21e:13ff:fe0c:d01", "ff02::9", 17, udp6(521, 521, ripng(2, ("fd00:77::", 64, 1), ("fd00:78::", 64, 2))), 255)
    ipv6(capture, "00:90:e8:0c:0d:02", "fe80::290:e8ff:fe0c:d02", "ff02::9", 17, udp6(521, 521, ripng(2, ("::", 0, 1))), 255)
    capture.wait(30)
# A host that asks for the whole table (RFC 2080 section 2.4.1).
ipv6(capture, "d4:be:d9:0c:0d:06", "fe80::d6be:d9ff:fe0c:d06", "ff02::9", 17, udp6(50001, 521, ripng(1, ("::", 0, 16))), 255)
capture.write()
