#!/usr/bin/env python3
"""The tests of evidence.py, over captures of three packets made by hand. Run by `tests/evidence.py --self-test`."""

import gzip
import hashlib
import struct

from evidence import Capture, asn1_time, check, derived, escaped_rfc4514, keyed, netbios_name, oid, option_codes, packets_of, registered, rfc4514, table


def run():
    frame = bytes.fromhex("ffffffffffff0080f40a0011 0800".replace(" ", "")) + bytes(28)
    one = frame + b"BMXP342020 \0" + b"\x01\x00" + "Pumpe\u202e".encode()
    two = frame + b"x" * 5 + b"1756-" + b"L61/B"
    three = bytes(12) + b"\x08\x00" + b"\x45" + bytes(8) + b"\x11" + bytes(10) + bytes(8)
    begin = len(three)
    three += bytes(12) + b"\x05plant\x07example\x00" + b"\x04hmi1\xc0\x0c"
    packets = [one, two, three]

    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    classic = header + b"".join(struct.pack("<IIII", 0, 0, len(p), len(p)) + p for p in packets)
    pad = lambda p: p + bytes(-len(p) % 4)
    block = lambda kind, body: struct.pack(">II", kind, len(body) + 12) + body + struct.pack(">I", len(body) + 12)
    sections = block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack(">HHI", 1, 0, 0))
    sections += b"".join(block(6, struct.pack(">IIIII", 0, 0, 0, len(p), len(p)) + pad(p)) for p in packets)
    assert packets_of(classic) == packets_of(sections) == packets, "both formats give the same packets"
    assert packets_of(classic[:-1]) == packets[:2], "a broken file gives what comes before the break"

    capture = Capture.__new__(Capture)
    capture.name, capture.packets, capture._hashes = "made.pcap", packets, None
    digest = [hashlib.sha256(p).hexdigest() for p in packets]

    def evidence(packet, spans, derivation=(), quote=""):
        spans = [{"packet": n, "offset": o, "length": l} for n, o, l in spans]
        return {"source": "k", "spans": spans, "derivation": list(derivation), "quote": quote, "frame_sha256": digest[packet - 1]}

    def follows(value, where, attribute="model", rule="field:model-name"):
        record = {"value": value, "class": "declared", "rule": rule, "evidence": [where]}
        device = {"id": "d", "ips": [], "macs": [], "attributes": {attribute: record}, "identities": []}
        document = {"sources": [{"key": "k", "name": "made.pcap"}], "devices": [device], "certificates": []}
        said = []
        assert check(document, [capture], said.append)[0] == 1
        return said[0] if said else None

    assert follows("BMXP342020", evidence(1, [(1, 42, 12)], quote="BMXP342020")) is None
    assert "quote" in follows("BMXP342020", evidence(1, [(1, 42, 12)], quote="MXP"))
    assert "is read there" in follows("BMXP342021", evidence(1, [(1, 42, 12)]))
    assert "SHA-256" in follows("BMXP342020", evidence(2, [(1, 42, 12)]))
    assert "cited are" in follows("BMXP342020", evidence(1, [(1, 42, 900)]))
    assert "is not in made.pcap" in follows("BMXP342020", evidence(1, [(9, 42, 12)]))
    assert "no bytes" in follows("BMXP342020", evidence(1, []))
    assert "unknown derivation 'rot13'" in follows("BMXP342020", evidence(1, [(1, 42, 12)], ["rot13"]))
    assert follows("Pumpe\\u{202e}", evidence(1, [(1, 56, 8)], quote="hex:50756d7065e280ae")) is None
    assert follows("256", evidence(1, [(1, 54, 2)])) is None and follows("1", evidence(1, [(1, 54, 2)])) is None
    assert follows("00:80:f4:0a:00:11", evidence(1, [(1, 6, 6)])) is None
    assert follows("MXP3-L61/B", evidence(2, [(1, 43, 4), (2, 51, 6)], ["tcp"], "MXP3")) is None
    assert follows("Rockwell Automation/Allen-Bradley", evidence(1, [(1, 54, 2)]), "vendor", "registry:cip-vendor") is None
    assert follows("Rockwell Automation", evidence(1, [(1, 54, 2)], ["cip-vendor"]), "vendor", "registry:cip-vendor") is None
    assert "the rule says" in follows("Rockwell Automation", evidence(1, [(1, 54, 2)], ["bacnet-vendor"]), "vendor", "registry:cip-vendor")
    assert list(keyed(["usb_MDL=HL-L6400DW", "product=(Brother)"], "usb_mdl")) == ["HL-L6400DW"]
    assert "Brother" in keyed(["product=(Brother)"], "product")
    assert "has no" in follows("Siemens", evidence(1, [(1, 54, 2)]), "vendor", "registry:cip-vendor")
    name = begin + 12 + 15
    assert follows("hmi1.plant.example", evidence(3, [(3, name, 7)], ["dns-name"]), "hostname", "field:dns-name") is None
    assert follows("hmi1", evidence(3, [(3, name + 1, 4)]), "hostname", "field:hostname") is None
    assert "is read there" in follows("hmi2.plant.example", evidence(3, [(3, name, 7)], ["dns-name"]), "hostname", "field:dns-name")

    assert oid(bytes.fromhex("2b06010401a1690603")) == "1.3.6.1.4.1.4329.6.3"
    assert table("snmp-enterprise")["9"].split(" (")[0].strip() in registered(b"", ["1.3.6.1.4.1.9.1.516"], "snmp-enterprise")
    assert netbios_name(b"EIEJFDFEEPFCEJEBEODBCACACACACACA") == ["HISTORIAN1", "HISTORIAN1"]
    assert derived(gzip.compress(b"<title>IQ</title>"), ["http-gzip"], None) == (None, b"<title>IQ</title>")
    assert derived(b"VABJAFQATABFAA==", ["base64", "utf-16le"], None)[0] == ["TITLE"]
    assert derived(bytes([20, 11]), ["major.minor"], None)[0][0] == "20.11"
    assert derived(bytes.fromhex("1a066c00"), ["u32-le-hex"], None)[0][0] == "006c061a"
    assert option_codes(bytes([53, 1, 1, 12, 2, 65, 66, 255, 9]))[0] == "53,12"
    assert asn1_time(b"200102030405Z")[1] == "2020-01-02T03:04:05.000000000Z"
    assert rfc4514(bytes.fromhex("300d310b3009060355040613024445")) == "C=DE"
    assert escaped_rfc4514(" A, B#") == "\\ A\\, B#"
    print("evidence.py: its own tests pass")


if __name__ == "__main__":
    run()
