#!/usr/bin/env python3
"""Follows every declared claim of an inventory document back to the bytes of the capture.

    tests/evidence.py DOCUMENT.json CAPTURE...      prints "N facts checked, M not obtained"; exits 1 if M > 0
    tests/evidence.py --self-test

Shares no code with the product and needs nothing beyond Python's standard library: pcap and pcapng are read here, the cited spans are
cut out of the captured frames, what `derivation` names is done to them, and the value has to come out. Checked for each piece of
evidence of each attribute of class `declared` that stands, of each certificate, and of each proof that a device holds a key (RSA with PKCS #1
and ECDSA on P-256 are verified anew, with the key in the certificate's cited bytes; of others what was signed is digested):

  * `source` (and `file`, where the source has several) leads to one of the captures that were given;
  * every span lies within its packet (packets count from 1 in each file);
  * `frame_sha256` is the SHA-256 of the captured bytes of the packet that completed the PDU: that of the last span, or, where the
    PDU was put together from several packets, one that came later;
  * `quote` is the beginning of the cited bytes, or of what was made from them;
  * by a rule `field:...` or `registry:...` the attribute's value is obtained. Other rules read the text; for them the text is quoted.

Derivations, in the order in which they were undone
---------------------------------------------------
none            the bytes as they stand: text (UTF-8, else Latin-1), an unsigned number of up to 8 bytes in either byte order, a MAC or
                IP address, or bytes in hexadecimal digits. White space and NULs around text do not count, control and formatting
                characters are written \\u{..}.
put together    tcp, ip, cotp, dnp3, s7-fragments, dcerpc-fragments, sii, tls-records, dtls-fragments, http-body, opcua-chunks, bacnet-segments,
                eap-fragments, radius-attributes,
                connection (from the packet that opened it), request (from the packet that asked): the spans name the pieces in
                order; nothing is left to do.
to other bytes  base64, percent, chunked, gzip, deflate, http-gzip, websocket-mask (the key stands before what it masks),
                tplink-autokey, tuya-announcement, quic-initial (the client's, RFC 9001 5.2): the value stands somewhere in what comes out; reversed (the last byte first): it is what comes out.
to text         packed-ascii, utf-16le, utf-16be, xml-entities, json, netbios-name (RFC 1001 14.1), dns-name (with the compression
                pointers of the message; also some labels of it), dns-reverse-name, mac-text, rfc4514, general-name, asn1-time,
                ber-oid, uuid-le, text-lines (lines as one, with commas)
to numbers      snmp-engine-id (its enterprise number), ntlm-version (major, minor, build), u8, u16-be, u16-le, u32-be, u32-le,
                plus-one, bit-length, decimal-list, option-codes, major.minor (each byte decimal), u16-le-hex, u32-le-hex,
                u32-be-hex, bcd, bcd-version (low byte first), hexadecimal (digits),
                decimal-dotted, dotted-backwards, u8.u8.u16-le, ipv4-le (an address with its last byte first), hart-unique-id,
                hart-hardware-revision, lifx-version (minor, major), series-and-release (PCCC), bacnet-instance, knx-address,
                someip-version
to digests      sha256, sha1, md5, sha224, sha384, sha512, md5-sha1 (one after the other)
put in order    amqp-product: the product's text and the version's, of a table of properties; ads-device-info (name, version);
                os-version-info (of OSVERSIONINFO); s7-named-version (name, version); padded-version (prefix, three numbers in
                three places each)
versions        u8.u8.u16-be, ipmi-firmware (major, minor as BCD), tns-version (one decimal number of 8, 4, 8, 4 and 8 bits), high-half
authentication  ipmi-authentication-types, ipmi-log-in-status, ipmi-algorithm, ntp-authenticator, pgsql-encryption, pgsql-authentication,
                tds-encryption, hsrp-state, glbp-state, glbp-authentication, vrrp-authentication, ospf-authentication, ospf-options,
                eigrp-authentication, isis-authentication, rip-authentication, bfd-authentication, ike-algorithm
words           pjl-online, run-indicator, s7-state, s7-mode-selector, s7-version, s7-plus-version, ethercat-state, powerlink-state, ads-state,
                codesys-protocol, profinet-ar-type, fins-mode, cclink-state, slc-mode, snp-state, tricon-run-state, tricon-key-position, tase2-version, tase2-features, opcua-enumeration, ntcip-node,
                dnp3-iin (its lasting bits, as a number), mib-node, knx-status, knx-family, cnip-flags, cnip-role, doip-activation, subject-equals-issuer
registries      cip-vendor, profinet-vendor, bacnet-vendor, knx-manufacturer, ethercat-vendor, hart-manufacturer, csa-vendor,
                snmp-enterprise, flag-id, last and as the rule registry:NAME: the number (of
                flag-id the three letters) is looked up
                in fingerprints/data; the value is the registered name up to " (", or the usual name that vendor_names.tsv has for it.
keyed texts     (as rules) field:mdns-txt KEY: the value follows KEY= in the text, in any case, for a PostScript product within
                parentheses, for the version of a named program after that name.

A name that is not in this list is a failure that says so.
"""

import base64
import binascii
import gzip
import hashlib
import hmac
import html
import ipaddress
import json
import lzma
import os
import re
import struct
import sys
import urllib.parse
import uuid
import zlib
from datetime import datetime, timezone

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fingerprints", "data")


class NotObtained(Exception):
    """Why a fact could not be followed."""


# ── captures ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def whole_file(path):
    with open(path, "rb") as file:
        raw = file.read()
    if raw[:2] == b"\x1f\x8b":
        return gzip.decompress(raw)
    if raw[:6] == b"\xfd7zXZ\x00":
        return lzma.decompress(raw)
    if raw[:4] == b"\x28\xb5\x2f\xfd":
        raise NotObtained(f"{path}: Python has no zstd; unpack it first")
    return raw


def packets_of(raw):
    """The captured bytes of each packet, in order; of a broken file what comes before the break."""
    if raw[:4] == b"\x0a\x0d\x0d\x0a":
        return list(pcapng(raw))
    return list(pcap(raw))


def pcap(raw):
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}.get(raw[:4])
    if order is None:
        raise NotObtained("neither pcap nor pcapng")
    at = 24
    while at + 16 <= len(raw):
        (length,) = struct.unpack_from(order + "I", raw, at + 8)
        at += 16
        if at + length > len(raw):
            return
        yield raw[at : at + length]
        at += length


def pcapng(raw):
    at, order, snaps = 0, "<", []
    while at + 12 <= len(raw):
        if raw[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if raw[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            snaps = []
        kind, total = struct.unpack_from(order + "II", raw, at)
        if total < 12 or at + total > len(raw):
            return
        body = raw[at + 8 : at + total - 4]
        if kind == 1 and len(body) >= 8:
            snaps.append(struct.unpack_from(order + "I", body, 4)[0])
        elif kind == 6 and len(body) >= 20:
            (length,) = struct.unpack_from(order + "I", body, 12)
            yield body[20 : 20 + length]
        elif kind == 3 and len(body) >= 4:
            (length,) = struct.unpack_from(order + "I", body, 0)
            snap = snaps[0] if snaps and snaps[0] else length
            yield body[4 : 4 + min(length, snap)]
        elif kind == 2 and len(body) >= 20:
            (length,) = struct.unpack_from(order + "I", body, 12)
            yield body[20 : 20 + length]
        at += total


class Capture:
    def __init__(self, path):
        self.name = os.path.basename(path)
        self.packets = packets_of(whole_file(path))
        self.others = []
        self._hashes = None

    def of(self, span):
        """The capture in which a span lies: another file of the same source, if it names one."""
        if not span.get("file"):
            return self
        found = [capture for capture in self.others if capture.name == span["file"]]
        if not found:
            raise NotObtained(f"no capture given is called {span['file']}")
        return found[0]

    def numbers_of(self, digest):
        """The numbers of the packets whose captured bytes have this SHA-256."""
        if self._hashes is None:
            self._hashes = {}
            for number, packet in enumerate(self.packets, 1):
                self._hashes.setdefault(hashlib.sha256(packet).hexdigest(), []).append(number)
        return self._hashes.get(digest, [])

    def packet(self, number):
        if not 1 <= number <= len(self.packets):
            raise NotObtained(f"packet {number} is not in {self.name}, which has {len(self.packets)}")
        return self.packets[number - 1]

    def cut(self, spans):
        pieces = []
        for span in spans:
            packet, start, length = self.of(span).packet(span["packet"]), span["offset"], span["length"]
            if start + length > len(packet):
                raise NotObtained(f"packet {span['packet']} has {len(packet)} bytes, cited are {start} to {start + length}")
            pieces.append(packet[start : start + length])
        return b"".join(pieces)


def captures_of(evidence, document, captures):
    """The captures that a piece of evidence may be of: by name, else by the order in which sources and captures are given."""
    index = next((i for i, source in enumerate(document["sources"]) if source["key"] == evidence["source"]), None)
    if index is None:
        raise NotObtained(f"source {evidence['source']} is not in the document")
    source = document["sources"][index]
    files = [evidence["file"]] if evidence.get("file") else [file["name"] for file in source.get("files", [])] or [source["name"]]
    named = [capture for capture in captures if capture.name in files or os.path.basename(source["name"]) == capture.name]
    if named:
        return named
    if index < len(captures) and not evidence.get("file"):
        return [captures[index]]
    raise NotObtained(f"no capture given is called {' or '.join(files)}")


def cut_of(evidence, document, captures):
    """The bytes that a piece of evidence names, of the first capture that has them."""
    for capture in captures_of(evidence, document, captures):
        try:
            return capture.cut(evidence["spans"])
        except NotObtained as failed:
            reason = failed
    raise reason


# ── readings of bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def escaped(text):
    """Control characters and what could hide or turn text round, as the document writes them."""

    def one(match):
        return "\\u{%x}" % ord(match.group())

    return re.sub(
        "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]", one, text
    )


def text_of(raw):
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def numbers_in(raw):
    if not 1 <= len(raw) <= 8:
        return []
    return [int.from_bytes(raw, "big"), int.from_bytes(raw, "little")]


def plain(raw):
    """Every plain reading of bytes, as text."""
    readings = [text_of(raw), raw.hex()]
    readings += [str(number) for number in numbers_in(raw)]
    if len(raw) == 6:
        readings.append(":".join(f"{byte:02x}" for byte in raw))
    if len(raw) in (4, 16):
        readings.append(str(ipaddress.ip_address(raw)))
    return readings


# ── derivations ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
#
# Each takes the bytes so far and the place they stand at. It returns bytes, to go on with; a list of texts, which ends the chain; or an
# `Inside`: bytes in which the value stands somewhere.


class Inside(bytes):
    """Bytes made from the cited ones; the value is a part of them."""


def oid(raw):
    if not raw:
        raise NotObtained("an empty object identifier")
    arcs, number = [], 0
    for byte in raw:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(number)
            number = 0
    if not arcs:
        raise NotObtained(f"{raw.hex()} has no whole arc")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def der(raw, at=0):
    """(tag, contents, whole, end) of the DER element at an offset."""
    tag, length, at_contents = raw[at], raw[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(raw[at_contents : at_contents + count], "big")
        at_contents += count
    end = at_contents + length
    if end > len(raw):
        raise NotObtained("a DER element that is cut")
    return tag, raw[at_contents:end], raw[at:end], end


def elements(raw):
    at = 0
    while at < len(raw):
        tag, contents, whole, at = der(raw, at)
        yield tag, contents, whole


SHORT_NAMES = {
    "2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET",
    "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.42": "givenName", "2.5.4.46": "dnQualifier",
    "0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC",
}  # fmt: skip
EMAIL = "1.2.840.113549.1.9.1"


def rfc4514(raw):
    """A distinguished name (with or without its own tag) as RFC 4514 writes it; e-mail addresses are left out."""
    contents = der(raw)[1] if raw[:1] == b"\x30" else raw
    relatives = []
    for _, relative, _ in elements(contents):
        parts = []
        for _, attribute, _ in elements(relative):
            (_, kind, _), (tag, value, whole) = list(elements(attribute))[:2]
            kind = oid(kind)
            if kind == EMAIL:
                continue
            if kind in SHORT_NAMES and tag in (0x0C, 0x12, 0x13, 0x14, 0x16, 0x1A, 0x1E):
                text = value.decode("utf-16-be", "replace") if tag == 0x1E else text_of(value)
                parts.append(f"{SHORT_NAMES[kind]}={escaped_rfc4514(text)}")
            else:
                parts.append(f"{SHORT_NAMES.get(kind, kind)}=#{whole.hex()}")
        if parts:
            relatives.append("+".join(parts))
    return ",".join(reversed(relatives))


def escaped_rfc4514(text):
    out = ""
    for index, char in enumerate(text):
        edge = index in (0, len(text) - 1)
        if char == "\0":
            out += "\\00"
        elif char in '"+,;<>\\' or char == "#" and index == 0 or char == " " and edge:
            out += "\\" + char
        else:
            out += char
    return out


def asn1_time(raw):
    """Seconds since 1970, and the same in RFC 3339, of a UTCTime or GeneralizedTime."""
    digits = raw.decode("ascii").rstrip("Z")
    if len(digits) in (10, 12):
        digits = ("19" if int(digits[:2]) >= 50 else "20") + digits
    moment = datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
    return [str(int(moment.timestamp())), moment.strftime("%Y-%m-%dT%H:%M:%S") + ".000000000Z"]


def general_name(raw):
    texts = ["dns:" + text_of(raw), "uri:" + text_of(raw)]
    if len(raw) in (4, 16):
        texts.append("ip:" + str(ipaddress.ip_address(raw)))
    if raw[:1] == b"\x06":
        (_, _, _), (_, explicit, _) = list(elements(raw))[:2]
        (_, kind, _), (_, serial, _) = list(elements(der(explicit)[1]))[:2]
        shown = serial.decode("ascii") if re.fullmatch(rb"[!-~]+", serial) else "#" + serial.hex()
        texts.append(f"other:hardwareModuleName:{oid(kind)}:{shown}")
    return texts


def netbios_name(raw):
    """Two letters a byte (RFC 1001 section 14.1), with or without the length before them; the sixteenth byte is the suffix."""
    letters = raw[1:] if raw[:1] == b"\x20" and len(raw) > 32 else raw
    pairs = zip(letters[0::2], letters[1::2])
    name = bytes((high - 0x41) << 4 & 0xF0 | (low - 0x41) & 0x0F for high, low in pairs)
    if len(name) == 1:
        return [str(name[0])]
    return [text_of(name[:15].rstrip(b" \0")), text_of(name.rstrip(b" \0"))]


def dns_labels(raw, place):
    """Every way to read a DNS name at a place: the labels that stand there, then those that a compression pointer leads to. Where the
    message begins is taken from the UDP header if the frame is that simple, else any beginning counts that gives labels."""
    labels, at = [], 0
    while at < len(raw) and 0 < raw[at] < 0x40 and at + 1 + raw[at] <= len(raw):
        labels.append(raw[at + 1 : at + 1 + raw[at]])
        at += 1 + raw[at]
    ways = []
    if at + 1 < len(raw) and raw[at] >= 0xC0 and place is not None:
        pointer = (raw[at] & 0x3F) << 8 | raw[at + 1]
        packet, start = place
        for begin in message_begins(packet, start):
            rest = followed(packet, begin, begin + pointer)
            if rest is not None:
                ways.append(labels + rest)
    return ways or [labels]


def message_begins(packet, before):
    """Where a DNS message may begin: after an Ethernet, IPv4 or IPv6 and UDP header, else anywhere before the name."""
    at = 12
    while packet[at : at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    kind, at = packet[at : at + 2], at + 2
    if kind == b"\x08\x00" and packet[at + 9 : at + 10] == b"\x11":
        return [at + (packet[at] & 15) * 4 + 8]
    if kind == b"\x86\xdd" and packet[at + 6 : at + 7] == b"\x11":
        return [at + 48]
    return range(14, before)


def followed(packet, begin, at):
    labels = []
    for _ in range(64):
        if at >= len(packet) or at < begin:
            return None
        length = packet[at]
        if length == 0:
            return labels
        if length >= 0xC0:
            at = begin + ((length & 0x3F) << 8 | packet[at + 1]) if at + 1 < len(packet) else len(packet)
        elif length < 0x40:
            labels.append(packet[at + 1 : at + 1 + length])
            at += 1 + length
        else:
            return None
    return None


def dns_name(raw, place):
    texts = []
    for labels in dns_labels(raw, place):
        shown = [text_of(label.replace(b".", b"\\.")) for label in labels]
        texts += [".".join(shown[i:j]) for i in range(len(shown)) for j in range(len(shown), i, -1)]
    return texts + [text.lower() for text in texts]


def dns_reverse_name(raw, place):
    texts = []
    for name in dns_name(raw, place):
        if name.lower().endswith(".in-addr.arpa"):
            texts.append(".".join(reversed(name.split(".")[:4])))
        elif name.lower().endswith(".ip6.arpa"):
            digits = "".join(reversed(name.split(".")[:32]))
            if re.fullmatch("[0-9a-fA-F]{32}", digits):
                texts.append(str(ipaddress.ip_address(bytes.fromhex(digits))))
    return texts


def option_codes(raw):
    """The codes of DHCP options (one byte each) or DHCPv6 options (two), in order."""
    lists = []
    codes, at = [], 0
    while at < len(raw) and raw[at] != 255:
        if raw[at] == 0:
            at += 1
        elif at + 1 < len(raw):
            codes.append(raw[at])
            at += 2 + raw[at + 1]
        else:
            break
    lists.append(codes)
    codes, at = [], 0
    while at + 4 <= len(raw):
        code, length = struct.unpack_from(">HH", raw, at)
        codes.append(code)
        at += 4 + length
    lists.append(codes)
    return [",".join(map(str, codes)) for codes in lists]


def chunked(raw):
    out, at = b"", 0
    while (end := raw.find(b"\r\n", at)) >= 0:
        size = int(raw[at:end].split(b";")[0] or b"0", 16)
        if size == 0:
            break
        out += raw[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
    return Inside(out)


def inflate(raw):
    """gzip, zlib or raw deflate; of a stream that is cut what can be read."""
    for window in (47, 15, -15):
        try:
            return Inside(zlib.decompressobj(window).decompress(raw))
        except zlib.error:
            continue
    raise NotObtained("no deflate stream")


def packed_ascii(raw):
    """HART: six bits a character, of which the missing one is the opposite of the highest that is there."""
    bits = "".join(f"{byte:08b}" for byte in raw)
    sixes = [int(bits[at : at + 6], 2) for at in range(0, len(bits), 6)]
    return "".join(chr(six if six & 0x20 else six | 0x40) for six in sixes).strip()


def number_lists(raw):
    pairs = struct.unpack(f">{len(raw) // 2}H", raw[: len(raw) // 2 * 2])
    return [",".join(map(str, raw)), ",".join(map(str, pairs))]


def unmasked(raw):
    """RFC 6455 section 5.3."""
    return Inside(bytes(byte ^ raw[at % 4] for at, byte in enumerate(raw[4:])))


def autokey(raw):
    """Each byte was mixed with the one sent before it, the first with 171."""
    return Inside(bytes(byte ^ before for byte, before in zip(raw, b"\xab" + raw)))


def aes_sbox():
    """FIPS 197 section 5.1.1: the inverse in GF(2^8), then an affine turn; 3 generates the field, and 0xF6 is its inverse."""
    box, one, other = [0x63] * 256, 1, 1
    for _ in range(255):
        turned = other
        for shift in range(1, 5):
            turned ^= (other << shift | other >> 8 - shift) & 0xFF
        box[one] = turned ^ 0x63
        one, other = gf_times(one, 3), gf_times(other, 0xF6)
    return box


def gf_times(a, b):
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = (a << 1 ^ (0x11B if a & 0x80 else 0)) & 0x1FF
        b >>= 1
    return product


def aes_expand(key):
    """FIPS 197 section 5.2: the round keys."""
    box, words, rcon = aes_sbox(), [key[at : at + 4] for at in range(0, 16, 4)], 1
    for at in range(4, 44):
        word = words[-1]
        if at % 4 == 0:
            word = bytes(box[byte] for byte in word[1:] + word[:1])
            word = bytes([word[0] ^ rcon]) + word[1:]
            rcon = rcon << 1 ^ (0x11B if rcon & 0x80 else 0)
        words.append(bytes(a ^ b for a, b in zip(words[at - 4], word)))
    return [b"".join(words[at : at + 4]) for at in range(0, 44, 4)]


def aes_block_backwards(key, data):
    """FIPS 197 section 5.3."""
    keys, box = aes_expand(key), aes_sbox()
    inverse = {box[byte]: byte for byte in range(256)}

    def times(a, b):
        out = 0
        while b:
            out ^= a if b & 1 else 0
            a, b = a << 1 ^ (0x11B if a & 0x80 else 0), b >> 1
        return out

    state = [a ^ b for a, b in zip(data, keys[10])]
    for turn in range(9, -1, -1):
        state = [state[(at - 4 * (at % 4)) % 16] for at in range(16)]
        state = [inverse[byte] ^ part for byte, part in zip(state, keys[turn])]
        if turn:
            mixed = []
            for column in range(0, 16, 4):
                a = state[column : column + 4]
                mixed += [times(a[i], 14) ^ times(a[(i + 1) % 4], 11) ^ times(a[(i + 2) % 4], 13) ^ times(a[(i + 3) % 4], 9) for i in range(4)]
            state = mixed
    return bytes(state)


def tuya_announcement(raw):
    """What is encrypted under the key that all things share."""
    key = hashlib.md5(b"yGAdlopoPVldABfn").digest()
    if raw[:4] == b"\0\0\x66\x99":
        nonce, sealed = raw[18:30], raw[30:-20]
        pads = (aes_block(key, nonce + struct.pack("!I", at + 2)) for at in range(len(sealed) // 16 + 1))
        return Inside(bytes(a ^ b for a, b in zip(sealed, b"".join(pads))))
    body = raw[16:-8]
    body = body[len(body) % 16 :]
    return Inside(b"".join(aes_block_backwards(key, body[at : at + 16]) for at in range(0, len(body), 16)))


def aes_block(key, data, box=[]):
    """FIPS 197: one block under a key of 128 bits."""
    if not box:
        box.extend(aes_sbox())
    keys, rcon = [list(key[at : at + 4]) for at in range(0, 16, 4)], 1
    for at in range(4, 44):
        word = keys[-1]
        if at % 4 == 0:
            word, rcon = [box[word[1]] ^ rcon, box[word[2]], box[word[3]], box[word[0]]], gf_times(rcon, 2)
        keys.append([a ^ b for a, b in zip(keys[at - 4], word)])
    flat = [byte for word in keys for byte in word]
    state = [a ^ b for a, b in zip(data, flat)]
    for turn in range(1, 11):
        state = [box[state[(at + 4 * (at % 4)) % 16]] for at in range(16)]
        if turn < 10:
            state = [gf_times(state[at], 2) ^ gf_times(state[at & 12 | at + 1 & 3], 3) ^ state[at & 12 | at + 2 & 3] ^ state[at & 12 | at + 3 & 3] for at in range(16)]
        state = [a ^ b for a, b in zip(state, flat[16 * turn :])]
    return bytes(state)


def quic_number(raw, at):
    """RFC 9000 section 16: a number and where it ends."""
    size = 1 << (raw[at] >> 6)
    return int.from_bytes(raw[at : at + size], "big") & (1 << 8 * size - 2) - 1, at + size


def quic_initial(raw):
    """RFC 9001 section 5: a client's Initial packet without its protection; the pieces of the hello in order."""
    def expand(secret, label, size):
        label = b"tls13 " + label
        return hmac.digest(secret, struct.pack("!HB", size, len(label)) + label + b"\0\1", "sha256")[:size]

    version, length = struct.unpack_from("!IB", raw, 1)
    connection, at = raw[6 : 6 + length], 6 + length
    at += 1 + raw[at]
    token, at = quic_number(raw, at)
    _, at = quic_number(raw, at + token)
    salt, prefix = {1: ("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", b"quic"), 0x6B3343CF: ("0dede3def700a6db819381be6e269dcbf9bd2ed9", b"quicv2")}.get(
        version, ("afbfec289993d24c9e9786f19c6111e04390a899", b"quic"))
    secret = expand(hmac.digest(bytes.fromhex(salt), connection, "sha256"), b"client in", 32)
    mask = aes_block(expand(secret, prefix + b" hp", 16), raw[at + 4 : at + 20])
    size = ((raw[0] ^ mask[0]) & 3) + 1
    number = bytes(a ^ b for a, b in zip(raw[at : at + size], mask[1:]))
    nonce = (int.from_bytes(expand(secret, prefix + b" iv", 12), "big") ^ int.from_bytes(number, "big")).to_bytes(12, "big")
    key, sealed = expand(secret, prefix + b" key", 16), raw[at + size : -16]
    plain = b"".join(
        bytes(a ^ b for a, b in zip(sealed[at : at + 16], aes_block(key, nonce + struct.pack("!I", at // 16 + 2)))) for at in range(0, len(sealed), 16))
    pieces, at = [], 0
    while at < len(plain):
        kind, at = plain[at], at + 1
        if kind == 6:
            offset, at = quic_number(plain, at)
            length, at = quic_number(plain, at)
            pieces.append((offset, plain[at : at + length]))
            at += length
        elif kind > 1:
            break
    return Inside(b"".join(piece for _, piece in sorted(pieces)))


def amqp_product(raw):
    """The texts of `product` and `version`: AMQP 0-9-1 section 4.2.5.5 has a type and four bytes of length, 1.0 a type and one."""
    texts = []
    for name in (b"product", b"version"):
        old = re.search(rb"\x07" + name + rb"S(.{4})", raw, re.DOTALL)
        new = re.search(rb"[\xa1\xa3]\x07" + name + rb"[\xa1\xa3](.)", raw, re.DOTALL)
        found = old or new
        if found:
            texts.append(text_of(raw[found.end() : found.end() + int.from_bytes(found.group(1), "big")]).strip())
    return [" ".join(texts)]


def either(text, place):
    """A text, or, of bytes in which the value stands somewhere, such bytes again."""
    return [text] if place is not None else Inside(text.encode("utf-8"))


def json_text(text):
    """RFC 8259 section 7, of one string or of a whole document."""
    return re.sub(r'(?:\\u[0-9a-fA-F]{4})+|\\.', lambda escape: json.loads('"' + escape.group() + '"'), text)


def mac_text(raw):
    digits = re.sub(r"[^0-9a-fA-F]", "", text_of(raw)).lower()
    return [":".join(digits[i : i + 2] for i in range(0, 12, 2))]


def one_of(table):
    def word(raw, _):
        if raw[:1] not in table:
            raise NotObtained(f"{raw.hex()} has no word")
        return table[raw[:1]]

    return word


def nibbles(table):
    return one_of({bytes([high << 4 | low]): words for high in range(16) for low, words in table.items()})


# SZL 0x0424: the low half is the state now. A telegram of transition has numbers of its own: 0 stop, 2 run.
S7_STATES = {0: ["stop"], 1: ["stop"], 2: ["stop", "run"], 3: ["stop"], 4: ["stop"], 5: ["startup"], 6: ["startup"], 7: ["startup"],
             8: ["run"], 9: ["run"], 10: ["hold"], 13: ["defective"]}  # fmt: skip
POWERLINK_STATES = {0x1C: "not-active", 0x1D: "pre-operational-1", 0x5D: "pre-operational-2", 0x6D: "ready-to-operate",
                    0xFD: "operational", 0x4D: "stopped", 0x1E: "basic-ethernet"}  # fmt: skip
MODE_SELECTOR = {1: "run", 2: "run-p", 3: "stop", 4: "mres"}

KNX_FAMILIES = {2: "core", 3: "device management", 4: "tunnelling", 5: "routing", 6: "remote logging",
                7: "remote configuration and diagnosis", 8: "object server", 9: "security"}  # fmt: skip
# NTCIP 8004: the last number of a device's node.
NTCIP_KINDS = {1: "traffic signal controller", 2: "ramp meter", 3: "dynamic message sign", 4: "transportation sensor system",
               5: "environmental sensor station", 7: "roadside camera", 8: "video switch", 11: "signal control and prioritization"}  # fmt: skip
# Kinds of user tokens and security modes, by their numbers; user tokens by the numbers of their types.
OPCUA_WORDS = {0: ["anonymous"], 1: ["password", "none"], 2: ["certificate", "sign"], 3: ["issued-token", "sign-and-encrypt"],
               321: ["anonymous"], 324: ["password"], 327: ["certificate"], 940: ["issued-token"]}  # fmt: skip

# SLC 500, status word S:1, bits 0 to 4; SNP, the highest four bits of the status word.
SLC_MODES = {0: "remote download", 1: "remote program", 3: "remote suspend", 6: "remote run", 7: "remote test continuous",
             8: "remote test single scan", 16: "download", 17: "program", 27: "suspend", 30: "run"}  # fmt: skip
SNP_STATES = ["run", "run with outputs disabled", "stop", "stop by fault", "halted", "suspended", "stop with inputs and outputs enabled"]

# IPMI 2.0 tables 13-17 to 13-19, by number.
IPMI_ALGORITHMS = (
    ("none", "rakp-hmac-sha1", "rakp-hmac-md5", "rakp-hmac-sha256"),
    ("none", "hmac-sha1-96", "hmac-md5-128", "md5-128", "hmac-sha256-128"),
    ("none", "aes-cbc-128", "xrc4-128", "xrc4-40"),
)
HSRP_STATES = (
    {0: "initial", 1: "learn", 2: "listen", 4: "speak", 8: "standby", 16: "active"},
    {0: "disabled", 1: "initial", 2: "learn", 3: "listen", 4: "speak", 5: "standby", 6: "active"},
)
# IANA: encryption, hash and method of IKEv1; encryption, pseudo-random function and integrity of IKEv2.
IKE_ALGORITHMS = (
    {1: "des", 2: "idea", 3: "blowfish", 4: "rc5", 5: "3des", 6: "cast", 7: "aes-cbc", 8: "camellia-cbc"},
    {1: "md5", 2: "sha1", 3: "tiger", 4: "sha2-256", 5: "sha2-384", 6: "sha2-512"},
    {1: "pre-shared-key", 2: "dss-signatures", 3: "rsa-signatures", 4: "rsa-encryption", 5: "rsa-encryption", 64221: "hybrid-rsa",
     65001: "xauth-pre-shared-key", 65005: "xauth-rsa"},
    {1: "des-iv64", 2: "des", 3: "3des", 5: "idea", 6: "cast", 7: "blowfish", 11: "null", 12: "aes-cbc", 13: "aes-ctr", 14: "aes-ccm-8", 15: "aes-ccm-12",
     16: "aes-ccm-16", 18: "aes-gcm-8", 19: "aes-gcm-12", 20: "aes-gcm-16", 23: "camellia-cbc", 28: "chacha20-poly1305"},
    {1: "hmac-md5", 2: "hmac-sha1", 3: "hmac-tiger", 4: "aes128-xcbc", 5: "hmac-sha2-256", 6: "hmac-sha2-384", 7: "hmac-sha2-512", 8: "aes128-cmac"},
    {0: "none", 1: "hmac-md5-96", 2: "hmac-sha1-96", 3: "des-mac", 4: "kpdk-md5", 5: "aes-xcbc-96", 12: "hmac-sha2-256-128", 13: "hmac-sha2-384-192",
     14: "hmac-sha2-512-256"},
)  # fmt: skip

TOGETHER = ("tcp", "ip", "cotp", "dnp3", "s7-fragments", "dcerpc-fragments", "sii", "tls-records", "dtls-fragments", "http-body", "opcua-chunks", "bacnet-segments", "eap-fragments",
            "radius-attributes", "connection", "request")

def smb_response(lm, nt):
    """What the lengths of both responses of a log-in allow: whether they are passwords, the negotiation says."""
    if nt == 0 and lm < 2:
        return ["anonymous", "none"]
    return ["plaintext"] + (["lm"] if nt == 0 else ["ntlm-v1"] if nt == 24 else ["ntlm-v2"])


DERIVATIONS = {
    **{name: lambda raw, _: raw for name in TOGETHER},
    "base64": lambda raw, _: Inside(base64.b64decode(raw + b"=" * (-len(raw) % 4))),
    "percent": lambda raw, _: Inside(urllib.parse.unquote_to_bytes(raw)),
    "chunked": lambda raw, _: chunked(raw),
    **{name: lambda raw, _: inflate(raw) for name in ("gzip", "deflate", "http-gzip")},
    "websocket-mask": lambda raw, _: unmasked(raw),
    "tuya-announcement": lambda raw, _: tuya_announcement(raw),
    "tplink-autokey": lambda raw, _: autokey(raw),
    "quic-initial": lambda raw, _: quic_initial(raw),
    "amqp-product": lambda raw, _: amqp_product(raw),
    "lifx-version": lambda raw, _: ["{1}.{0}".format(*struct.unpack("<HH", raw))],
    "utf-16le": lambda raw, _: [raw.decode("utf-16-le", "replace")],
    "utf-16be": lambda raw, _: [raw.decode("utf-16-be", "replace")],
    "xml-entities": lambda raw, place: either(html.unescape(text_of(raw)), place),
    "json": lambda raw, place: either(json_text(text_of(raw)), place),
    "netbios-name": lambda raw, _: netbios_name(raw),
    "dns-name": dns_name,
    "dns-reverse-name": dns_reverse_name,
    "mac-text": lambda raw, _: mac_text(raw),
    "rfc4514": lambda raw, _: [rfc4514(raw)],
    "general-name": lambda raw, _: general_name(raw),
    "asn1-time": lambda raw, _: asn1_time(raw),
    "ber-oid": lambda raw, _: [oid(raw)] + ([",".join(oid(body) for _, body, _ in elements(raw))] if raw[:1] == b"\x06" else []),
    "snmp-engine-id": lambda raw, _: [str(int.from_bytes(raw[:4], "big") & 0x7FFFFFFF)],
    "ntlm-version": lambda raw, _: ["{}.{}.{}".format(*struct.unpack_from("<BBH", raw, at)) for at in range(len(raw) - 3)],
    "smb2-transform": one_of({b"\xfdSMB": ["encrypted"]}),
    "smb2-flags": lambda raw, _: ["signed"] if raw[0] & 8 else [],
    "smb2-security-mode": lambda raw, _: ["signing-required" if raw[0] & 2 else "signing-enabled"],
    "smb2-session-flags": lambda raw, _: [word for bit, word in ((1, "guest"), (2, "anonymous"), (4, "encrypted")) if raw[0] & bit],
    "smb2-dialect": lambda raw, _: [{0x202: "2.0.2", 0x210: "2.1", 0x300: "3.0", 0x302: "3.0.2", 0x311: "3.1.1"}[int.from_bytes(raw, "little")]],
    "smb2-cipher": lambda raw, _: [{1: "AES-128-CCM", 2: "AES-128-GCM", 3: "AES-256-CCM", 4: "AES-256-GCM"}[int.from_bytes(raw, "little")]],
    "smb-security-mode": lambda raw, _: ["signing-required" if raw[0] & 8 else "signing-enabled" if raw[0] & 4 else "signing-disabled"]
    + ([] if raw[0] & 2 else ["plaintext"]),
    "smb-password-lengths": lambda raw, _: smb_response(*struct.unpack("<HH", raw)),
    "smb-action": lambda raw, _: ["guest"] if raw[0] & 1 else [],
    "filetime": lambda raw, _: [str(int.from_bytes(raw, "little") // 10_000_000 - 11_644_473_600)],
    "u8": lambda raw, _: [str(raw[0])],
    "u16-be": lambda raw, _: [str(int.from_bytes(raw, "big"))],
    "u16-le": lambda raw, _: [str(int.from_bytes(raw, "little"))],
    "u32-be": lambda raw, _: [str(int.from_bytes(raw, "big"))],
    "u32-le": lambda raw, _: [str(int.from_bytes(raw, "little"))],
    "plus-one": lambda raw, _: [str(int.from_bytes(raw, "big") + 1)],
    "bit-length": lambda raw, _: [str(int.from_bytes(raw, "big").bit_length())],
    "decimal-list": lambda raw, _: number_lists(raw),
    "option-codes": lambda raw, _: option_codes(raw),
    "major.minor": lambda raw, _: [".".join(map(str, raw)), ".".join(f"{byte:03}" if i else str(byte) for i, byte in enumerate(raw))],
    "u16-le-hex": lambda raw, _: [f"{int.from_bytes(raw, 'little'):04x}"],
    "u32-le-hex": lambda raw, _: hexadecimal(int.from_bytes(raw, "little")),
    "u32-be-hex": lambda raw, _: hexadecimal(int.from_bytes(raw, "big")),
    "bcd": lambda raw, _: [raw.hex(), raw.hex().lstrip("0")],
    "uuid-le": lambda raw, _: [str(uuid.UUID(bytes_le=raw)), uuid.UUID(bytes_le=raw).hex],
    "sha256": lambda raw, _: [hashlib.sha256(raw).hexdigest()],
    "sha224": lambda raw, _: [hashlib.sha224(raw).hexdigest()],
    "sha384": lambda raw, _: [hashlib.sha384(raw).hexdigest()],
    "sha512": lambda raw, _: [hashlib.sha512(raw).hexdigest()],
    "md5-sha1": lambda raw, _: [hashlib.md5(raw).hexdigest() + hashlib.sha1(raw).hexdigest()],
    "sha1": lambda raw, _: [hashlib.sha1(raw).hexdigest()],
    "md5": lambda raw, _: [hashlib.md5(raw).hexdigest()],
    "pjl-online": one_of({b"T": ["online"], b"F": ["offline"]}),
    # Restart, trouble, local control, need time; configuration corrupt.
    "dnp3-iin": lambda raw, _: [str(int.from_bytes(raw, "big") & 0xF020)],
    "run-indicator": one_of({b"\x00": ["stop"], b"\xff": ["run"]}),
    "s7-state": nibbles(S7_STATES),
    "s7-mode-selector": lambda raw, _: [MODE_SELECTOR.get(int.from_bytes(raw, "big"), "")],
    "s7-version": lambda raw, _: [f"{chr(raw[0])}{'.'.join(map(str, raw[1:4]))}"],
    "ethercat-state": nibbles({1: ["init"], 2: ["pre-op"], 3: ["bootstrap"], 4: ["safe-op"], 8: ["op"]}),
    "powerlink-state": one_of({bytes([code]): [word] for code, word in POWERLINK_STATES.items()}),
    "ipv4-le": lambda raw, _: [str(ipaddress.ip_address(raw[::-1]))],
    "profinet-ar-type": lambda raw, _: ["8" if raw == b"\0\6" else "2"],
    "decimal-dotted": lambda raw, _: [".".join(map(str, raw))],
    "ads-device-info": lambda raw, _: ["{} {}.{}.{}".format(text_of(raw[4:].split(b"\0")[0]).strip(), *struct.unpack_from("<BBH", raw))],
    "ads-state": one_of({b"\x05": ["run"], b"\x06": ["stop"], b"\x0f": ["config"]}),
    "u8.u8.u16-le": lambda raw, _: ["{}.{}.{}".format(*struct.unpack_from("<BBH", raw))],
    "os-version-info": lambda raw, _: ["{} {}.{}.{}".format({2: "nt", 3: "ce"}[raw[12]], *struct.unpack_from("<III", raw))],
    "codesys-protocol": lambda raw, _: [{0xCD55: "none", 0x7557: "encrypted"}[int.from_bytes(raw, "little")]],
    "dotted-backwards": lambda raw, _: [".".join(map(str, raw[::-1]))],
    "hart-unique-id": lambda raw, _: [f"{raw[:2].hex()}-{raw[8:11].hex()}"],
    "hart-hardware-revision": lambda raw, _: [str(raw[0] >> 3)],
    "packed-ascii": lambda raw, _: [packed_ascii(raw)],
    "s7-named-version": lambda raw, _: [f"{text_of(raw[:20]).strip()} {chr(raw[22])}{'.'.join(map(str, raw[23:26]))}"],
    "s7-plus-version": one_of({b"\x01": ["none"], b"\x02": ["none"], b"\x03": ["digest"]}),
    "padded-version": lambda raw, _: [chr(raw[0]) + ".".join(text_of(raw[at : at + 3]).strip() for at in (1, 4, 7))],
    "subject-equals-issuer": lambda raw, _: ["0", "1"],
    "mib-node": lambda raw, _: [{33: "uninterruptible power supply", 43: "printer"}.get(raw[-1], "")],
    "ntcip-node": lambda raw, _: [NTCIP_KINDS.get(raw[-1], "")],
    "knx-address": lambda raw, _: ["{}.{}.{}".format(raw[0] >> 4, raw[0] & 15, raw[1])],
    "knx-status": lambda raw, _: ["programming"] if raw[0] & 1 else [],
    "knx-family": lambda raw, _: [KNX_FAMILIES.get(raw[0], ""), "secure " + KNX_FAMILIES.get(raw[0], "")],
    "cnip-flags": lambda raw, _: ["authenticated" if raw[0] & 0x20 else "none"],
    "cnip-role": lambda raw, _: ["channel member", "configuration server"],
    "doip-activation": one_of({b"\x10": ["none"], b"\x07": ["tls required"]}),
    "someip-version": lambda raw, _: [f"{raw[0]}.{int.from_bytes(raw[4:8], 'big')}"],
    "bacnet-instance": lambda raw, _: [str(int.from_bytes(raw, "big") & 0x3FFFFF)],
    "opcua-enumeration": lambda raw, _: OPCUA_WORDS.get(int.from_bytes(raw, "little"), []),
    "reversed": lambda raw, _: raw[::-1],
    "text-lines": lambda raw, _: [", ".join(line.strip() for line in text_of(raw).split("\n") if line.strip())],
    "hexadecimal": lambda raw, _: [str(int(raw, 16))],
    "bcd-version": lambda raw, _: [f"{raw[1]:x}.{raw[0]:02x}"],
    "series-and-release": lambda raw, _: [f"series {chr(65 + (raw[0] >> 5))} release {(raw[0] & 31) + 1}"],
    "fins-mode": one_of({b"\0": ["program"], b"\2": ["monitor"], b"\4": ["run"]}),
    "cclink-state": one_of({b"\0": ["stop"], b"\1": ["run"], b"\2": ["stop"]}),
    "slc-mode": lambda raw, _: [SLC_MODES[raw[0] & 31]],
    "snp-state": lambda raw, _: [SNP_STATES[raw[0] >> 4]],
    "tricon-run-state": one_of({b"\0": ["run"], b"\1": ["halted"], b"\2": ["paused"]}),
    "tricon-key-position": one_of({b"\0": ["stop"], b"\1": ["program"], b"\2": ["run"], b"\3": ["remote"]}),
    "tase2-version": lambda raw, _: [".".join(str(int.from_bytes(part[1], "big")) for part in elements(raw))],
    "tase2-features": lambda raw, _: [", ".join(str(at + 1) for at in range(9) if raw[1 + at // 8] >> (7 - at % 8) & 1)],
    "high-half": lambda raw, _: [str(raw[0] >> 4)],
    "u8.u8.u16-be": lambda raw, _: ["{}.{}.{}".format(*struct.unpack_from(">BBH", raw))],
    "ipmi-firmware": lambda raw, _: [f"{raw[0] & 0x7F}.{raw[1]:02x}"],
    "ipmi-authentication-types": lambda raw, _: [word for bit, word in ((0, "none"), (1, "md2"), (2, "md5"), (4, "password"), (5, "oem")) if raw[0] >> bit & 1],
    "ipmi-log-in-status": lambda raw, _: [
        word for bit, word in ((0, "anonymous"), (1, "null-user"), (3, "no-user-level-authentication"), (4, "no-per-message-authentication")) if raw[0] >> bit & 1
    ],
    "ipmi-algorithm": lambda raw, _: [names[raw[0] & 0x3F] for names in IPMI_ALGORITHMS if raw[0] & 0x3F < len(names)],
    "ntp-authenticator": lambda raw, _: ["nts" if b"\x04\x04" in raw else "mac"],
    "pgsql-encryption": one_of({b"S": ["tls"], b"N": ["tls not offered"]}),
    "pgsql-authentication": lambda raw, _: [{2: "kerberos-v5", 3: "cleartext", 5: "md5", 7: "gss", 9: "sspi", 10: "sasl"}[int.from_bytes(raw, "big")]],
    "tds-encryption": lambda raw, _: ["encryption " + ("off", "on", "not-supported", "required")[raw[0] & 0x1F]],
    "tns-version": lambda raw, _: ["{}.{}.{}.{}.{}".format(*(int(raw) >> shift & mask for shift, mask in ((24, 255), (20, 15), (12, 255), (8, 15), (0, 255))))],
    "hsrp-state": lambda raw, _: [table[raw[0]] for table in HSRP_STATES if raw[0] in table],
    "glbp-state": one_of({bytes([code]): [word] for code, word in {0: "disabled", 1: "initial", 4: "listen", 8: "speak", 16: "standby", 32: "active"}.items()}),
    "glbp-authentication": lambda raw, _: [("none", "cleartext", "md5", "md5")[raw[0]]],
    "vrrp-authentication": lambda raw, _: [("none", "cleartext", "ip-authentication-header")[raw[0]]],
    "ospf-authentication": lambda raw, _: [("none", "cleartext", "cryptographic")[int.from_bytes(raw, "big")]],
    "ospf-options": lambda raw, _: ["cryptographic" if raw[0] & 4 else "none"],
    "eigrp-authentication": lambda raw, _: [{2: "md5", 3: "hmac-sha256"}[int.from_bytes(raw, "big")]],
    "isis-authentication": one_of({b"\1": ["cleartext"], b"\3": ["cryptographic"], b"\x36": ["hmac-md5"]}),
    "rip-authentication": lambda raw, _: ["none" if raw[:2] != b"\xff\xff" else "cleartext" if raw[2:] == b"\0\2" else "cryptographic"],
    "bfd-authentication": lambda raw, _: [
        ("none", "cleartext", "keyed-md5", "meticulous-keyed-md5", "keyed-sha1", "meticulous-keyed-sha1")[raw[0]]
    ],
    "ike-algorithm": lambda raw, _: [table[int.from_bytes(raw, "big")] for table in IKE_ALGORITHMS if int.from_bytes(raw, "big") in table],
}


def hexadecimal(number):
    return [f"{number:08x}", f"0x{number:08x}", f"{number:08X}", f"0x{number:08X}", f"{number:x}"]


def derived(raw, names, place):
    """(texts, made): what the cited bytes read as after all derivations, and the last bytes on the way."""
    for index, name in enumerate(names):
        if name not in DERIVATIONS:
            raise NotObtained(f"unknown derivation {name!r}")
        inside = isinstance(raw, Inside)
        try:
            result = DERIVATIONS[name](bytes(raw), None if inside else place)
        except (ValueError, IndexError, struct.error, binascii.Error, UnicodeDecodeError) as error:
            raise NotObtained(f"{name} cannot be undone: {error}") from error
        if isinstance(result, list):
            if index + 1 < len(names):
                raise NotObtained(f"{names[index + 1]!r} after {name!r}, which ends in text")
            return result, raw
        raw = Inside(result) if inside else result
    return None, raw


# ── claims ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def host_name(text):
    text = text.strip().rstrip(".")
    return text[: -len(".local")] if text.endswith((".local", ".LOCAL")) else text


def is_read_as(value, texts, attribute):
    for text in texts:
        shown = escaped(text)
        forms = {shown, shown.strip(), escaped(text.strip(" \t\r\n\0"))}
        if attribute == "hostname":
            forms |= {host_name(form) for form in forms}
        if value in forms:
            return True
    return False


def stands_inside(value, made):
    return any(value.encode(coding, "replace") in made for coding in ("utf-8", "latin-1", "utf-16-le")) or (
        re.fullmatch("(?:[0-9a-f]{2})+", value) is not None and bytes.fromhex(value) in made
    )


PROGRAMS = {"srcvers": ["AirPlay"], "vs": ["AirTunes"], "osxvers": ["Darwin major version"]}
REGISTRIES = ("cip-vendor", "profinet-vendor", "bacnet-vendor", "knx-manufacturer", "ethercat-vendor", "hart-manufacturer", "csa-vendor", "snmp-enterprise", "flag-id")
TABLES = {}


def table(name):
    if name not in TABLES:
        path = os.path.join(DATA, name.replace("-", "_") + ".tsv")
        if not os.path.exists(path):
            raise NotObtained(f"unknown registry {name!r}")
        with open(path, encoding="utf-8") as file:
            rows = (line.rstrip("\n").split("\t") for line in file if not line.startswith("#"))
            TABLES[name] = {row[0]: row[1] for row in rows if len(row) == 2}
    return TABLES[name]


def registered(raw, texts, registry):
    """The names that the numbers among the readings have in a registry."""
    numbers = set()
    for text in texts if texts is not None else [text_of(raw)]:
        text = text.strip(" \0").lstrip(".")
        enterprise = re.match(r"1\.3\.6\.1\.4\.1\.(\d+)", text)
        if enterprise:
            numbers.add(enterprise.group(1))
        elif text.isdecimal() or registry == "flag-id":
            numbers.add(text)
    # Matter: VP=vendor+product.
    pair = re.match(rb"VP=(\d+)", raw)
    if pair:
        numbers.add(pair.group(1).decode())
    if texts is None:
        # RFC 3411: the first bit of an engine identifier is no part of the enterprise number.
        numbers |= {str(n) for number in numbers_in(raw) for n in (number, number & 0x7FFFFFFF)}
        try:
            numbers |= set(re.findall(r"^1\.3\.6\.1\.4\.1\.(\d+)", oid(raw)))
        except NotObtained:
            pass
    names = [name for name in (table(registry).get(number) for number in numbers) if name]
    usual = (table("vendor-names").get(re.sub("[^a-z0-9]", "", name.lower())) for name in names)
    return {name.split(" (")[0].strip() for name in names} | {name for name in usual if name}


def windows(made):
    """The numbers of one to four bytes among which one is the value."""
    return [bytes(made[at : at + length]) for length in range(1, 5) for at in range(len(made) - length + 1)]


def keyed(texts, key):
    """What follows a key in texts of the form KEY=value, in the forms in which it is told."""
    for text in texts:
        name, equals, value = text.partition("=")
        if equals and name.strip().lower() == key:
            yield value
            if key == "product":
                yield value.strip().removeprefix("(").removesuffix(")")
            # The version of a named program is told together with that name.
            yield from (f"{program} {value.strip()}" for program in PROGRAMS.get(key, ()))


def check_frame(evidence, capture):
    spans, digest = evidence["spans"], evidence["frame_sha256"]
    numbers = capture.numbers_of(digest)
    last = max((span["packet"] for span in spans if capture.of(span) is capture), default=None)
    for span in spans:
        capture.of(span).packet(span["packet"])
    if not numbers:
        raise NotObtained(f"no packet of {capture.name} has the SHA-256 {digest}")
    together = any(name in TOGETHER for name in evidence["derivation"])
    if last is not None and not (last in numbers or together and any(number > last for number in numbers)):
        raise NotObtained(f"packet {last} of {capture.name} has another SHA-256 than {digest}")


def check_quote(evidence, capture, raw, made):
    quote = evidence["quote"]
    if quote == "":
        return
    wanted = bytes.fromhex(quote[4:]) if quote.startswith("hex:") else quote.encode("utf-8")
    if len(wanted) > 64:
        raise NotObtained(f"a quote of {len(wanted)} bytes")
    # Of a value in several packets the quote may be of those bytes alone that stand in the last one.
    own = [span for span in evidence["spans"] if capture.of(span) is capture]
    last = max((span["packet"] for span in own), default=None)
    in_last = capture.cut([span for span in own if span["packet"] == last])
    if raw.startswith(wanted) or in_last.startswith(wanted) or isinstance(made, Inside) and wanted in made:
        return
    raise NotObtained(f"the quote {quote!r} is not the beginning of the cited bytes {raw[:64]!r}")


def check_value(evidence, capture, value, attribute, rule):
    """Follows one piece of evidence in one capture."""
    check_frame(evidence, capture)
    if not evidence["spans"]:
        raise NotObtained("no bytes are cited")
    raw = capture.cut(evidence["spans"])
    first = evidence["spans"][0]
    names = list(evidence["derivation"])
    looked_up = names.pop() if names and names[-1] in REGISTRIES else None
    texts, made = derived(raw, names, (capture.of(first).packet(first["packet"]), first["offset"]))
    check_quote(evidence, capture, raw, made)
    # Of a value that several say the rule is the best one's; a piece of evidence that was looked up says so itself.
    kind, _, name = rule.partition(":")
    if looked_up and kind == "registry" and looked_up != name:
        raise NotObtained(f"looked up in {looked_up}, the rule says {name}")
    if looked_up:
        kind, name = "registry", looked_up
    if kind == "registry":
        parts = windows(made) if isinstance(made, Inside) else [bytes(made)]
        if not any(value in registered(part, texts, name) for part in parts):
            raise NotObtained(f"{name} has no {value!r} for {bytes(made)[:16].hex()}")
    elif kind == "field":
        field, _, key = name.partition(" ")
        if field == "mdns-txt" and key:
            if not is_read_as(value, keyed(texts if texts is not None else [text_of(bytes(made))], key), attribute):
                raise NotObtained(f"no {key}={value} is read there")
            return
        if is_read_as(value, texts if texts is not None else plain(bytes(made)), attribute):
            return
        if isinstance(made, Inside) and stands_inside(value, made):
            return
        raise NotObtained(f"{(texts or plain(bytes(made)))[0]!r} is read there")


def check_certificate(certificate, evidence, capture):
    check_value(evidence, capture, certificate["sha256"], "sha256", "field:certificate-sha256")
    raw = capture.cut(evidence["spans"])
    to_be_signed = [part for part in elements(der(der(raw)[1])[1])]
    if to_be_signed[0][0] == 0xA0:
        to_be_signed = to_be_signed[1:]
    serial, _, issuer, validity, subject = (part[1] for part in to_be_signed[:5])
    not_before, not_after = (asn1_time(part[1])[1] for part in elements(validity))
    obtained = {
        "serial": (serial[1:] if serial[:1] == b"\0" and len(serial) > 1 else serial).hex(),
        "issuer": escaped(rfc4514(issuer)) if issuer else "",
        "subject": escaped(rfc4514(subject)) if subject else "",
        "not_before": not_before,
        "not_after": not_after,
        "self_signed": issuer == subject,
    }
    for name, value in obtained.items():
        if certificate[name] != value:
            raise NotObtained(f"{name}: {value!r} is read there, the document has {certificate[name]!r}")


def power_of_p256(point, times):
    """A multiple of a point of P-256 (SEC 2 section 2.4.2), None being the point at infinity."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1

    def plus(a, b):
        if a is None or b is None:
            return a or b
        if a[0] == b[0] and (a[1] + b[1]) % prime == 0:
            return None
        slope = (3 * a[0] ** 2 - 3) * pow(2 * a[1], -1, prime) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, prime)
        x = (slope * slope - a[0] - b[0]) % prime
        return x, (slope * (a[0] - x) - a[1]) % prime

    total = None
    while times:
        if times & 1:
            total = plus(total, point)
        point, times = plus(point, point), times >> 1
    return total, plus


def verified(key, digest, signature):
    """Whether a signature over a digest is by a key (SubjectPublicKeyInfo); None of algorithms that are not computed here."""
    algorithm, bits = (part[1] for part in elements(der(key)[1]))
    names = [oid(part[1]) for part in elements(algorithm) if part[0] == 6]
    if names[:1] == ["1.2.840.113549.1.1.1"]:
        modulus, exponent = (int.from_bytes(part[1], "big") for part in elements(der(bits[1:])[1]))
        padded = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes((modulus.bit_length() + 7) // 8, "big")
        if not padded.startswith(b"\0\1\xff\xff\xff\xff\xff\xff\xff\xff"):
            return None
        return padded[2:].lstrip(b"\xff")[:1] == b"\0" and padded.endswith(digest)
    if names == ["1.2.840.10045.2.1", "1.2.840.10045.3.1.7"] and bits[1:2] == b"\4":
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        base = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296, 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
        r, s = (int.from_bytes(part[1], "big") for part in elements(der(signature)[1]))
        own, inverse = (int.from_bytes(bits[2:34], "big"), int.from_bytes(bits[34:66], "big")), pow(s, -1, order)
        one, plus = power_of_p256(base, int.from_bytes(digest[:32], "big") * inverse % order)
        point = plus(one, power_of_p256(own, r * inverse % order)[0])
        return point is not None and point[0] % order == r
    return None


def check_proof(proof, certificate, evidence, capture, captures, document):
    """A signature is by the key of the certificate, over what is cited."""
    check_frame(evidence, capture)
    if evidence["field"] != "signature":
        return
    signed = next((one for one in proof if one["field"] == "signed-digest"), None)
    if signed is None:
        return
    texts, _ = derived(capture.cut(signed["spans"]), signed["derivation"], (b"", 0))
    digest = bytes.fromhex(texts[0])
    shown = certificate["evidence"][0]
    whole = cut_of(shown, document, captures)
    to_be_signed = list(elements(der(der(whole)[1])[1]))
    key = to_be_signed[6 if to_be_signed[0][0] == 0xA0 else 5]
    key = whole[(at := whole.index(key[1])) - (4 if len(key[1]) > 255 else 3 if len(key[1]) > 127 else 2) : at + len(key[1])]
    signature = capture.cut(evidence["spans"])
    # Of TLS 1.0 and 1.1 with ECDSA the SHA-1 alone is signed.
    if not any(verified(key, one, signature) is not False for one in (digest, digest[16:] if len(digest) == 36 else digest)):
        raise NotObtained("the signature is not by the certificate's key")


def facts_of(document, captures=()):
    """(what, evidence, check) of everything that has to be followed."""
    for device in document["devices"]:
        who = (device["ips"] + device["macs"] + [device["id"]])[0] + (f" {device['part']}" if device.get("part") else "")
        for name, attribute in sorted(device["attributes"].items()):
            if attribute["class"] != "declared":
                continue
            what = f"{who} {name} {attribute['value']!r} ({attribute['rule']})"
            if not attribute["evidence"]:
                yield what, None, None
            for index, evidence in enumerate(attribute["evidence"]):
                # Only the first is of the claim that stands; the others are of the same value, perhaps spelt otherwise, by their own rules.
                rule = attribute["rule"] if index == 0 else ""
                yield what, evidence, lambda e, c, a=attribute, n=name, r=rule: check_value(e, c, a["value"], n, r)
        for identity in (one for one in device.get("identities", []) if one["proven"]):
            what = f"{who} holds the key of {identity['value'][:16]}"
            shown = next((one for one in document["certificates"] if one["sha256"] == identity["value"]), None)
            if shown is None or not identity.get("proof"):
                yield what, None, None
                continue
            for evidence in identity["proof"]:
                yield what, evidence, lambda e, c, p=identity["proof"], x=shown: check_proof(p, x, e, c, captures, document)
    for certificate in document["certificates"]:
        what = f"certificate {certificate['sha256'][:16]} {certificate['subject']!r}"
        if not certificate["evidence"]:
            yield what, None, None
        for evidence in certificate["evidence"]:
            yield what, evidence, lambda e, c, x=certificate: check_certificate(x, e, c)


def check(document, captures, report=print):
    """(checked, not obtained)."""
    checked, failed = 0, 0
    for what, evidence, follow in facts_of(document, captures):
        checked += 1
        try:
            if evidence is None:
                raise NotObtained("no evidence")
            reasons = []
            for capture in captures_of(evidence, document, captures):
                try:
                    follow(evidence, capture)
                    break
                except NotObtained as reason:
                    reasons.append(str(reason))
            else:
                raise NotObtained("; ".join(reasons))
        except NotObtained as reason:
            failed += 1
            report(f"{what}: {reason}")
    return checked, failed


def main(arguments):
    if arguments == ["--self-test"]:
        import evidence_test

        return evidence_test.run()
    if len(arguments) < 2:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    try:
        with open(arguments[0], encoding="utf-8") as file:
            document = json.load(file)
        captures = [Capture(path) for path in arguments[1:]]
        for capture in captures:
            capture.others = captures
    except (OSError, ValueError, NotObtained) as error:
        print(error, file=sys.stderr)
        return 2
    checked, failed = check(document, captures)
    print(f"{checked} facts checked, {failed} not obtained")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
