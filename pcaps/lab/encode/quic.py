"""QUIC: a browser and a camera's cloud client, versions 1 and 2; hellos in one piece and in several.

RFC 9000, RFC 9001 section 5, RFC 9369. Keys of Initial packets come from the connection id; later packets are fillers, as nobody has keys.
"""
import hashlib
import hmac
import struct

from aes import block, sealed
from wire import Capture

SALTS = {1: ("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "quic"), 0x6B3343CF: ("0dede3def700a6db819381be6e269dcbf9bd2ed9", "quicv2")}


def digest(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def expand(secret, label, length):
    label = b"tls13 " + label.encode()
    return digest(secret, struct.pack("!HB", length, len(label)) + label + b"\0\1")[:length]


def keys(version, connection, side):
    salt, prefix = SALTS[version]
    secret = expand(digest(bytes.fromhex(salt), connection), f"{side} in", 32)
    return expand(secret, f"{prefix} key", 16), expand(secret, f"{prefix} iv", 12), expand(secret, f"{prefix} hp", 16)


def varint(number):
    return struct.pack("!H", 0x4000 | number)


def initial(version, connection, side, to, source, number, frames, size):
    key, iv, header_key = keys(version, connection, side)
    first = 0xC1 | (0x10 if version != 1 else 0)
    before = struct.pack("!BIB", first, version, len(to)) + to + bytes([len(source)]) + source + b"\0"
    payload = frames + bytes(size - len(before) - 4 - 16 - len(frames))
    head = before + varint(2 + len(payload) + 16) + struct.pack("!H", number)
    nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
    packet = bytearray(head + sealed(key, nonce, payload, head))
    at = len(head) - 2
    mask = block(header_key, bytes(packet[at + 4:at + 20]))
    packet[0] ^= mask[0] & 0x0F
    packet[at] ^= mask[1]
    packet[at + 1] ^= mask[2]
    return bytes(packet)


def crypto(offset, data):
    return b"\x06" + varint(offset) + varint(len(data)) + data


def extension(kind, body):
    return struct.pack("!HH", kind, len(body)) + body


def sized(body):
    return struct.pack("!H", len(body)) + body


def client_hello(name, alpn):
    extensions = b"".join([
        extension(0, sized(b"\0" + sized(name.encode()))), extension(10, sized(b"\0\x1d\0\x17")), extension(13, sized(b"\x04\x03\x08\x04")),
        extension(16, sized(bytes([len(alpn)]) + alpn)), extension(43, b"\x02\x03\x04"), extension(51, sized(b"\0\x1d" + sized(bytes(range(32))))),
        extension(57, b"\x01\x04\x80\x00\x75\x30"),
    ])
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + sized(b"\x13\x01\x13\x02\x13\x03") + b"\x01\0" + sized(extensions)
    return b"\x01" + len(body).to_bytes(3, "big") + body


def server_hello():
    extensions = extension(43, b"\x03\x04") + extension(51, b"\0\x1d" + sized(bytes(range(32, 64))))
    body = b"\x03\x03" + bytes(range(64, 96)) + b"\0\x13\x01\0" + sized(extensions)
    return b"\x02" + len(body).to_bytes(3, "big") + body


def short(count, number):
    return b"\x43" + bytes(range(8)) + bytes(value * 7 + number & 0xFF for value in range(count))


def talk(capture, client, port, server, server_port, version, connection, hello, split):
    source, chosen = b"", bytes(reversed(connection))
    parts = [crypto(0, hello)] if not split else [crypto(split, hello[split:]) + b"\x01" + crypto(0, hello[:split])]
    capture.udp(client, port, server, server_port, initial(version, connection, "client", connection, source, 0, parts[0], 1200))
    answer = b"\x02\0\0\0\0" + crypto(0, server_hello())
    capture.udp(server, server_port, client, port, initial(version, connection, "server", source, chosen, 0, answer, 1200))
    for number in range(4):
        capture.udp(client, port, server, server_port, short(60, number))
        capture.udp(server, server_port, client, port, short(900, number))


capture = Capture("quic/versions-1-and-2.pcap")
station, camera = capture.host("d4:be:d9:15:00:12", "10.98.0.12", 128), capture.host("bc:ad:28:15:00:13", "10.98.0.13")
router = capture.host("00:1e:bd:15:00:01", "10.98.0.1")
server = capture.host("00:0c:29:15:00:05", "10.98.0.5")
talk(capture, station, 50101, server, 443, 1, bytes.fromhex("8394c8f03e515708"), client_hello("portal.plant.example", b"h3"), 0)
talk(capture, camera, 50102, server, 8443, 0x6B3343CF, bytes.fromhex("a1b2c3d4e5f60718"), client_hello("cloud.camera.example", b"h3"), 60)
capture.write()

capture = Capture("quic/unusual-port.pcap")
station, server = capture.host("d4:be:d9:15:00:12", "10.98.0.12", 128), capture.host("00:0c:29:15:00:05", "10.98.0.5")
talk(capture, station, 50103, server, 14443, 1, bytes.fromhex("0011223344556677"), client_hello("portal.plant.example", b"h3"), 0)
capture.write()
