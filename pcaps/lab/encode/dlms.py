"""DLMS/COSEM: DLMS UA 1000-2 (Green Book), wrapper (7.3) and HDLC (8.4), association (9.4), services (9.5)."""
import struct

from ber import oid, tlv
from wire import Capture

CONTEXT, MECHANISM = "2.16.756.5.8.1", "2.16.756.5.8.2"
INITIATE = bytes.fromhex("01000000065f1f0400001e1dffff")
NAME, SERIAL, FIRMWARE, ENERGY, CLOCK = "0.0.42.0.0.255", "0.0.96.1.0.255", "1.0.0.2.0.255", "1.0.1.8.0.255", "0.0.1.0.0.255"


def wrapped(apdu, source=16, destination=1):
    return struct.pack("!HHHH", 1, source, destination, len(apdu)) + apdu


def fcs(data):
    """8.4.4: ISO/IEC 13239, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
    return struct.pack("<H", crc ^ 0xFFFF)


def hdlc(destination, source, control, information=b""):
    addresses = bytes([destination << 1 | 1, source << 1 | 1, control])
    size = 2 + len(addresses) + 2 + (len(information) + 2 if information else 0)
    head = struct.pack("!H", 0xA000 | size) + addresses
    body = head + fcs(head) + information if information else head
    return b"\x7e" + body + fcs(body) + b"\x7e"


def obis(text):
    return bytes(int(part) for part in text.split("."))


def aarq(context, mechanism=0, value=b"", title=b""):
    named = tlv(0x8A, b"\x07\x80") + oid(f"{MECHANISM}.{mechanism}", 0x8B) + tlv(0xAC, tlv(0x80, value)) if mechanism else b""
    return tlv(0x60, tlv(0xA1, oid(f"{CONTEXT}.{context}")), tlv(0xA6, tlv(4, title)) if title else b"", named, tlv(0xBE, tlv(4, INITIATE)))


def aare(context, mechanism=0, challenge=b"", title=b"", result=0):
    named = tlv(0x88, b"\x07\x80") + oid(f"{MECHANISM}.{mechanism}", 0x89) + tlv(0xAA, tlv(0x80, challenge)) if mechanism else b""
    diagnostic = tlv(0xA3, tlv(0xA1, tlv(2, bytes([14 if mechanism > 1 else 0]))))
    answer = bytes.fromhex("0800065f1f040000181d007d0007")
    return tlv(0x61, tlv(0xA1, oid(f"{CONTEXT}.{context}")), tlv(0xA2, tlv(2, bytes([result]))), diagnostic, tlv(0xA4, tlv(4, title)) if title else b"", named, tlv(0xBE, tlv(4, answer)))


def get(invoke, kind, name, attribute=2):
    return struct.pack("!BBBH", 0xC0, 1, 0xC0 | invoke, kind) + obis(name) + bytes([attribute, 0])


def got(invoke, value):
    return bytes([0xC4, 1, 0xC0 | invoke, 0]) + value


def octets(value):
    return bytes([9, len(value)]) + value


def action(invoke, kind, name, method):
    return struct.pack("!BBBH", 0xC3, 1, 0xC0 | invoke, kind) + obis(name) + bytes([method, 0])


def set_clock(invoke):
    return struct.pack("!BBBH", 0xC1, 1, 0xC0 | invoke, 8) + obis(CLOCK) + bytes([2, 0]) + octets(bytes.fromhex("07ea0302010a000000ffc400"))


def identify(talk, name, serial, firmware):
    for invoke, question, answer in ((1, NAME, name), (2, SERIAL, serial), (3, FIRMWARE, firmware)):
        talk.client(wrapped(get(invoke, 1, question)))
        talk.server(wrapped(got(invoke, octets(answer)), 1, 16))


capture = Capture("dlms/wrapper-three-levels-of-security.pcap")
system = capture.host("00:50:56:0b:50:01", "10.79.5.1")
open_, low, high = capture.host("00:40:9d:0b:50:02", "10.79.5.2"), capture.host("00:40:9d:0b:50:03", "10.79.5.3"), capture.host("00:40:9d:0b:50:04", "10.79.5.4")
with capture.tcp(system, 50201, open_, 4059) as talk:
    talk.client(wrapped(aarq(1)))
    talk.server(wrapped(aare(1), 1, 16))
    identify(talk, b"ISK1030700004217", b"34307042", b"5.1.4")
    for index in range(20):
        talk.client(wrapped(get(index % 16, 3, ENERGY)))
        talk.server(wrapped(got(index % 16, b"\x06" + struct.pack("!I", 1204500 + index)), 1, 16))
with capture.tcp(system, 50202, low, 4059) as talk:
    talk.client(wrapped(aarq(1, 1, b"LABSECRET-lls")))
    talk.server(wrapped(aare(1, 1), 1, 16))
    identify(talk, b"KFM1100200001881", b"7321000188", b"3.0.9.22")
    talk.client(wrapped(set_clock(4)))
    talk.server(wrapped(bytes([0xC5, 1, 0xC4, 0]), 1, 16))
    talk.client(wrapped(action(5, 70, "0.0.96.3.10.255", 1)))
    talk.server(wrapped(bytes([0xC7, 1, 0xC5, 0, 0]), 1, 16))
    talk.client(wrapped(action(6, 18, "0.0.44.0.0.255", 1)))
    talk.server(wrapped(bytes([0xC7, 1, 0xC6, 0, 0]), 1, 16))
with capture.tcp(system, 50203, high, 4059) as talk:
    talk.client(wrapped(aarq(3, 5, bytes(range(16)), b"HES\0\0\0\0\1")))
    talk.server(wrapped(aare(3, 5, bytes(range(16, 32)), b"LGZ\x10\0\x4a\x21\x07"), 1, 16))
    for counter in range(10):
        # Security control 0x30, invocation counter, ciphertext.
        talk.client(wrapped(tlv(0xC8, b"\x30" + struct.pack("!I", counter) + bytes((counter * 7 + index) & 0xFF for index in range(25)))))
        talk.server(wrapped(tlv(0xCC, b"\x30" + struct.pack("!I", counter) + bytes((counter * 11 + index) & 0xFF for index in range(29))), 1, 16))
capture.write()

capture = Capture("dlms/hdlc-picked-up-in-the-middle.pcap")
TO, FROM = bytes.fromhex("e6e600"), bytes.fromhex("e6e700")
with capture.tcp(capture.host("00:50:56:0b:50:01", "10.79.5.1"), 50204, capture.host("00:90:e8:0b:50:05", "10.79.5.5"), 4001, opened=False) as talk:
    for index in range(40):
        talk.client(hdlc(1, 16, 0x10 | (index % 8) << 1 | (index % 8) << 5, TO + get(index % 16, 3, ENERGY)))
        talk.server(hdlc(16, 1, 0x10 | (index % 8) << 1 | (index % 8) << 5, FROM + got(index % 16, b"\x06" + struct.pack("!I", 88200 + index))))
    talk.client(hdlc(1, 16, 0x10, TO + get(1, 1, NAME)))
    talk.server(hdlc(16, 1, 0x10, FROM + got(1, octets(b"LGZ0012345678901"))))
    talk.client(hdlc(1, 16, 0x53))
    talk.server(hdlc(16, 1, 0x73))
    talk.client(hdlc(1, 16, 0x93))
    talk.server(hdlc(16, 1, 0x73))
    talk.client(hdlc(1, 16, 0x10, TO + aarq(1, 1, b"LABSECRET-hdlc")))
    talk.server(hdlc(16, 1, 0x30, FROM + aare(1, 1)))
capture.write()

capture = Capture("dlms/unusual-port.pcap")
with capture.tcp(capture.host("00:50:56:0b:50:01", "10.79.5.1"), 50205, capture.host("00:40:9d:0b:50:02", "10.79.5.2"), 14059) as talk:
    talk.client(wrapped(aarq(1)))
    talk.server(wrapped(aare(1), 1, 16))
    identify(talk, b"ISK1030700004217", b"34307042", b"5.1.4")
capture.write()
