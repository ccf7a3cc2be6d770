#!/bin/bash
# A router: routing_daemons.sh CONFIGURATION DAEMON…. Stack: FRRouting. Its configuration is one file, as vtysh writes it.
set -eu
configuration=$1; shift
mkdir -p /run/frr
cp "$configuration" /run/frr.conf
chown -R frr:frr /run/frr /run/frr.conf
for daemon in zebra "$@"; do
    /usr/lib/frr/"$daemon" -f /run/frr.conf -i /run/frr/"$daemon".pid -z /run/frr/zserv.api --vty_socket /run/frr -u frr -g frr -A 127.0.0.1 &
    sleep 0.5
done
wait
