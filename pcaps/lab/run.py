#!/usr/bin/env python3
"""Record scenarios: run.py NAME… (record.sh calls this). What they are stands in scenarios.py; this is how one is played.

A scenario is played with one tcpdump on each mirror port; where cells are VLANs, the recordings become one as of a trunk. Its outputs are cut from that recording with tshark's display
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
import net  # noqa: E402
import scenarios  # noqa: E402
import trunk  # noqa: E402


def fill(text):
    for name, place in PLACES.items():
        text = text.replace(f"@{name}@", str(place))
    return text


def leases():
    """What the office's DHCP server has reserved: the first addresses of those that ask."""
    cards = [device.cards[0] for device in net.Plant("two-cells").devices.values()]
    return "\n".join(f"dhcp-host={card.mac},{card.addresses[0].split('/')[0]}" for card in cards if card.dhcp)


def prepare():
    shutil.rmtree(OUT, ignore_errors=True)
    shutil.rmtree(CONF, ignore_errors=True)
    OUT.mkdir(parents=True)
    CONF.mkdir()
    shutil.copytree(HERE / "web", OUT / "web")
    for source in (HERE / "conf").iterdir():
        target = CONF / source.name
        target.write_text(fill(source.read_text()).replace("@LEASES@", leases()))
        target.chmod(0o600 if source.name.startswith("ntlm") else 0o644)
    for name in ("samba-srv", "samba-nas", "ftp", "snmp-sw", "snmp-srv", "snmp-printer", "snmp-nport", "snmp-stranger", "samba-dc", "ipmi"):
        (OUT / name).mkdir()
    subprocess.run([HERE / "certs.sh", CERTS], check=True)


class Play:
    def __init__(self, name, plant):
        self.name, self.plant, self.running, self.counter = name, plant, [], 0
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
        # The plants' devices may bear the same names: a scenario's own services come first.
        device, command = self.scenario.get("own", {}).get(name) or scenarios.SERVICES[name]
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
        for name in self.scenario.get("before", []):
            self.service(name)
        time.sleep(self.scenario.get("ready", 2) if "before" in self.scenario else 0)
        for step in self.scenario.get("underway", []):  # already talking when the recording begins
            self.spawn(*step)
        time.sleep(2 if "underway" in self.scenario else 0)
        captures = [self.capture(cell) for cell in self.plant.mirrored()]
        time.sleep(1)
        for name in self.scenario.get("services", []):
            self.service(name)
        time.sleep(self.scenario.get("settle", 2))
        for step in self.scenario.get("steps", []):
            self.client(*step, *([] if len(step) > 2 else [20]))
        self.timeline(self.scenario.get("timeline", []))
        time.sleep(self.scenario.get("linger", 0.7))
        for capture in captures:
            capture.send_signal(signal.SIGINT)
        for capture in captures:
            capture.wait()
        self.stop()
        whole = OUT / f"{self.name}.pcap"
        trunk.join({cell.vlan: OUT / f"{self.name}.{cell.name}.pcap" for cell in self.plant.mirrored()}, whole)
        return self.cut(whole)

    def capture(self, cell):
        return subprocess.Popen(
            ["ip", "netns", "exec", net.SENSOR, "tcpdump", "-i", f"mon-{cell.name}", "-s0", "-U", "--immediate-mode", "-B", "16384",
             "-w", OUT / f"{self.name}.{cell.name}.pcap"], stderr=open(self.logs / f"tcpdump-{cell.name}.log", "w"))

    def stop(self):
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

    def timeline(self, entries):
        """Entries (second, what, …): power DEVICE, move DEVICE CELL, service NAME, or a client's DEVICE, COMMAND and time limit."""
        start, threads = time.monotonic(), []
        for second, what, *rest in sorted(entries, key=lambda entry: entry[0]):
            time.sleep(max(0, start + second - time.monotonic()))
            if what == "power":
                net.power(self.plant, *rest)
            elif what == "move":
                net.move(self.plant, *rest)
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
    # whatever ends this, the lab is taken down
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(f"ended by signal {number}"))
    prepare()
    good, state = True, None
    try:
        for name in names:
            scenario = scenarios.SCENARIOS[name]
            plant = net.Plant(scenario.get("plant", "plant-and-office"))
            dark = scenario.get("dark", False)
            if (plant.name, dark) != state or dark:
                net.down()
                net.up(plant, dark)
                state = plant.name, dark
                time.sleep(0 if dark else 6)
            good &= Play(name, plant).record()
    finally:
        net.down()
    if good and "WIRECENSUS_LAB_KEEP" not in os.environ:
        shutil.rmtree(OUT)
        shutil.rmtree(CONF)
    sys.exit(not good)


main(sys.argv[1:])
