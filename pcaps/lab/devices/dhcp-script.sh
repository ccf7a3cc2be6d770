#!/bin/sh
# What udhcpc and dhclient call when a lease arrives: takes the address, touches nothing else of the host
PATH=/usr/sbin:/sbin:/usr/bin:/bin
case ${1:-$reason} in
bound|renew)
    ip addr replace "$ip/${mask:-24}" brd + dev "$interface"
    [ -n "${router:-}" ] && ip route replace default via "${router%% *}" ;;
BOUND|RENEW|REBIND)
    ip addr replace "$new_ip_address/24" brd + dev "$interface"
    [ -n "${new_routers:-}" ] && ip route replace default via "${new_routers%% *}" ;;
BOUND6|RENEW6) ip -6 addr replace "$new_ip6_address/128" dev "$interface" ;;
PREINIT|PREINIT6) ip link set "$interface" up ;;
esac
exit 0
