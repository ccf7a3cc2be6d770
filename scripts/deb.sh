#!/usr/bin/env bash
# Builds the Debian package into target/debian/, and looks whether it holds what it should. PROFILE=quick packs a binary that was built
# without the minutes that link-time optimisation takes: to try the package, not to give it away.
set -euo pipefail
cd "$(dirname "$0")/.."
features=$(scripts/setup.sh build)
if [ -n "$features" ]; then
    echo "the package needs libpcap-dev: without it there is no live capture" >&2
    exit 1
fi
# shellcheck source=scripts/tools.sh
source scripts/tools.sh cargo-deb
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
grep -q "^wirecensus ($version-" systemd/deb/changelog || { echo "systemd/deb/changelog does not begin with $version" >&2 && exit 1; }
profile=${PROFILE:-release}
"${CARGO:-cargo}" build --profile "$profile" --locked --package daemon --bin wirecensus >&2
package=$(cargo deb --package daemon --profile "$profile" --no-build --strip --quiet)

# A package that lost its unit or its user would be found out on somebody's machine.
held=$(dpkg-deb --contents "$package")
files=(usr/bin/wirecensus etc/wirecensus/wirecensus.toml)
for unit in systemd/*.service systemd/*.timer; do files+=("usr/lib/systemd/system/${unit#systemd/}"); done
for users in systemd/*.sysusers.conf; do users=${users#systemd/} && files+=("usr/lib/sysusers.d/${users/.sysusers/}"); done
for example in systemd/10-*; do files+=("usr/share/doc/wirecensus/examples/${example#systemd/}"); done
for file in "${files[@]}"; do
    grep -q " \./$file\$" <<< "$held" || { echo "$package lacks $file" >&2 && exit 1; }
done
dpkg-deb --field "$package" Package Version Depends >&2
echo "$package"
