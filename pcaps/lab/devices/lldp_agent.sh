#!/bin/bash
# An LLDP agent: lldp_agent.sh SYSNAME SYSDESCR CAPABILITIES CARDS MODEL [OPTION…]. Stack: lldpd; options are lldpd's own.
# MODEL: the platform that CDP names; of end stations MAKER,MODEL,FIRMWARE,SERIAL, their inventory (LLDP-MED).
set -eu
printf 'configure system hostname %s\nconfigure system description "%s"\nconfigure system capabilities enabled %s\n' "$1" "$2" "$3" >/run/lldpd.conf
IFS=, read -r maker model firmware serial <<<"$5"
if [ -n "$serial" ]; then
    printf 'configure inventory %s "%s"\n' manufacturer "$maker" model "$model" hardware-revision "1.0" firmware-revision "$firmware" \
        software-revision "$firmware" serial-number "$serial" >>/run/lldpd.conf
else
    printf 'configure system platform "%s"\n' "$5" >>/run/lldpd.conf
fi
cards=$4; shift 5
exec lldpd -d -I "$cards" -O /run/lldpd.conf "$@"
