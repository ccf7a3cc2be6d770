#!/bin/bash
# One end of a WireGuard tunnel: wireguard_peer.sh FOLDER OWN PEER ADDRESS [ENDPOINT]. Stack: wireguard-go. Keys are made in FOLDER.
set -eu
cd "$1"
for name in "$2" "$3"; do
    # the end that comes first makes both keys
    (set -C; umask 077; : >"wg-$name.lock") 2>/dev/null && wg genkey >"wg-$name.key"
done
sleep 0.5
wireguard-go -f wg0 &
sleep 1
wg set wg0 listen-port 51820 private-key "wg-$2.key" peer "$(wg pubkey <"wg-$3.key")" allowed-ips 10.67.0.0/24 persistent-keepalive 2 ${5:+endpoint "$5"}
ip addr add "$4/24" dev wg0
ip link set wg0 up
wait
