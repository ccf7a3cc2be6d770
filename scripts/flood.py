#!/usr/bin/env python3
"""Is memory bounded? Sends a plant's packets and then a flood of made-up senders, each another MAC and IP address, to `wirecensus run` over
TCP (pcap-over-IP), and looks how much memory it took at the most, beside what `[limits]` allow, and whether all that was said of the
plant stands in the database byte for byte as before.

    scripts/flood.py target/release/wirecensus [--senders 10000000] [--limits default|low|wide] [--folder DIR] [CAPTURE]

Needs Linux and no right. A sender opens a connection, names itself by mDNS or announces its address by ARP, and nobody answers. Prints
figures; exit status 1 if memory went beyond the bound, or anything of the plant is lost or changed.
"""

import argparse
import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

DEFAULT = {"flows": 1_000_000, "observations": 8_000_000, "pairs": 4_000_000, "devices": 1_000_000, "fragment_mib": 16, "stream_mib": 256}
LOW = {"flows": 50_000, "observations": 400_000, "pairs": 200_000, "devices": 100_000, "fragment_mib": 16, "stream_mib": 16}
# So many devices that the others are what is hit.
WIDE = DEFAULT | {"devices": 20_000_000}
# Bytes of each, as systemd/wirecensus.toml says.
COST = {"flows": 250, "observations": 300, "pairs": 200, "devices": 18, "fragment_mib": 1 << 20, "stream_mib": 1 << 20}
COMMITTED = 40  # seconds until counters are in the database: half a minute, and a slow disk
CHUNK = 10_000
SPEAKER = b"\x02\x1c\0\0\0"  # begins the MAC address of who goes on to speak, and is none of the plant


def config(folder, limits, port):
    path = os.path.join(folder, "flood.toml")
    with open(path, "w") as file:
        file.write("[limits]\n" + "".join(f"{name} = {value}\n" for name, value in limits.items()))
        file.write(f'[[pcap_over_ip]]\nlisten = "127.0.0.1:{port}"\n')
    return path


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def memory(pid, what):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what)) << 10


def rows(database):
    """All that is kept of each host, as it lies in the file."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60) as base:
        all = {(table, subject): record for table in ("said", "tallies") for subject, record in base.execute(f"SELECT subject, record FROM {table}")}
    return {key: record for key, record in all.items() if SPEAKER not in key[1]}


def lost(database, before):
    """Those of the rows that are no longer there as they were."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60) as base:
        one = {table: f"SELECT record FROM {table} WHERE subject = ?" for table in ("said", "tallies")}
        return [key for key, record in before.items() if (record,) not in base.execute(one[key[0]], (key[1],)).fetchall()]


def templates():
    """Frames with the place of the source's MAC, of its IP addresses, and whether there is a name to number."""
    mac, ip = bytes(6), bytes(4)
    to = bytes([2, 0, 0x0A, 0x4D, 0, 0x0B]), bytes([10, 77, 0, 11])
    head = lambda protocol, payload: to[0] + mac + b"\x08\x00" + struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + ip + to[1] + payload
    syn = struct.pack("!HHIIBBHHH", 40_000, 502, 1, 0, 0x50, 2, 0xFFFF, 0, 0)
    answer = struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 0) + b"\x0chost" + b"0" * 8 + b"\x05local\x00" + struct.pack("!HHIH", 1, 0x8001, 120, 4) + ip
    mdns = struct.pack("!HHHH", 5353, 5353, 8 + len(answer), 0) + answer
    arp = b"\xff" * 6 + mac + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + ip + bytes(6) + ip + bytes(18)
    named = head(17, mdns)
    return ((head(6, syn), (6,), (26,), None), (named, (6,), (26, len(named) - 4), 14 + 20 + 8 + 12 + 5), (arp, (6, 22), (28, 38), None))


def flood(senders, began):
    """The capture's records, many at a time: ten minutes from the first sender to the last."""
    kinds = templates()
    for start in range(0, senders, CHUNK):
        out = bytearray()
        for number in range(start, min(senders, start + CHUNK)):
            frame, macs, ips, name = kinds[number % 3]
            frame = bytearray(frame)
            # An odd multiplier: no two are alike, and none is next to another.
            mixed = (number * 0x9E3779B1) & 0xFFFFFFFF
            address = struct.pack("!I", 0x80000000 | mixed & 0x3FFFFFFF | (number >> 30) << 30)
            for at in macs:
                frame[at : at + 6] = b"\x02\x1b" + struct.pack("!I", mixed)
            for at in ips:
                frame[at : at + 4] = address
            if name:
                frame[name : name + 8] = b"%08x" % mixed
            time_us = number * 600_000_000 // senders
            out += struct.pack("<IIII", began + time_us // 1_000_000, time_us % 1_000_000, len(frame), len(frame))
            out += frame
        yield bytes(out)


def later(began):
    """Words of one host to another, as many as it takes for each conversation to be looked at."""
    frame = SPEAKER + b"\1" + SPEAKER + b"\2\x08\x00" + struct.pack("!BBHHHBBH", 0x45, 0, 32, 0, 0, 64, 17, 0) + bytes([10, 78, 0, 2, 10, 78, 0, 1])
    for number in range(20_000):
        said = frame + struct.pack("!HHHHI", 9, 9, 12, 0, number)
        yield struct.pack("<IIII", began + number // 200, number % 200 * 5_000, len(said), len(said)) + said


def last_time(capture):
    """Seconds of the last packet of a classic capture."""
    at, last = 24, 0
    while at + 16 <= len(capture):
        seconds, _, length, _ = struct.unpack_from("<IIII", capture, at)
        at, last = at + 16 + length, max(last, seconds)
    return last


def measure(options, limits, folder):
    database, port = os.path.join(folder, "flood.db"), free_port()
    with open(options.capture, "rb") as file:
        plant = file.read()
    if plant[:4] != b"\xd4\xc3\xb2\xa1":
        sys.exit(f"{options.capture}: no little-endian pcap with microseconds")
    words = (options.program, "run", "--config", config(folder, limits, port), "--db", database, "--allow-root")
    with open(os.path.join(folder, "log"), "w+") as log:
        running = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            figures = feed(options, running, port, plant, database)
            figures["stored"] = sum(os.path.getsize(database + end) for end in ("", "-wal"))
            running.send_signal(signal.SIGTERM)
            asked = time.monotonic()
            # As the last look at what is held: it is what the kernel saw, the end included.
            _, status, usage = os.wait4(running.pid, 0)
            running.returncode = os.waitstatus_to_exitcode(status)
            figures |= {"stop": time.monotonic() - asked, "peak_end": usage.ru_maxrss << 10, "status": running.returncode}
        finally:
            if running.returncode is None:
                running.kill()
        figures["lost_end"] = len(lost(database, figures.pop("before")))
    return figures


def feed(options, running, port, plant, database):
    for _ in range(100):
        try:
            wire = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            time.sleep(0.1)
    with wire:
        wire.sendall(plant)
        # An hour later one host goes on to speak: conversations of the plant end, and what was seen last of them is settled.
        wire.sendall(b"".join(later(last_time(plant) + 3_600)))
        time.sleep(COMMITTED)
        before, base, began = rows(database), memory(running.pid, "VmRSS:"), time.monotonic()
        for chunk in flood(options.senders, last_time(plant) + 3_800):
            wire.sendall(chunk)
        took = time.monotonic() - began
        time.sleep(COMMITTED)
        peak = memory(running.pid, "VmHWM:")
        status = subprocess.run((options.program, "status", "--db", database, "--json"), capture_output=True, text=True).stdout
        hit = json.loads(status)["ports"][0]["limits"]
        return {"before": before, "base": base, "peak": peak, "took": took, "lost": len(lost(database, before)), "rows": len(before), "limits": hit}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("capture", nargs="?", default="pcaps/plant-and-office.pcap")
    parser.add_argument("--senders", type=int, default=10_000_000)
    parser.add_argument("--limits", choices=("default", "low", "wide"), default="low")
    parser.add_argument("--folder", help="where the database lies; a temporary one by default")
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    limits = {"default": DEFAULT, "low": LOW, "wide": WIDE}[options.limits]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        seen = measure(options, limits, folder)
    bound = seen["base"] + sum(limits[name] * cost for name, cost in COST.items())
    mega = lambda size: f"{size / 1e6:,.0f} MB"
    print(f"{options.senders:,} senders, {options.limits} limits: {seen['took']:.0f} s, {seen['took'] * 1e9 / options.senders:,.0f} ns a packet")
    print(f"memory: {mega(seen['base'])} with the plant, {mega(seen['peak'])} at the most, {mega(seen['peak_end'])} with the end; the bound is {mega(bound)}")
    print(f"database: {mega(seen['stored'])}; stopped in {seen['stop']:.1f} s with status {seen['status']}")
    print(f"rows of the plant: {seen['rows']}, of which {seen['lost']} changed in the flood, {seen['lost_end']} by the end")
    print("limits hit:", "; ".join(f"{name} ({count:,})" for name, count in seen["limits"].items()))
    faults = seen["lost"] + seen["lost_end"] or seen["status"] or seen["peak_end"] > bound
    print("FAULT" if faults else "bounded, and nothing lost")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
