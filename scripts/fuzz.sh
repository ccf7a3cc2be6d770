#!/usr/bin/env bash
# Runs both fuzz targets, each for FUZZ_SECONDS, from the captures of pcaps/ on. What they find lies in dissectors/fuzz/artifacts/.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh fuzz > /dev/null
if ! cargo +nightly --version > /dev/null 2>&1; then
    echo "libFuzzer needs a nightly compiler: rustup toolchain install nightly --profile minimal" >&2
    exit 1
fi
# shellcheck source=scripts/tools.sh
source scripts/tools.sh cargo-fuzz

python3 dissectors/fuzz/seeds.py
for target in registry engine; do
    # A PDU is read in microseconds; what takes ten seconds is a loop. The engine's tables are of a fixed size.
    cargo +nightly fuzz run --fuzz-dir dissectors/fuzz "$target" -- \
        -max_total_time="${FUZZ_SECONDS:-600}" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
