#!/usr/bin/env python3
"""Makes the fuzz targets' first inputs from the captures of pcaps/, in the form that dissectors/src/engine/fuzzing.rs reads.

    dissectors/fuzz/seeds.py

corpus/engine/    windows of packets: link type, then length (two bytes), milliseconds since the one before, bytes
corpus/registry/  payloads: a byte for the side, then the bytes
"""

import hashlib
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
WINDOW = 12  # packets of one input: libFuzzer prefers small inputs, and a handshake with its first answers fits
PAYLOAD_MAX = 4096
ETHERNET = 1


def packets(raw):
    at = 24
    while at + 16 <= len(raw):
        (length,) = struct.unpack_from("<I", raw, at + 8)
        yield raw[at + 16 : at + 16 + length]
        at += 16 + length


def payload(frame):
    """(side, bytes) of an untagged or tagged frame: what follows TCP or UDP, else what follows the EtherType."""
    at = 12
    while frame[at : at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    kind, at = frame[at : at + 2], at + 2
    if kind == b"\x08\x00" and len(frame) >= at + 20:
        protocol, end, at = frame[at + 9], at + struct.unpack_from(">H", frame, at + 2)[0], at + (frame[at] & 15) * 4
    elif kind == b"\x86\xdd" and len(frame) >= at + 40:
        protocol, end, at = frame[at + 6], at + 40 + struct.unpack_from(">H", frame, at + 4)[0], at + 40
    else:
        return 0, frame[at:]
    if protocol not in (6, 17) or len(frame) < at + 14:
        return 0, b""
    source, destination = struct.unpack_from(">HH", frame, at)
    at += 8 if protocol == 17 else (frame[at + 12] >> 4) * 4
    return int(source < destination), frame[at:end]


def write(folder, seeds):
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    print(f"{len(seeds)} inputs in {folder.relative_to(HERE.parent.parent)}")


def main():
    engine, registry = set(), set()
    for path in sorted((HERE.parent.parent / "pcaps").rglob("*.pcap")):
        frames = list(packets(path.read_bytes()))
        for start in range(0, len(frames), WINDOW):
            window = frames[start : start + WINDOW]
            engine.add(bytes([ETHERNET]) + b"".join(struct.pack("<HB", len(frame), 1) + frame for frame in window))
        for frame in frames:
            side, said = payload(frame)
            if said:
                registry.add(bytes([side]) + said[:PAYLOAD_MAX])
    write(HERE / "corpus" / "engine", engine)
    write(HERE / "corpus" / "registry", registry)


if __name__ == "__main__":
    main()
