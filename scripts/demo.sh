#!/usr/bin/env bash
# Builds wirecensus, reads one of our captures with it, and says what to try next.
set -euo pipefail
cd "$(dirname "$0")/.."
capture=${1:-pcaps/plant-and-office.pcap}
binary=${CARGO_TARGET_DIR:-target}/quick/wirecensus

features=$(scripts/setup.sh build)
# shellcheck disable=SC2086 # none or one option
"${CARGO:-cargo}" build --profile quick --locked --package daemon $features
"$binary" replay "$capture"

printf '\nNext:\n'
if "$binary" help explain > /dev/null 2>&1; then
    echo "  $binary explain --help                       why it says so, of a device or one of its attributes, down to the bytes"
fi
echo "  $binary replay $capture --format json"
echo "                                                          the whole inventory, for programs"
echo "  $binary replay YOUR.pcap            your own capture: pcap or pcapng, plain, .gz, .xz or .zst"
