#!/usr/bin/env bash
# Builds the Debian package into target/debian/, and looks whether it holds what it should.
set -euo pipefail
cd "$(dirname "$0")/.."
features=$(scripts/setup.sh build)
if [ -n "$features" ]; then
    echo "the package needs libpcap-dev: without it there is no live capture" >&2
    exit 1
fi
# shellcheck source=scripts/tools.sh
source scripts/tools.sh cargo-deb
"${CARGO:-cargo}" build --release --locked --package daemon
package=$(cargo deb --package daemon --no-build --quiet)

# A package that lost its unit or its user would be found out on somebody's machine.
held=$(dpkg-deb --contents "$package")
for file in ./usr/bin/wirecensus ./usr/lib/systemd/system/wirecensus.service ./usr/lib/sysusers.d/wirecensus.conf ./usr/lib/systemd/system/wirecensus-events.service ./etc/wirecensus/wirecensus.toml; do
    grep -q " $file\$" <<< "$held" || { echo "$package lacks $file" >&2 && exit 1; }
done
dpkg-deb --field "$package" Package Version Depends
echo "$package"
