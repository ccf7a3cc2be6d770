"""Remote Desktop: standard security with a short key, TLS, CredSSP asked for and required.

MS-RDPBCGR section 2.2.1, RFC 1006, ITU-T X.224, T.125 and T.124. What stands between the tags of T.125 is cut to what is needed.
"""
import struct

from wire import Capture


def tpkt(tpdu):
    return struct.pack("!BBH", 3, 0, 4 + len(tpdu)) + tpdu


def connection(code, variable):
    return tpkt(bytes([6 + len(variable), code, 0, 0, 0x12, 0x34, 0]) + variable)


def data(tsdu):
    return tpkt(b"\x02\xf0\x80" + tsdu)


def request(protocols, cookie=""):
    return connection(0xE0, (f"Cookie: mstshash={cookie}\r\n".encode() if cookie else b"") + struct.pack("<BBHI", 1, 0, 8, protocols))


def response(kind, number):
    return connection(0xD0, struct.pack("<BBHI", kind, 0, 8, number))


def block(kind, body):
    return struct.pack("<HH", kind, 4 + len(body)) + body


def per_length(body):
    return struct.pack("!H", 0x8000 | len(body)) + body


def ber(tag, body):
    return tag + b"\x82" + struct.pack("!H", len(body)) + body


#: T.125 section 7: eight parameters of one byte.
DOMAIN = b"\x30\x18" + b"".join(bytes([2, 1, value]) for value in (34, 2, 0, 1, 0, 1, 16, 2))


def connect_initial(name, build):
    core = struct.pack("<IHHHHII", 0x00080004, 1280, 1024, 0xCA01, 0xAA03, 0x407, build) + name.encode("utf-16-le").ljust(32, b"\0") + struct.pack("<III", 4, 0, 12) + bytes(64)
    blocks = block(0xC001, core) + block(0xC004, struct.pack("<II", 13, 0)) + block(0xC002, struct.pack("<II", 0x1B, 0))
    conference = b"\x00\x05\x00\x14\x7c\x00\x01" + per_length(b"\x00\x08\x00\x10\x00\x01\xc0\x00Duca" + per_length(blocks))
    return data(ber(b"\x7f\x65", b"\x04\x01\x01\x04\x01\x01\x01\x01\xff" + DOMAIN * 3 + ber(b"\x04", conference)))


def connect_response(method, level, bits):
    key = b"RSA1" + struct.pack("<III", bits // 8 + 8, bits, bits // 8 - 1) + b"\x01\0\x01\0" + bytes(range(bits // 8 % 256)) + bytes(8)
    certificate = struct.pack("<III", 1, 1, 1) + struct.pack("<HH", 6, len(key)) + key + struct.pack("<HH", 8, 72) + bytes(72)
    security = struct.pack("<IIII", method, level, 32, len(certificate)) + bytes(range(32)) + certificate
    blocks = block(0x0C01, struct.pack("<I", 0x00080004)) + block(0x0C02, security)
    conference = b"\x00\x05\x00\x14\x7c\x00\x01" + per_length(b"\x14\x76\x0a\x01\x01\x00\x01\xc0\x00McDn" + per_length(blocks))
    return data(ber(b"\x7f\x66", b"\x0a\x01\x00\x02\x01\x00" + DOMAIN + ber(b"\x04", conference)))


def record(kind, body):
    message = bytes([kind]) + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x03" + struct.pack("!H", len(message)) + message


CLIENT_HELLO = record(1, b"\x03\x03" + bytes(range(32)) + b"\0\0\x02\xc0\x2f\x01\0")
SERVER_HELLO = record(2, b"\x03\x03" + bytes(range(32, 64)) + b"\0\xc0\x2f\0")
ENCRYPTED = b"\x14\x03\x03\0\x01\x01\x17\x03\x03\0\x20" + bytes(range(32))

capture = Capture("rdp/standard-tls-and-credssp.pcap")
old, server, strict = (capture.host(f"00:0c:29:11:00:0{n}", f"10.94.0.{n}", 128) for n in (1, 2, 3))
station = capture.host("d4:be:d9:11:00:12", "10.94.0.12", 128)
with capture.tcp(station, 50101, old, 3389) as talk:
    talk.client(request(0, "operator"))
    talk.server(response(2, 0))
    talk.client(connect_initial("ENG-WS02", 2600))
    talk.server(connect_response(2, 2, 512))
    for _ in range(4):
        talk.client(data(b"\x64\0\1\3\xeb\x70\x08" + bytes(range(8))))
        talk.server(data(b"\x68\0\1\3\xeb\x70\x08" + bytes(range(8))))
for port, host, asked, chosen in ((50102, server, 1, 1), (50103, strict, 11, 2)):
    with capture.tcp(station, port, host, 3389) as talk:
        talk.client(request(asked, "operator"))
        talk.server(response(2, chosen))
        talk.client(CLIENT_HELLO)
        talk.server(SERVER_HELLO)
        talk.client(ENCRYPTED)
        talk.server(ENCRYPTED)
with capture.tcp(station, 50104, strict, 3389) as talk:
    talk.client(request(0))
    talk.server(response(3, 5))
capture.write()

capture = Capture("rdp/unusual-port.pcap")
server, station = capture.host("00:0c:29:11:00:02", "10.94.0.2", 128), capture.host("d4:be:d9:11:00:12", "10.94.0.12", 128)
with capture.tcp(station, 50105, server, 13389, opened=False) as talk:
    talk.client(request(3, "operator"))
    talk.server(response(2, 2))
    talk.client(CLIENT_HELLO)
    talk.server(SERVER_HELLO)
capture.write()
