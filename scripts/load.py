#!/usr/bin/env python3
"""Does it keep up? Sends captures into a port as fast as this machine can without losing a packet on the way, and shows what listening
to them costs `wirecensus run`, beside tcpdump and whatever else is installed that does the like.

    sudo scripts/load.py target/release/wirecensus [--seconds 20] [--rates 1,0.5,0.25] [--json FILE] [CAPTURE …]

Needs Linux, root, iproute2 and tcpreplay. Works in a network namespace of its own and removes it. Sender, kernel and listener share
the cores of one machine: the highest rate is that of this machine with all three on it. Prints figures, and judges none but one: exit
status 1 if the program lost packets at a rate at which tcpdump lost none.
"""

import argparse
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from soak import Port, in_namespace

RING_MIB = 64  # of the listeners alike
SETTLE = 2.0  # seconds until a listener has opened its port, and until it has read what is left in its ring
PEERS = (("suricata", ("suricata", "--af-packet=mirror0", "-l", "{folder}", "--runmode", "single")), ("zeek", ("zeek", "-i", "mirror0", "-C")))


def counter(port, name):
    words = in_namespace("cat", f"/sys/class/net/{port}/statistics/{name}")
    # The namespace's own /sys is mounted by `ip netns exec`.
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def send(captures, seconds, pps=None):
    """Sends for so many seconds; gives packets sent, and those that the cable lost. What no protocol of the kernel takes counts as dropped
    at the receiving end: what is lost there for want of time is counted by the sending end."""
    before = counter("sender", "tx_packets"), counter("sender", "tx_dropped")
    rate = ("--pps", str(int(pps))) if pps else ("--topspeed",)
    words = in_namespace("tcpreplay", "-q", "-K", "-i", "sender", "--duration", str(int(seconds)), "--loop", "100000000", *rate)
    began = time.monotonic()
    subprocess.run(words + tuple(captures), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    took = time.monotonic() - began
    sent = counter("sender", "tx_packets") - before[0]
    return sent, counter("sender", "tx_dropped") - before[1], took


def wirecensus(options, folder):
    config = os.path.join(folder, "load.toml")
    with open(config, "w") as file:
        file.write(f'buffer_mib = {RING_MIB}\n[[interface]]\nname = "mirror0"\n')
    return (options.program, "run", "--config", config, "--db", os.path.join(folder, "load.db"), "--allow-root"), r"([\d,]+) packets, ([\d,]+) dropped"


def tcpdump(_, folder):
    words = ("tcpdump", "-i", "mirror0", "-n", "-B", str(RING_MIB * 1024), "-s", "0", "-Z", "root", "-w", "/dev/null")
    return words, r"(?s)(\d+) packets? captured.*?(\d+) packets? dropped by kernel"


def listeners(options, folder):
    yield "wirecensus", *wirecensus(options, folder)
    if shutil.which("tcpdump"):
        yield "tcpdump", *tcpdump(options, folder)
    for name, words in PEERS:
        if shutil.which(words[0]):
            yield name, tuple(word.format(folder=folder) for word in words), None


def listen(name, words, pattern, captures, seconds, pps):
    """One listener at one rate."""
    with tempfile.TemporaryFile("w+") as log:
        listening = subprocess.Popen(in_namespace(*words), stdout=log, stderr=log)
        time.sleep(SETTLE)
        sent, lost, took = send(captures, seconds, pps)
        time.sleep(SETTLE)
        listening.send_signal(signal.SIGINT)
        _, _, usage = os.wait4(listening.pid, 0)
        listening.returncode = 0
        log.seek(0)
        told = log.read()
    found = re.findall(pattern, told) if pattern else []
    heard, dropped = (int(text.replace(",", "")) for text in found[-1]) if found else (None, None)
    cpu = (usage.ru_utime + usage.ru_stime) * 1e9
    return {
        "listener": name, "packets_per_second": round(sent / took), "sent": sent, "lost_on_the_way": lost, "captured": heard,
        "dropped": dropped, "cpu_ns_per_packet": round(cpu / max(heard or sent, 1)), "resident_mib": round(usage.ru_maxrss / 1024),
    }


def highest(captures, seconds):
    """The highest rate at which nothing is lost between the ends, nobody listening."""
    sent, lost, took = send(captures, seconds)
    rate = sent / took
    while lost and rate > 1:
        rate *= 0.9
        sent, lost, took = send(captures, seconds, rate)
    return sent / took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("captures", nargs="*", default=sorted(glob.glob("pcaps/*.pcap")))
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rates", default="1,0.5,0.25", help="shares of the highest rate")
    parser.add_argument("--json", metavar="FILE", help="writes the figures there")
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    if not shutil.which("tcpreplay"):
        sys.exit("tcpreplay is not there: apt-get install tcpreplay")
    rows = []
    with tempfile.TemporaryDirectory() as folder, Port():
        rate = highest(options.captures, max(2, options.seconds // 4))
        print(f"{rate:,.0f} packets/s is the most that arrives whole; ring of {RING_MIB} MiB, {options.seconds} s each")
        print(f"{'listener':<12}{'packets/s':>12}{'captured':>14}{'dropped':>12}{'CPU ns/packet':>15}{'RSS MiB':>9}")
        for share in (float(text) for text in options.rates.split(",")):
            for name, words, pattern in listeners(options, folder):
                row = listen(name, words, pattern, options.captures, options.seconds, rate * share)
                rows.append(row | {"share": share})
                shown = [f"{row[key]:,}" if row[key] is not None else "?" for key in ("packets_per_second", "captured", "dropped", "cpu_ns_per_packet", "resident_mib")]
                print(f"{name:<12}{shown[0]:>12}{shown[1]:>14}{shown[2]:>12}{shown[3]:>15}{shown[4]:>9}", flush=True)
                for left in glob.glob(os.path.join(folder, "load.db*")):
                    os.remove(left)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)
    worse = [row for row in rows if row["listener"] == "wirecensus" and row["dropped"] and any(
        other["listener"] == "tcpdump" and other["share"] == row["share"] and other["dropped"] == 0 for other in rows)]
    for row in worse:
        print(f"FAULT: {row['dropped']:,} packets dropped at {row['packets_per_second']:,} packets/s, where tcpdump dropped none")
    return bool(worse)


if __name__ == "__main__":
    sys.exit(main())
