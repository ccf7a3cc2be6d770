#!/usr/bin/env python3
"""The lab's network: net.py up PLANT [--dark] | down | list PLANT.

A plant is a table in plants/: one row a network card. Each device is a namespace, each cell a bridge in one "switch"
namespace, and a sensor namespace has one mirror port a cell: every frame that enters the switch is copied there once, as a SPAN
port does. Nothing leaves the machine: no namespace has a link to its network. --dark leaves the devices' links down and
unaddressed, for recordings that want to see them start up.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
NETNS = pathlib.Path("/etc/netns")
PREFIX = "wcl-"
SWITCH, SENSOR = PREFIX + "switch", PREFIX + "sensor"
COLUMNS = ["name", "cell", "mac", "address", "boot", "does", "hostname", "class", "what"]


@dataclass
class Cell:
    """A network: its VLAN in the mirror (0: untagged, None: not mirrored) and its default gateway."""
    name: str
    vlan: int | None
    gateway: str


@dataclass
class Card:
    device: str
    cell: str
    mac: str
    addresses: list
    dhcp: bool
    dev: str = "eth0"

    @property
    def port(self):
        return f"p-{self.device}" + ("" if self.dev == "eth0" else f"-{self.dev[3:]}")


@dataclass
class Device:
    name: str
    does: str
    hostname: str
    cards: list = field(default_factory=list)


class Plant:
    def __init__(self, name):
        self.name, self.cells, self.devices, self.dns = name, {}, {}, ""
        for line in (HERE / "plants" / f"{name}.tsv").read_text().splitlines():
            words = line.split("\t")
            if words[0] == "#cell":
                vlan = {"untagged": 0, "unseen": None}.get(words[2], words[2])
                self.cells[words[1]] = Cell(words[1], int(vlan) if vlan else vlan, words[3])
            elif words[0] == "#dns":
                self.dns = words[1]
            elif line and not line.startswith("#"):
                row = dict(zip(COLUMNS, words, strict=True))
                device = self.devices.setdefault(row["name"], Device(row["name"], row["does"], row["hostname"]))
                addresses = [a for a in row["address"].split(",") if a != "-"]
                device.cards.append(Card(row["name"], row["cell"], row["mac"], addresses, row["boot"] == "dhcp",
                                         f"eth{len(device.cards)}"))

    def mirrored(self):
        return [cell for cell in self.cells.values() if cell.vlan is not None]


def run(*command, check=True):
    return subprocess.run([str(word) for word in command], check=check, capture_output=True, text=True).stdout


def ip(namespace, *command, check=True):
    return run("ip", "-n", namespace, *command, check=check)


def inside(namespace, *command, check=True):
    return run("ip", "netns", "exec", namespace, *command, check=check)


def up(plant, dark=False):
    for namespace in (SWITCH, SENSOR):
        run("ip", "netns", "add", namespace)
        ip(namespace, "link", "set", "lo", "up")
        # neither the switch nor the sensor may take an address from the router advertisements they see
        inside(namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
    for cell in plant.cells.values():
        ip(SWITCH, "link", "add", f"br-{cell.name}", "type", "bridge", "forward_delay", 0, "stp_state", 0)
        ip(SWITCH, "link", "set", f"br-{cell.name}", "addrgenmode", "none", "up")
        if cell.vlan is not None:
            ip(SWITCH, "link", "add", f"span-{cell.name}", "type", "veth", "peer", "name", f"mon-{cell.name}", "netns", SENSOR)
            ip(SWITCH, "link", "set", f"span-{cell.name}", "addrgenmode", "none", "mtu", 1600, "up")
            ip(SENSOR, "link", "set", f"mon-{cell.name}", "addrgenmode", "none", "mtu", 1600)
            ip(SENSOR, "link", "set", f"mon-{cell.name}", "up", "promisc", "on")
    for number, device in enumerate(plant.devices.values(), 1):
        make(plant, device, number)
    if not dark:
        for name in plant.devices:
            power(plant, name, static=True)


def make(plant, device, number):
    namespace = PREFIX + device.name
    run("ip", "netns", "add", namespace)
    ip(namespace, "link", "set", "lo", "up")
    etc = NETNS / namespace
    etc.mkdir(parents=True, exist_ok=True)
    (etc / "hostname").write_text(device.hostname + "\n")
    (etc / "resolv.conf").write_text(f"search plant.example\nnameserver {plant.dns}\noptions timeout:1 attempts:1\n")
    inside(namespace, "sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=0", check=False)
    for card in device.cards:
        ip(SWITCH, "link", "add", card.port, "type", "veth", "peer", "name", card.dev, "netns", namespace)
        ip(namespace, "link", "set", card.dev, "address", card.mac)
        # partial checksums would make most captured segments look damaged; the namespace's card only
        inside(namespace, "ethtool", "-K", card.dev, *"tx off rx off sg off tso off gso off gro off".split(), check=False)
        inside(namespace, "sysctl", "-qw", f"net.ipv4.conf.{card.dev}.arp_notify=1", check=False)
        ip(SWITCH, "link", "set", card.port, "address", f"00:1b:0d:0a:01:{number:02x}")
        ip(SWITCH, "link", "set", card.port, "addrgenmode", "none")
        plug(plant, card, card.cell)
    if device.does == "router":
        inside(namespace, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.send_redirects=0",
               *(f"net.ipv4.conf.{card.dev}.send_redirects=0" for card in device.cards))
    elif device.does == "bridge":
        # a managed switch: a bridge with spanning tree on, its one port is the cable to ours
        ip(namespace, "link", "add", "br0", "type", "bridge", "forward_delay", 200, "hello_time", 200, "stp_state", 1, "priority", 4096)


def plug(plant, card, cell):
    """Puts a card's cable into a cell's switch, and mirrors it there."""
    ip(SWITCH, "link", "set", card.port, "master", f"br-{cell}", "up")
    inside(SWITCH, "tc", "qdisc", "del", "dev", card.port, "clsact", check=False)
    if plant.cells[cell].vlan is None:
        return
    inside(SWITCH, "tc", "qdisc", "add", "dev", card.port, "clsact")
    mirror = ["action", "mirred", "egress", "mirror", "dev", f"span-{cell}"]
    # the kernel at hand lacks cls_matchall: u32 with an empty mask matches everything
    inside(SWITCH, "tc", "filter", "add", "dev", card.port, "ingress", "protocol", "all", "u32", "match", "u32", 0, 0, *mirror)
    # what the switch itself says on a port: 802.1X only, everything else was seen when it came in
    inside(SWITCH, "tc", "filter", "add", "dev", card.port, "egress", "protocol", "0x888e", "u32", "match", "u32", 0, 0, *mirror)


def power(plant, name, static=False):
    """Links up, and the address unless the device asks DHCP for one."""
    device = plant.devices[name]
    namespace = PREFIX + name
    for card in device.cards:
        dev = card.dev
        if device.does == "bridge" and dev == "eth0":
            dev = "br0"
            inside(namespace, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1")
            ip(namespace, "link", "set", "eth0", "master", "br0")
            ip(namespace, "link", "set", "eth0", "addrgenmode", "none", "up")
            ip(namespace, "link", "set", "br0", "address", card.mac)
        for address in card.addresses:
            if static or not card.dhcp:
                broadcast = [] if ":" in address else ["brd", "+"]
                ip(namespace, "addr", "add", address, *broadcast, "dev", dev)
        ip(namespace, "link", "set", dev, "up")
        if dev in ("eth0", "br0"):
            ip(namespace, "route", "add", "224.0.0.0/4", "dev", dev)
        gateway = plant.cells[card.cell].gateway
        if gateway != "-" and not any(address.startswith(gateway + "/") for address in card.addresses):
            ip(namespace, "route", "add", "default", "via", gateway, "dev", dev, check=False)


def move(plant, name, cell):
    """Unplugs a device's first card, and plugs it in elsewhere without an address."""
    card = plant.devices[name].cards[0]
    ip(PREFIX + name, "link", "set", card.dev, "down")
    ip(PREFIX + name, "addr", "flush", "dev", card.dev)
    plug(plant, card, cell)
    ip(PREFIX + name, "link", "set", card.dev, "up")
    ip(PREFIX + name, "route", "add", "224.0.0.0/4", "dev", card.dev, check=False)


def down():
    """Ends what runs in the lab's namespaces, and removes them."""
    mine = [line.split()[0] for line in run("ip", "netns", "list").splitlines() if line.startswith(PREFIX)]
    pids = [int(pid) for namespace in mine for pid in run("ip", "netns", "pids", namespace, check=False).split()]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    time.sleep(0.2 if pids else 0)
    for namespace in mine:
        run("ip", "netns", "del", namespace)
    for etc in NETNS.glob(PREFIX + "*"):
        shutil.rmtree(etc)
    if NETNS.is_dir() and not any(NETNS.iterdir()):
        NETNS.rmdir()


def main(words):
    match words:
        case ["up", name, *options]:
            up(Plant(name), "--dark" in options)
        case ["down"]:
            down()
        case ["list", name]:
            for device in Plant(name).devices.values():
                print(device.name, device.hostname, *(f"{card.cell}:{card.mac}:{','.join(card.addresses)}" for card in device.cards))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
