#!/bin/bash
# An SNMP agent: snmp_agent.sh STATE_FOLDER COMMUNITY SYSDESCR SYSOBJECTID SYSNAME SYSLOCATION. Stack: net-snmp.
set -eu
mkdir -p "$1"
cat >"$1/snmpd.conf" <<C
agentAddress udp:161
rocommunity $2
sysDescr $3
sysObjectID $4
sysName $5
sysLocation $6
C
export SNMP_PERSISTENT_DIR=$1
exec snmpd -f -Lo -C -c "$1/snmpd.conf" -p /run/snmpd.pid
