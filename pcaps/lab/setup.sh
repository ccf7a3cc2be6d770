#!/bin/sh
# Installs what the lab needs on Debian 12: packages from apt, Python stacks into a venv under the lab's work folder.
# Run as root. No package may start a service on the host: policy-rc.d says no while they are installed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${WIRECENSUS_LAB:-/tmp/wclab}
mkdir -p "$work"

if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update
# wireshark-common asks whether non-root users may capture; noninteractive leaves that off
xargs apt-get install -y --no-install-recommends <"$here/packages.txt"

[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet -r "$here/requirements.txt"
echo "lab software is in place; work folder: $work"
