#!/usr/bin/env python3
"""Does it last? Replays captures in a loop into a port that `wirecensus run` watches, and looks whether memory, open files and the
database stay as they are; then kills the program at random moments and looks whether anything is lost that was committed.

    sudo scripts/soak.py target/release/wirecensus [--seconds 600] [--kills 30] [--pps 20000] [--folder DIR] [CAPTURE …]

Needs Linux, root, iproute2 and tcpreplay. Works in a network namespace of its own and removes it. Prints figures; exit status 1 if
something was lost, torn or grew. What counts as growth stands beside each bound. Meanwhile an operator is busy: the configuration is
read again, old sources are removed, space is given back, and the database is copied.
"""

import argparse
import glob
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

NAMESPACE = "wirecensus-soak"
WARM_UP = 60  # seconds until every capture was replayed several times and all tables have their size
MEMORY_GROWTH = 1.10  # the allocator's own unrest
FILE_GROWTH = 1.05  # counters and times need a byte more now and then
LOG_BYTES = 80 << 20  # 8,192 pages of 8 KiB are folded into the file at a time, and a commit's


def run(*words, **options):
    return subprocess.run(words, check=True, **options)


def in_namespace(*words):
    return ("ip", "netns", "exec", NAMESPACE) + words


class Port:
    """Two ends of a cable in a namespace of their own: what goes into one end is mirrored traffic at the other."""

    def __enter__(self):
        subprocess.run(("ip", "netns", "del", NAMESPACE), stderr=subprocess.DEVNULL)
        run("ip", "netns", "add", NAMESPACE)
        run(*in_namespace("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"))
        run(*in_namespace("ip", "link", "add", "sender", "mtu", "9000", "type", "veth", "peer", "name", "mirror0", "mtu", "9000"))
        for end in ("sender", "mirror0"):
            run(*in_namespace("ip", "link", "set", end, "arp", "off", "up"))
        return self

    def __exit__(self, *_):
        subprocess.run(("ip", "netns", "del", NAMESPACE))

    def send(self, captures, pps):
        words = in_namespace("tcpreplay", "-q", "-i", "sender", "--pps", str(pps), "--loop", "100000000")
        return subprocess.Popen(words + tuple(captures), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def watch(self, program, database, log):
        config = database + ".toml"
        with open(config, "w") as file:
            file.write('[retention]\nkeep = "32d"\n[[interface]]\nname = "mirror0"\n')
        words = (program, "run", "--config", config, "--db", database, "--allow-root")
        return subprocess.Popen(in_namespace(*words), stdout=log, stderr=log)


def size(database):
    """Bytes of the pages that hold something, those included that stand in the log only."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20) as base:
        count, free, page = (base.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "freelist_count", "page_size"))
    return (count - free) * page


def state(pid, database):
    """Resident memory, open files, and what the database holds; its log may be as long as it likes, up to its own limit."""
    with open(f"/proc/{pid}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    files = len(os.listdir(f"/proc/{pid}/fd"))
    log = os.path.getsize(database + "-wal") if os.path.exists(database + "-wal") else 0
    return resident, files, size(database), max(log, LOG_BYTES)


def committed(database):
    """Every row that stands in the database, by its source's key and subject."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20) as base:
        rows = base.execute("SELECT sources.key, 's' || hex(subject) FROM said JOIN sources ON source = sources.id").fetchall()
        rows += base.execute("SELECT sources.key, 't' || hex(subject) FROM tallies JOIN sources ON source = sources.id").fetchall()
    return set(rows)


def damage(database):
    with sqlite3.connect(database, timeout=20) as base:
        return [row[0] for row in base.execute("PRAGMA integrity_check") if row[0] != "ok"]


def meddle(program, watching, database):
    """What an operator does meanwhile; gives what went wrong."""
    watching.send_signal(signal.SIGHUP)
    copy, faults = database + ".copy", []
    for words in (("retain", "--keep", "32d"), ("vacuum",), ("backup", copy)):
        done = subprocess.run((program, words[0], "--db", database) + words[1:], capture_output=True, text=True)
        if done.returncode:
            faults.append(f"{words[0]}: {done.stderr.strip()}")
    if os.path.exists(copy):
        os.remove(copy)
    return faults


def last(port, options, database, log):
    """The long run; gives what grew."""
    watching = port.watch(options.program, database, log)
    states, faults, began = [], [], time.monotonic()
    while (now := time.monotonic() - began) < options.seconds:
        time.sleep(min(10, options.seconds / 20))
        if watching.poll() is not None:
            return [f"the program ended with {watching.returncode} after {now:.0f} s"]
        faults += meddle(options.program, watching, database)
        if now >= min(WARM_UP, options.seconds / 4):
            states.append(state(watching.pid, database))
    watching.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    status = watching.wait(30)
    print(f"stopped in {time.monotonic() - asked:.1f} s with status {status}")
    log.flush()
    log.seek(0)
    again = log.read().count("the configuration was read again")
    print(f"the configuration was read again {again} times")
    grew = faults if status == 0 else faults + [f"status {status} at the end"]
    if again == 0:
        grew.append("the configuration was never read again")
    half = len(states) // 2
    for index, (name, unit, bound) in enumerate((("memory", "KiB", MEMORY_GROWTH), ("open files", "", 1.0), ("database", "B", FILE_GROWTH), ("its log, or its limit", "B", 1.0))):
        early, late = (max(one[index] for one in part) for part in (states[:half], states[half:]))
        print(f"{name}: {early} {unit} at most in the first half, {late} in the second")
        if late > early * bound:
            grew.append(f"{name} grew from {early} to {late} {unit}")
    return grew


def kill(port, options, database, log):
    """Kills at random moments; gives what was lost or torn."""
    lost, known = [], set()
    for number in range(options.kills):
        watching = port.watch(options.program, database, log)
        time.sleep(random.uniform(0.5, 5))
        if os.path.exists(database):
            try:
                known |= committed(database)
            except sqlite3.OperationalError:
                pass  # Tables are not made yet: nothing is committed.
        # The program is what `ip netns exec` became: the same process.
        watching.kill()
        watching.wait()
        torn, there = damage(database), committed(database)
        lost += [f"kill {number + 1}: {what}" for what in torn]
        if known - there:
            lost.append(f"kill {number + 1}: {len(known - there)} rows of {len(known)} are gone")
        known = there
    print(f"{options.kills} kills: {len(known)} rows stand")
    return lost


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("captures", nargs="*", default=sorted(glob.glob("pcaps/*.pcap")))
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--pps", type=int, default=20000)
    parser.add_argument("--folder", help="where databases lie; a temporary one by default")
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    faults = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, Port() as port, open(os.path.join(folder, "log"), "w+") as log:
        sending = port.send(options.captures, options.pps)
        try:
            if options.seconds:
                faults += last(port, options, os.path.join(folder, "soak.db"), log)
            if options.kills:
                faults += kill(port, options, os.path.join(folder, "kills.db"), log)
            if sending.poll() is not None:
                faults.append(f"tcpreplay ended with {sending.returncode}")
        finally:
            sending.kill()
        log.seek(0)
        said = log.read().splitlines()
    print("\n".join(f"FAULT: {fault}" for fault in faults) or "flat, and nothing lost")
    if faults:
        print("the program said last:", *said[-5:], sep="\n  ")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
