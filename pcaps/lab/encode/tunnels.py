"""Tunnels and remote access: WireGuard, OpenVPN, IKE, ESP, L2TP, PPTP, TeamViewer, Tailscale.

After the WireGuard paper (5.4), OpenVPN's network protocol, RFC 2409, RFC 7296, RFC 4303, RFC 2661, RFC 2637, Tailscale's disco package and
the public descriptions of TeamViewer's head. What is encrypted is made of counted bytes.
"""
import hashlib
import struct

from wire import Capture


def hidden(length, seed):
    out, number = b"", 0
    while len(out) < length:
        out += hashlib.sha256(f"{seed} {number}".encode()).digest()
        number += 1
    return out[:length]


def pair(path, network):
    capture = Capture(path)
    gateway = capture.host(f"00:0d:b9:0f:{network:02x}:01", f"10.89.{network}.1")
    client = capture.host(f"d4:be:d9:0f:{network:02x}:10", f"10.89.{network}.16")
    other = capture.host(f"d4:be:d9:0f:{network:02x}:11", f"10.89.{network}.17")
    return capture, gateway, client, other


# ── WireGuard ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, gateway, client, other = pair("wg/handshake-and-data.pcap", 1)


def data(number, seed, length=96):
    return struct.pack("<IIQ", 4, 0x5A5A0001, number) + hidden(length - 16, seed)


capture.udp(client, 40001, gateway, 51820, struct.pack("<II", 1, 0x11111111) + hidden(140, "first"))
capture.udp(gateway, 51820, client, 40001, struct.pack("<II", 2, 0x22222222) + hidden(84, "second"))
for number in range(4):
    capture.udp(client, 40001, gateway, 51820, data(number, f"up {number}"))
    capture.udp(gateway, 51820, client, 40001, data(number, f"down {number}", 32))
# In the middle, on another port.
for number in range(900, 903):
    capture.udp(other, 40002, gateway, 443, data(number, f"other {number}"))
capture.write()

# ── OpenVPN ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, gateway, client, other = pair("openvpn/with-and-without-shared-key.pcap", 2)
ONE, TWO = b"\1\2\3\4\5\6\7\x08", b"\x11\x12\x13\x14\x15\x16\x17\x18"
BODY = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\0\x04\xc0\x2f\0\x9c" + b"\x01\0" + b"\0\0"
HELLO = b"\x16\x03\x01" + struct.pack("!H", len(BODY) + 4) + b"\x01" + struct.pack("!I", len(BODY))[1:] + BODY
capture.udp(client, 40001, gateway, 1194, b"\x38" + ONE + b"\0" + bytes(4))
capture.udp(gateway, 1194, client, 40001, b"\x40" + TWO + b"\x01" + bytes(4) + ONE + bytes(4))
capture.udp(client, 40001, gateway, 1194, b"\x28" + ONE + b"\x01" + bytes(4) + TWO)
capture.udp(client, 40001, gateway, 1194, b"\x20" + ONE + b"\0" + struct.pack("!I", 1) + HELLO)
for number in range(4):
    capture.udp(client, 40001, gateway, 1194, b"\x48\0\0\0" + hidden(96, f"up {number}"))
TIME = struct.pack("!II", 1, 1_772_438_400)
capture.udp(other, 40002, gateway, 31194, b"\x38" + ONE + hidden(64, "hmac") + TIME + b"\0" + bytes(4))
capture.udp(gateway, 31194, other, 40002, b"\x40" + TWO + hidden(64, "hmac 2") + TIME + b"\x01" + bytes(4) + ONE + bytes(4))
with capture.tcp(other, 40003, gateway, 443) as talk:
    talk.client(b"\0\x0e\x38" + ONE + b"\0" + bytes(4))
    talk.server(b"\0\x1a\x40" + TWO + b"\x01" + bytes(4) + ONE + bytes(4))
capture.write()

# ── IKE and ESP ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, gateway, client, other = pair("isakmp/versions-and-algorithms.pcap", 3)


def payload(following, body):
    return struct.pack("!BBH", following, 0, len(body) + 4) + body


def ike(version, exchange, flags, responder, first, body, message=0):
    return bytes(range(1, 9)) + (bytes(range(0x21, 0x29)) if responder else bytes(8)) + struct.pack("!BBBBII", first, version, exchange, flags, message, 28 + len(body)) + body


def sa_v1(following, encryption, digest, method, group, *more):
    attributes = b"".join(struct.pack("!HH", 0x8000 | kind, value) for kind, value in ((1, encryption), (2, digest), (3, method), (4, group), *more, (11, 1)))
    transform = payload(0, b"\x01\x01\0\0" + attributes)
    return payload(following, struct.pack("!II", 1, 1) + payload(0, b"\x01\x01\0\x01" + transform))


DPD = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")
UNITY = bytes.fromhex("12f5f28c457168a9702d9fe274cc0100")
# Aggressive mode with 3DES, MD5 and a pre-shared key.
body = sa_v1(13, 5, 1, 1, 2) + payload(0, UNITY)
capture.udp(client, 500, gateway, 500, ike(0x10, 4, 0, False, 1, body))
capture.udp(gateway, 500, client, 500, ike(0x10, 4, 0, True, 1, sa_v1(13, 5, 1, 1, 2) + payload(0, DPD)))


def transform(last, kind, number, bits=None):
    attributes = struct.pack("!HH", 0x800E, bits) if bits else b""
    return struct.pack("!BBHBBH", 0 if last else 3, 0, 8 + len(attributes), kind, 0, number) + attributes


def sa_v2(following, *transforms):
    whole = b"".join(transforms)
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(whole), 1, 1, 0, len(transforms)) + whole
    return payload(following, proposal)


STRONG = (transform(False, 1, 20, 256), transform(False, 2, 7), transform(True, 4, 20))
WEAK = (transform(False, 1, 3), transform(False, 2, 2), transform(False, 3, 2), transform(True, 4, 2))
NONCE = payload(43, bytes(range(32)))
capture.udp(other, 500, gateway, 500, ike(0x20, 34, 0x08, False, 33, sa_v2(40, *WEAK) + NONCE + payload(0, b"strong-client")))
capture.udp(gateway, 500, other, 500, ike(0x20, 34, 0x20, True, 33, sa_v2(40, *WEAK) + NONCE + payload(0, DPD)))
nat = b"\0\0\0\0"
far = capture.host("d4:be:d9:0f:03:12", "10.89.3.18")
capture.udp(far, 4500, gateway, 4500, nat + ike(0x20, 34, 0x08, False, 33, sa_v2(40, *STRONG) + NONCE + payload(0, DPD)))
capture.udp(gateway, 4500, far, 4500, nat + ike(0x20, 34, 0x20, True, 33, sa_v2(40, *STRONG) + NONCE + payload(0, DPD)))
capture.udp(far, 4500, gateway, 4500, nat + ike(0x20, 35, 0x08, True, 46, payload(0, hidden(64, "auth")), 1))
capture.write()

capture, gateway, client, other = pair("esp/plain-and-in-udp.pcap", 4)
for number in range(1, 4):
    capture.ip(client, gateway, 50, struct.pack("!II", 0xC0DE0001, number) + hidden(88, f"esp {number}"))
    capture.ip(gateway, client, 50, struct.pack("!II", 0xC0DE0002, number) + hidden(88, f"esp back {number}"))
    capture.udp(other, 4500, gateway, 4500, struct.pack("!II", 0xC0DE0003, number) + hidden(88, f"nat {number}"))
capture.write()

# ── L2TP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, gateway, client, other = pair("l2tp/tunnel.pcap", 5)


def avp(kind, value):
    return struct.pack("!HHH", 0x8000 | len(value) + 6, 0, kind) + value


def l2tp(tunnel, ns, nr, *avps):
    body = b"".join(avps)
    return struct.pack("!HHHHHH", 0xC802, 12 + len(body), tunnel, 0, ns, nr) + body


def start(kind, name, vendor):
    return (avp(0, struct.pack("!H", kind)), avp(2, b"\1\0"), avp(3, struct.pack("!I", 3)), avp(6, struct.pack("!H", 0x690)), avp(7, name), avp(8, vendor), avp(9, b"\0\7"))


for host, port, number in ((client, 1701, 0), (other, 21701, 1)):
    capture.udp(host, 50001 + number, gateway, port, l2tp(0, 0, 0, *start(1, b"lac-cell-%d" % number, b"xelerance.com")))
    capture.udp(gateway, port, host, 50001 + number, l2tp(7, 0, 1, *start(2, b"lns-plant", b"MikroTik"), *((avp(11, bytes(range(16))),) if number else ())))
    capture.udp(host, 50001 + number, gateway, port, l2tp(9, 1, 1, avp(0, b"\0\3")))
capture.write()

# ── PPTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, gateway, client, other = pair("pptp/tunnel.pcap", 6)


def pptp(kind, body):
    return struct.pack("!HHIHH", len(body) + 12, 1, 0x1A2B3C4D, kind, 0) + body


def ends(result, firmware, name, vendor):
    return struct.pack("!HHIIHH", 0x100, result, 1, 1, 1, firmware) + name.ljust(64, b"\0") + vendor.ljust(64, b"\0")


for port in (1723, 11723):
    with capture.tcp(client, 40000 + port, gateway, port) as talk:
        talk.client(pptp(1, ends(0, 0, b"", b"Microsoft Windows NT")))
        talk.server(pptp(2, ends(0x100, 1, b"gw-remote", b"linux")))
        talk.client(pptp(5, struct.pack("!I", 1)))
with capture.tcp(other, 40009, gateway, 1723, opened=False) as talk:
    talk.client(pptp(5, struct.pack("!I", 1)))
    talk.server(pptp(6, struct.pack("!IBBH", 1, 1, 0, 0)))
capture.write()

# ── TeamViewer and Tailscale ─────────────────────────────────────────────────────────────────────────────────────────────────
capture, gateway, client, other = pair("teamviewer/host.pcap", 7)
server = capture.host("00:0d:b9:0f:07:01", "198.51.100.7")
with capture.tcp(client, 50001, server, 5938) as talk:
    talk.client(b"\x17\x24\x0a\x20\x00" + hidden(32, "tv"))
    talk.server(b"\x17\x24\x0b\x20\x00" + hidden(32, "tv 2"))
capture.write()

capture, gateway, client, other = pair("tailscale/members.pcap", 8)
for host, port in ((client, 41641), (other, 50123)):
    capture.udp(host, port, gateway, 41641, b"TS\xf0\x9f\x92\xac" + hidden(32, host.ip) + hidden(24 + 16 + 46, "disco"))
capture.write()
