#!/bin/sh
# on.sh DEVICE COMMAND…: run a command on a device of the lab, under its own host name and with a /run of its own
# (several copies of one daemon would fight for the same pid file otherwise)
set -eu
device=$1; shift
exec ip netns exec "wcl-$device" unshare --uts --mount sh -c '
    hostname "$(cat /etc/hostname)"; mount -t tmpfs none /run
    mkdir -m 755 /run/sshd /run/avahi-daemon /run/lldpd /run/samba
    exec "$@"' sh "$@"
