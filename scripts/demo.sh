#!/usr/bin/env bash
# Builds wirecensus, reads one of our captures with it, and says what to try next.
set -euo pipefail
cd "$(dirname "$0")/.."
capture=${1:-pcaps/plant-and-office.pcap}
binary=${CARGO_TARGET_DIR:-target}/release/wirecensus

features=$(scripts/setup.sh build)
# shellcheck disable=SC2086 # none or one option
"${CARGO:-cargo}" build --release --locked --package daemon $features
"$binary" replay "$capture"

cat << END

Next:
  $binary explain 10.77.0.12 --db demo.db      why it says so, down to the bytes (after the line below)
  $binary replay $capture --db demo.db         keep what was said
  $binary replay $capture --format json        the whole inventory, for programs
  $binary replay YOUR.pcap                     your own capture: pcap or pcapng, also .gz, .xz, .zst
END
