#!/usr/bin/env python3
"""Record scenarios: run.py NAME… (record.sh calls this). What they are stands in scenarios.py; this is how one is played.

A scenario is played with one tcpdump on the mirror port. Its outputs are cut from that recording with tshark's display
filters, and each must hold at least one packet that its proof filter accepts, or the run fails.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PCAPS = HERE.parent
WORK = pathlib.Path(os.environ.get("WIRECENSUS_LAB", "/tmp/wclab"))
OUT, CERTS, CONF = WORK / "out", WORK / "certs", WORK / "conf"
PLACES = {"OUT": OUT, "CERTS": CERTS, "CONF": CONF, "DEVICES": HERE / "devices", "LAB": HERE,
          "PY": WORK / "venv/bin/python", "VENV": WORK / "venv/bin"}
sys.path.insert(0, str(HERE))
import scenarios  # noqa: E402


def fill(text):
    for name, place in PLACES.items():
        text = text.replace(f"@{name}@", str(place))
    return text


def prepare():
    shutil.rmtree(OUT, ignore_errors=True)
    shutil.rmtree(CONF, ignore_errors=True)
    OUT.mkdir(parents=True)
    CONF.mkdir()
    shutil.copytree(HERE / "web", OUT / "web")
    for source in (HERE / "conf").iterdir():
        target = CONF / source.name
        target.write_text(fill(source.read_text()))
        target.chmod(0o600 if source.name.startswith("ntlm") else 0o644)
    for name in ("samba-srv", "samba-nas", "ftp", "snmp-sw", "snmp-srv", "snmp-printer", "snmp-nport", "snmp-stranger", "ipmi"):
        (OUT / name).mkdir()
    subprocess.run([HERE / "certs.sh", CERTS], check=True)


class Play:
    def __init__(self, name):
        self.name, self.running, self.counter = name, [], 0
        self.scenario = scenarios.SCENARIOS[name]
        self.logs = OUT / "log" / name
        self.logs.mkdir(parents=True, exist_ok=True)

    def spawn(self, device, command):
        self.counter += 1
        log = open(self.logs / f"{self.counter:03}-{device}-{command.split()[0].strip('@/').replace('/', '_')}.log", "w")
        print(fill(command), file=log, flush=True)
        process = subprocess.Popen([HERE / "on.sh", device, "bash", "-c", fill(command)], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, start_new_session=True, cwd=OUT)
        self.running.append(process)
        return process

    def service(self, name):
        device, command = scenarios.SERVICES[name]
        return self.spawn(device, "exec " + command)

    def client(self, device, command, limit):
        process = self.spawn(device, command)
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            code = "stopped after its time"
        if code:
            print(f"    {device}: {command[:90]} … -> {code}")

    def record(self):
        whole = OUT / f"{self.name}.pcap"
        for name in self.scenario.get("before", []):
            self.service(name)
        time.sleep(2 if "before" in self.scenario else 0)
        for step in self.scenario.get("underway", []):  # already talking when the recording begins
            self.spawn(*step)
        time.sleep(2 if "underway" in self.scenario else 0)
        capture = subprocess.Popen(
            ["ip", "netns", "exec", "wcl-sensor", "tcpdump", "-i", "mon0", "-s0", "-U", "--immediate-mode", "-B", "16384", "-w", whole],
            stderr=open(self.logs / "tcpdump.log", "w"))
        time.sleep(1)
        for name in self.scenario.get("services", []):
            self.service(name)
        time.sleep(self.scenario.get("settle", 2))
        for step in self.scenario.get("steps", []):
            self.client(*step, *([] if len(step) > 2 else [20]))
        self.timeline(self.scenario.get("timeline", []))
        time.sleep(self.scenario.get("linger", 0.7))
        capture.send_signal(signal.SIGINT)
        capture.wait()
        for process in self.running:
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        for process in self.running:
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        return self.cut(whole)

    def timeline(self, entries):
        """Entries (second, what, …): power DEVICE, service NAME, or a client's DEVICE, COMMAND and time limit."""
        start, threads = time.monotonic(), []
        for second, what, *rest in sorted(entries, key=lambda entry: entry[0]):
            time.sleep(max(0, start + second - time.monotonic()))
            if what == "power":
                subprocess.run([HERE / "net.sh", "power", *rest], check=True)
            elif what == "service":
                for name in rest:
                    self.service(name)
            elif what == "end":
                break
            else:
                threads.append(threading.Thread(target=self.client, args=(what, rest[0], rest[1] if len(rest) > 1 else 20)))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def cut(self, whole):
        decode = [a for rule in self.scenario.get("decode", []) for a in ("-d", rule)]
        good = True
        for path, keep, proof in self.scenario["outputs"]:
            target = PCAPS / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if keep is None:
                shutil.copy(whole, target)
            else:
                subprocess.run(["tshark", "-n", *decode, "-r", whole, "-Y", keep, "-F", "pcap", "-w", target], check=True,
                               stderr=subprocess.DEVNULL)
            found = subprocess.run(["tshark", "-n", *decode, "-r", target, "-Y", proof], capture_output=True, text=True).stdout.count("\n")
            total = subprocess.run(["capinfos", "-Tmrc", target], capture_output=True, text=True).stdout.strip().split(",")[-1]
            print(f"{'ok  ' if found else 'FAIL'} {path}: {total} packets, {found} by proof, {target.stat().st_size} bytes", flush=True)
            good &= found > 0
        return good


def main(names):
    names = names or list(scenarios.SCENARIOS)
    for name in names:
        if name not in scenarios.SCENARIOS:
            sys.exit(f"no scenario {name}; there are: {' '.join(scenarios.SCENARIOS)}")
    prepare()
    net = lambda *arguments: subprocess.run([HERE / "net.sh", *arguments], check=True)
    good, state = True, None
    try:
        for name in names:
            wanted = "dark" if scenarios.SCENARIOS[name].get("dark") else "lit"
            if wanted != state or wanted == "dark":
                net("down")
                net("up", *(["--dark"] if wanted == "dark" else []))
                state = wanted
                if wanted == "lit":
                    time.sleep(6)
            good &= Play(name).record()
    finally:
        net("down")
    sys.exit(not good)


main(sys.argv[1:])
