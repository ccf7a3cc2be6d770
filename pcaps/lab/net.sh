#!/bin/bash
# net.sh up [--dark] | down | list
# One namespace per device of hosts.tsv, one "switch" namespace whose bridge joins them, and a sensor namespace behind
# a mirror port: every frame that enters the switch is copied there once, as a SPAN port does. Nothing leaves the host:
# no namespace has a link to the host's own network.
# --dark leaves the devices' links down and unaddressed, for recordings that want to see them start up.
set -u
here=$(cd "$(dirname "$0")" && pwd)
N=wcl                       # prefix of every namespace
SW=$N-switch SENSOR=$N-sensor

hosts() { grep -v '^#' "$here/hosts.tsv"; }

up() {
    ip netns add $SW
    ip -n $SW link set lo up
    ip -n $SW link add br0 type bridge forward_delay 0 stp_state 0
    ip -n $SW link set br0 addrgenmode none up
    ip netns add $SENSOR
    # neither the switch nor the sensor may take an address from the router advertisements they see
    for ns in $SW $SENSOR; do
        ip netns exec $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    done
    ip -n $SENSOR link set lo up
    ip -n $SW link add span0 type veth peer name mon0 netns $SENSOR
    ip -n $SW link set span0 addrgenmode none mtu 1600 up
    ip -n $SENSOR link set mon0 addrgenmode none mtu 1600
    ip -n $SENSOR link set mon0 up promisc on

    hosts | while IFS=$'\t' read -r name octet mac hostname address _; do
        ns=$N-$name
        ip netns add $ns
        ip -n $ns link set lo up
        ip -n $SW link add p$octet type veth peer name eth0 netns $ns
        ip -n $ns link set eth0 address $mac
        # partial checksums would make most captured segments look damaged; the namespace's eth0 only
        ip netns exec $ns ethtool -K eth0 tx off rx off sg off tso off gso off gro off >/dev/null 2>&1
        ip netns exec $ns sysctl -qw net.ipv4.conf.eth0.arp_notify=1 net.ipv4.ip_unprivileged_port_start=0 2>/dev/null
        ip -n $SW link set p$octet address 00:1b:0d:0a:01:$(printf %02d $octet)
        ip -n $SW link set p$octet addrgenmode none master br0 up
        # the kernel at hand lacks cls_matchall: u32 with an empty mask matches everything
        ip netns exec $SW tc qdisc add dev p$octet clsact
        ip netns exec $SW tc filter add dev p$octet ingress protocol all u32 match u32 0 0 \
            action mirred egress mirror dev span0
        # what the switch itself says on a port: 802.1X only, everything else was seen when it came in
        ip netns exec $SW tc filter add dev p$octet egress protocol 0x888e u32 match u32 0 0 \
            action mirred egress mirror dev span0
        mkdir -p /etc/netns/$ns
        printf 'search plant.example\nnameserver 10.77.0.20\noptions timeout:1 attempts:1\n' >/etc/netns/$ns/resolv.conf
    done

    # the far side of the router: one remote terminal unit on its own cable, not mirrored
    ip netns add $N-remote
    ip -n $N-remote link set lo up
    ip -n $N-gw link add eth1 type veth peer name eth0 netns $N-remote
    ip -n $N-remote link set eth0 address 00:30:de:0b:00:30
    for h in gw:eth1 remote:eth0; do
        ip netns exec $N-${h%:*} ethtool -K ${h#*:} tx off rx off sg off tso off gso off gro off >/dev/null 2>&1
    done
    ip netns exec $N-gw sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
        net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
    ip -n $N-gw addr add 10.78.0.1/24 brd + dev eth1
    ip -n $N-gw link set eth1 up
    ip -n $N-remote addr add 10.78.0.30/24 brd + dev eth0
    ip -n $N-remote link set eth0 up
    ip -n $N-remote route add default via 10.78.0.1

    # the managed switch is a bridge with spanning tree on, its one port is the cable to our switch
    ip -n $N-sw link add br0 type bridge forward_delay 200 hello_time 200 stp_state 1 priority 4096

    [ "${1:-}" = --dark ] || hosts | while IFS=$'\t' read -r name _; do power "$name" static; done
}

# power NAME [static]: link up, and the static address unless the device asks DHCP for one
power() {
    local line name octet mac hostname address dev=eth0
    line=$(hosts | grep -P "^$1\t") || { echo "no such device: $1" >&2; return 1; }
    IFS=$'\t' read -r name octet mac hostname address _ <<<"$line"
    local ns=$N-$name
    if [ $name = sw ]; then
        dev=br0
        ip netns exec $ns sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
        ip -n $ns link set eth0 master br0
        ip -n $ns link set eth0 addrgenmode none up
        ip -n $ns link set br0 address $mac
    fi
    [ "$address" = dhcp ] && [ "${2:-}" != static ] ||
        ip -n $ns addr add 10.77.0.$octet/24 brd + dev $dev
    [ $name = srv ] && ip -n $ns addr add fd00:77::20/64 dev $dev
    [ $name = gw ] && ip -n $ns addr add fd00:77::1/64 dev $dev
    ip -n $ns link set $dev up
    ip -n $ns route add 224.0.0.0/4 dev $dev
    [ $name = gw ] || ip -n $ns route add default via 10.77.0.1 2>/dev/null
    return 0
}

down() {
    for ns in $(ip netns list | awk '{print $1}' | grep "^$N-"); do
        for pid in $(ip netns pids $ns 2>/dev/null); do kill -9 $pid 2>/dev/null; done
        ip netns del $ns
        rm -rf /etc/netns/$ns
    done
}

case ${1:-} in
    up) up ${2:-} ;;
    power) power "$2" ${3:-} ;;
    down) down ;;
    list) hosts ;;
    *) sed -n 2,3p "$0"; exit 2 ;;
esac
