#!/usr/bin/env bash
# Installs the named cargo tools into target/tools, in the versions of this file. `source` it for their folder in PATH.
#
#   scripts/tools.sh cargo-deny cargo-machete

# One version for everybody: what is reported depends on it.
version_of() {
    case $1 in
        cargo-deny) echo 0.20.2 ;;
        cargo-machete) echo 0.9.2 ;;
        cargo-deb) echo 3.8.0 ;;
        cargo-fuzz) echo 0.13.2 ;;
        *) echo "scripts/tools.sh: no version of $1" >&2 && return 1 ;;
    esac
}

tools=${CARGO_TARGET_DIR:-$PWD/target}/tools
export PATH="$tools/bin:$PATH"

for tool in "$@"; do
    version=$(version_of "$tool")
    if ! grep -qs "^\"$tool $version " "$tools/.crates.toml"; then
        echo "installing $tool $version" >&2
        # Built to be used for seconds: little optimisation saves minutes.
        CARGO_TARGET_DIR=$tools/build CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
            cargo install --quiet --locked --root "$tools" --version "$version" "$tool" < /dev/null && rm -rf "$tools/build"
    fi
done
