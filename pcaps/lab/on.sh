#!/bin/sh
# on.sh DEVICE COMMAND…: run a command on a device of the lab, under its own host name and with a /run of its own
# (several copies of one daemon would fight for the same pid file otherwise)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
device=$1; shift
name=$(awk -F'\t' -v d="$device" '$1==d{print $4}' "$here/hosts.tsv")
exec ip netns exec "wcl-$device" unshare --uts --mount sh -c '
    hostname "$0"; mount -t tmpfs none /run
    mkdir -m 755 /run/sshd /run/avahi-daemon /run/lldpd /run/samba
    exec "$@"' "${name:-$device}" "$@"
