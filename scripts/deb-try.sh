#!/usr/bin/env bash
# Tries the Debian package on a bare Debian 12: installs, starts, upgrades, removes and purges it, first where there is no systemd, then
# where systemd is PID 1. One line a step says what was seen; the first that is wrong ends it.
#
#   scripts/deb-try.sh [PACKAGE]    needs root, debootstrap, systemd-container and a mirror of Debian; without PACKAGE it builds one
set -euo pipefail

seen() { printf 'ok    %s\n' "$*"; }
wrong() {
    printf 'WRONG %s\n' "$*"
    [ ! -d /run/systemd/system ] || journalctl --no-pager --quiet -n 20 -u 'wirecensus*' 2> /dev/null || true
    exit 1
}
# A condition, and what it means if it holds.
that() { local means=$1 && shift && if "$@" > /tmp/deb-try.said 2>&1; then seen "$means"; else wrong "$means: $* said: $(tail -n 20 /tmp/deb-try.said)"; fi; }
is() { [ "$1" = "$2" ] || { echo "it is $1, not $2" && return 1; }; }
none() { for file in "$@"; do [ ! -e "$file" ] || { echo "there is $file" && return 1; }; done; }
# Mode, owner and group of a file.
mode() { is "$(stat -c '%a %U:%G' "$1")" "$2 $3"; }
units="wirecensus.service wirecensus-registrar.service wirecensus-events.service wirecensus-propose.service"

installed() {
    that "the program is $(wirecensus --version)" mode /usr/bin/wirecensus 755 root:root
    that "the configuration is for root and the daemon" mode /etc/wirecensus/wirecensus.toml 640 root:wirecensus
    that "and so is its folder" mode /etc/wirecensus 750 root:wirecensus
    for unit in $units wirecensus-propose.timer; do that "$unit is there" mode "/usr/lib/systemd/system/$unit" 644 root:root; done
    for user in wirecensus wirecensus-registrar wirecensus-events; do
        that "the user $user is there, and nobody logs in with it" is "$(getent passwd "$user" | cut -d: -f6-)" "/var/lib/$user:/usr/sbin/nologin"
    done
    that "registrar and events read what the sensor wrote" is "$(getent group wirecensus | cut -d: -f4 | tr , '\n' | sort | xargs)" "wirecensus-events wirecensus-registrar"
    that "the example configuration is understood" wirecensus check-config /etc/wirecensus/wirecensus.toml
    that "network files are examples, until somebody puts them to use" ls /usr/share/doc/wirecensus/examples/10-wirecensus-mirror.link
}

gone() {
    that "the program and its units are gone" none /usr/bin/wirecensus /usr/lib/systemd/system/wirecensus.service /usr/lib/sysusers.d/wirecensus.conf
    that "no unit is left enabled" is "$(find /etc/systemd -name 'wirecensus*' 2> /dev/null | wc -l)" 0
}

# The life of the package; $1 is an older one, $2 the one that is tried.
lives() {
    that "the older one is installed" apt_install "$1"
    echo '# changed by its owner' >> /etc/wirecensus/wirecensus.toml
    that "it is upgraded" apt_install "$2"
    that "what the owner changed in the configuration is kept" grep -q 'changed by its owner' /etc/wirecensus/wirecensus.toml
    that "and the package's lies beside it" ls /etc/wirecensus/wirecensus.toml.dpkg-dist
    rm /etc/wirecensus/wirecensus.toml.dpkg-dist
    mkdir -p /var/lib/wirecensus && touch /var/lib/wirecensus/kept.db
    that "it is removed" dpkg --remove wirecensus
    gone
    that "database and configuration are kept" ls /var/lib/wirecensus/kept.db /etc/wirecensus/wirecensus.toml
    that "it is purged" dpkg --purge wirecensus
    that "nothing of it is left but its users" none /var/lib/wirecensus /var/lib/wirecensus-registrar /var/lib/wirecensus-events /etc/wirecensus
    that "the user stays" getent passwd wirecensus
    that "it is installed again" apt_install "$2"
    installed
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends --allow-downgrades -o Dpkg::Options::=--force-confold "$1"; }

# In the bare system, which has no systemd.
bare() {
    that "there is no systemd here" none /usr/bin/systemctl /usr/bin/systemd-sysusers
    that "the package is installed with what it depends on" apt_install /try/new.deb
    installed
    that "it is purged at once" dpkg --purge wirecensus
    lives /try/old.deb /try/new.deb
    that "it is removed" dpkg --purge wirecensus
}

# Whether a unit is so: `systemctl show`.
shows() { is "$(systemctl show --value -p "$2" "$1")" "$3"; }
# What is to come within 20 s.
soon() { for _ in $(seq 100); do if "$@" > /tmp/deb-try.soon 2>&1; then return; fi; sleep 0.2; done; cat /tmp/deb-try.soon && return 1; }
main_pid() { systemctl show --value -p MainPID wirecensus; }
restarted() { systemctl is-active wirecensus && [ "$(main_pid)" != "$1" ]; }
status_says() { systemctl status --no-pager "$1" | tee /dev/stderr | grep -q -- "$2"; }
log_says() { journalctl --no-pager -u "$1" | tee /dev/stderr | grep -q -- "$2"; }
sent() { cat "/sys/class/net/$1/statistics/tx_packets"; }

# In the system whose PID 1 is systemd.
booted() {
    that "the package is installed" dpkg --install /try/new.deb
    installed
    that "nothing was started" is "$(systemctl is-active wirecensus wirecensus-events wirecensus-registrar wirecensus-propose.timer | sort -u)" inactive
    for unit in $units wirecensus-propose.timer; do
        that "systemd understands $unit" is "$(systemd-analyze verify --man=no "/usr/lib/systemd/system/$unit" 2>&1 | grep -c wirecensus)" 0
    done
    for unit in $units; do that "$unit is exposed by 2.0 at most" systemd-analyze security --offline=true --threshold=20 "$unit"; done
    mute
    sensor
    others
    that "it is removed while it runs" dpkg --remove wirecensus
    gone
    that "nothing of it runs" none /run/wirecensus
    that "it is purged" dpkg --purge wirecensus
    that "nothing of it is left but its users" none /var/lib/wirecensus /var/lib/wirecensus-registrar /var/lib/wirecensus-events
}

# The package's files for systemd-networkd, on a veth pair: what arrives at the other end is what the port sends.
mute() {
    ip link add plain0 type veth peer name switch1
    ip link set switch1 addrgenmode none arp off up && ip link set plain0 up
    cp /usr/share/doc/wirecensus/examples/10-wirecensus-mirror.* /etc/systemd/network/
    # A veth has no permanent address: the name that it is made with stands for it.
    sed -i 's/^PermanentMACAddress=.*/OriginalName=port7/' /etc/systemd/network/10-wirecensus-mirror.link
    # It looks for changed files every three seconds at most.
    systemctl restart systemd-udevd
    ip link add port7 type veth peer name switch0
    ip link set switch0 addrgenmode none arp off up
    that "the link file gives the port its name" soon ls -d /sys/class/net/mirror0
    # In a container it does not wait for systemd-udevd, as it does on a machine.
    systemctl start systemd-networkd
    that "the network file brings it up" soon sh -c "ip link show mirror0 | grep -q 'state UP'"
    # IPv6 looks for its address and for routers within these seconds.
    sleep 9
    that "a port that was just set up has sent $(sent plain0) packets" [ "$(sent plain0)" -gt 0 ]
    that "the mirrored port has sent none, and none arrived" is "$(sent mirror0) $(cat /sys/class/net/switch0/statistics/rx_packets)" "0 0"
    that "it has no address" is "$(ip -o addr show mirror0 | wc -l)" 0
    ip link set mirror0 down && sleep 1 && ip link set mirror0 up && sleep 9
    that "nor when it went down and came back" is "$(sent mirror0) $(cat /sys/class/net/switch0/statistics/rx_packets)" "0 0"
}

sensor() {
    printf 'db = "/var/lib/wirecensus/wirecensus.db"\nsite_key = "credential:site-key"\n[[interface]]\nname = "mirror0"\n' > /etc/wirecensus/wirecensus.toml
    that "without its key it does not start" sh -c '! systemctl start wirecensus'
    that "and says what is missing" log_says wirecensus 'credential:site-key'
    install -d -m 0700 /etc/credstore
    (umask 077 && head -c 32 /dev/urandom > /etc/credstore/wirecensus.site-key)
    that "with it in /etc/credstore it starts, and is ready" systemctl restart wirecensus
    that "systemd knows what it hears" soon status_says wirecensus 'listening on 1 of 1'
    that "it is not root" is "$(ps -o user= -p "$(systemctl show --value -p MainPID wirecensus)")" wirecensus
    that "its own filter of system calls holds as well" log_says wirecensus 'seccomp=true'
    if grep -q sys_landlock_create_ruleset /proc/kallsyms; then that "and so does Landlock" log_says wirecensus 'landlock="enforced"'; fi
    that "its database is for its group" soon mode /var/lib/wirecensus/wirecensus.db 640 wirecensus:wirecensus
    tcpreplay -q --pps 4000 -i switch0 /try/capture.pcap > /dev/null 2>&1
    that "what a peer sends is heard" soon sh -c "wirecensus status --db /var/lib/wirecensus/wirecensus.db | grep -E 'mirror0: [1-9]'"
    that "it sends signs of life" soon sh -c '[ "$(systemctl show --value -p WatchdogTimestampMonotonic wirecensus)" -gt 0 ]'
    sed -i 's/^\[\[interface/site = "north"\n&/' /etc/wirecensus/wirecensus.toml
    that "it reads its configuration again" systemctl reload wirecensus
    that "and says so" soon log_says wirecensus 'configuration'
    echo 'stie = "x"' >> /etc/wirecensus/wirecensus.toml
    systemctl reload wirecensus || true
    that "a broken configuration is told, and changes nothing" soon log_says wirecensus 'unknown key'
    sed -i '$d' /etc/wirecensus/wirecensus.toml
    that "it still runs" systemctl is-active wirecensus
    # A shorter patience than the unit's, and a daemon that stands still.
    mkdir -p /run/systemd/system/wirecensus.service.d && printf '[Service]\nWatchdogSec=4\n' > /run/systemd/system/wirecensus.service.d/try.conf
    systemctl daemon-reload && systemctl restart wirecensus
    local pid begun
    pid=$(main_pid) && kill -STOP "$pid"
    that "a daemon that stands still is started again by the watchdog" soon restarted "$pid"
    rm -r /run/systemd/system/wirecensus.service.d && systemctl daemon-reload
    pid=$(main_pid) && kill -KILL "$pid"
    that "and so is one that was killed" soon restarted "$pid"
    that "an upgrade" dpkg --install --force-confold /try/new.deb
    that "has it go on" soon status_says wirecensus 'listening on 1 of 1'
    tcpreplay -q --pps 4000 -i switch0 /try/capture.pcap > /dev/null 2>&1
    begun=$(date +%s%N)
    that "it stops" systemctl stop wirecensus
    that "within 5 s ($((($(date +%s%N) - begun) / 1000000)) ms), with success" shows wirecensus Result success
    [ $((($(date +%s%N) - begun) / 1000000000)) -lt 5 ] || wrong "it took longer"
    that "what it heard is in the database" sh -c "wirecensus devices --db /var/lib/wirecensus/wirecensus.db | grep ."
    that "and the port has sent nothing all the while" is "$(sent mirror0)" 0
    # There are router advertisements in what it heard: a port that listens to them has one from now on.
    that "nor has it got an address" is "$(ip -o addr show mirror0 | wc -l)" 0
    systemctl start wirecensus
}

others() {
    systemctl start wirecensus-registrar
    that "the registrar does not run without its configuration, and says so" soon log_says wirecensus-registrar 'wirecensus: /etc/wirecensus/registrar.toml: '
    systemctl stop wirecensus-registrar
    that "events start" systemctl start wirecensus-events
    that "and look at the sensor's database" soon mode /var/lib/wirecensus-events/events.db 600 wirecensus-events:wirecensus-events
    sleep 2
    that "and go on" systemctl is-active wirecensus-events
    systemctl enable --quiet wirecensus wirecensus-events wirecensus-propose.timer
    that "the proposals' timer starts" systemctl start wirecensus-propose.timer
}

host() {
    for tool in debootstrap systemd-nspawn dpkg-deb; do
        command -v "$tool" > /dev/null || { echo "SKIPPED: there is no $tool: apt-get install debootstrap systemd-container" && exit 0; }
    done
    [ "$(id -u)" = 0 ] || { echo "SKIPPED: this takes root" && exit 0; }
    local package=${1:-} base=${DEB_TRY_BASE:-/var/cache/wirecensus-deb-try}
    [ -n "$package" ] || package=$(scripts/deb.sh | tail -n 1)
    seen "$(basename "$package"), $(stat -c %s "$package") bytes"
    if command -v lintian > /dev/null; then
        that "lintian finds no error" lintian --fail-on error --tag-display-limit 0 "$package"
    else
        echo "SKIPPED: there is no lintian"
    fi
    work=$(mktemp -d)
    trap 'rm -rf --one-file-system "$work"' EXIT
    mkdir -p "$work/try" "$base"
    cp "$0" "$work/try/deb-try.sh" && cp "$package" "$work/try/new.deb" && cp pcaps/plant-and-office.pcap "$work/try/capture.pcap"
    older "$work/try/new.deb" "$work/try/old.deb"
    [ -d "$base/bare" ] || { debootstrap --variant=minbase bookworm "$base/new" > "$base/debootstrap.log" && mv "$base/new" "$base/bare"; }
    cp -a "$base/bare" "$work/bare" && resolves "$work/bare"
    that "the lists of packages are fetched" chroot "$work/bare" apt-get update -qq
    systemd-nspawn --quiet --register=no --keep-unit --directory="$work/bare" --bind-ro="$work/try:/try" /bin/bash /try/deb-try.sh bare
    boot
}

# An older version of a package, with another configuration: what an upgrade comes from.
older() {
    dpkg-deb --raw-extract "$1" "$work/old"
    sed -i 's/^Version: .*/Version: 0.0.1/' "$work/old/DEBIAN/control"
    echo '# of the older version' >> "$work/old/etc/wirecensus/wirecensus.toml"
    dpkg-deb --root-owner-group --build "$work/old" "$2" > /dev/null && rm -rf "$work/old"
}

# Lets a system at $1 find the mirror as this one does.
resolves() {
    cp -L /etc/resolv.conf "$1/etc/resolv.conf"
    cp -r /etc/apt/apt.conf.d/. "$1/etc/apt/apt.conf.d/"
}

# Boots a system of which systemd is PID 1, has it run the third part, and tells what that said.
boot() {
    if [ ! -d "$base/systemd" ]; then
        cp -a "$base/bare" "$base/new" && resolves "$base/new"
        chroot "$base/new" sh -ec "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
            systemd systemd-sysv udev dbus iproute2 procps adduser libpcap0.8 tcpreplay" > "$base/apt.log" 2>&1
        mv "$base/new" "$base/systemd"
    fi
    local root=$work/systemd
    cp -a "$base/systemd" "$root"
    cat > "$root/etc/systemd/system/deb-try.service" << 'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/bash /try/deb-try.sh booted
StandardOutput=append:/deb-try.said
ExecStopPost=/bin/sh -c 'echo $EXIT_STATUS > /deb-try.status; systemctl poweroff --no-block'
UNIT
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -s ../deb-try.service "$root/etc/systemd/system/multi-user.target.wants/"
    # systemd-udevd gives ports their names, and can without the right to write to /sys, for which it asks.
    mkdir "$root/etc/systemd/system/systemd-udevd.service.d"
    printf '[Unit]\nConditionPathIsReadWrite=\n' > "$root/etc/systemd/system/systemd-udevd.service.d/try.conf"
    SYSTEMD_NSPAWN_API_VFS_WRITABLE=network timeout 600 systemd-nspawn --quiet --register=no --keep-unit --directory="$root" \
        --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
        --bind-ro="$work/try:/try" --private-network --boot > "$work/console" 2>&1 < /dev/null || true
    cat "$root/deb-try.said" 2> /dev/null || { tail -n 20 "$work/console" && wrong "systemd did not start"; }
    [ "$(cat "$root/deb-try.status" 2> /dev/null)" = 0 ] || wrong "not all was tried"
}

case ${1:-} in
    bare | booted) "$1" ;;
    *) cd "$(dirname "$0")/.." && host "$@" ;;
esac
