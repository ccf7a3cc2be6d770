#!/usr/bin/env bash
# Everything that CI checks, one step after the other; stops at the first that fails.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
    printf '\n── %s (%d s so far)\n' "$1" $SECONDS
}

features=$(scripts/setup.sh check)
# shellcheck disable=SC2206 # none or one option
features=($features)

step format
cargo fmt --all --check

step clippy
cargo clippy --workspace --all-targets --locked "${features[@]}" -- -D warnings

step tests
cargo test --workspace --locked "${features[@]}"

step "the library without what the daemon adds"
cargo check --locked -p dissectors

step documentation
RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked "${features[@]}"

step evidence
python3 tests/evidence.py --self-test
python3 tests/schema.py --self-test
cargo build --locked "${features[@]}" --package daemon
scripts/evidence.sh "${CARGO_TARGET_DIR:-target}/debug/wirecensus"

step "unused dependencies"
# shellcheck source=scripts/tools.sh
source scripts/tools.sh cargo-machete
cargo machete --with-metadata

step "licences, sources, bans"
source scripts/tools.sh cargo-deny
cargo deny --all-features --locked check --hide-inclusion-graph licenses sources bans

step advisories
# The database of RustSec lies in a git repository, which not every machine can reach.
if timeout 120 cargo deny --all-features --locked fetch db < /dev/null > /dev/null 2>&1; then
    cargo deny --all-features --locked check --disable-fetch advisories
elif compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*/crates" > /dev/null; then
    echo "the database could not be brought up to date: checked against the copy at hand"
    cargo deny --all-features --locked check --disable-fetch advisories
else
    echo "NOT CHECKED: the database of advisories cannot be reached from here, and there is no copy of it"
fi

printf '\nall checks passed in %d s\n' $SECONDS
