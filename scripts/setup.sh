#!/usr/bin/env bash
# Installs what the build needs on Debian and its relatives, if it is not there and if we may.
#
#   scripts/setup.sh build    a C compiler, pkg-config, libpcap's header and library
#   scripts/setup.sh check    the same, and make, git and Python 3
#   scripts/setup.sh fuzz     the same as build, and a C++ compiler and Python 3
#
# Messages go to stderr. stdout gives the options for cargo: nothing, or `--no-default-features` where libpcap cannot be had: then live
# capture is left out, and everything that reads files is there.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

links_pcap() { printf 'int main(void) { return 0; }' | cc -x c - -lpcap -o /dev/null 2> /dev/null; }

packages=()
command -v cc > /dev/null || packages+=(gcc libc6-dev)
command -v pkg-config > /dev/null || packages+=(pkg-config)
{ command -v cc > /dev/null && links_pcap; } || packages+=(libpcap-dev)
if [ "${1:-build}" = check ]; then
    for program in make git python3; do
        command -v "$program" > /dev/null || packages+=("$program")
    done
    python3 -c 'import ensurepip' 2> /dev/null || packages+=(python3-venv)
elif [ "${1:-build}" = fuzz ]; then
    command -v c++ > /dev/null || packages+=(g++)
    command -v python3 > /dev/null || packages+=(python3)
fi

if ((${#packages[@]} > 0)); then
    as_root=()
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo -n)
    fi
    if ! command -v apt-get > /dev/null; then
        say "not installed, as there is no apt-get here: ${packages[*]} (or what your system calls them)"
    elif [ "$(id -u)" != 0 ] && ! sudo -n true 2> /dev/null; then
        say "not installed, as it takes root: sudo apt-get install ${packages[*]}"
    else
        say "installing ${packages[*]}"
        export DEBIAN_FRONTEND=noninteractive
        install=("${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}")
        # Fresh machines have no package lists yet; with lists an update would only cost time.
        "${install[@]}" >&2 2> /dev/null < /dev/null || { "${as_root[@]}" apt-get update -qq >&2 < /dev/null && "${install[@]}" >&2 < /dev/null; } ||
            say "apt-get could not install all of: ${packages[*]}"
    fi
fi

if ! command -v cc > /dev/null; then
    say "A C compiler is needed, by Rust's linker and by two libraries: sudo apt-get install gcc libc6-dev"
    exit 1
fi
if ! links_pcap; then
    say "libpcap is not there: building without live capture (cargo build --release --no-default-features); captures in files are read all the same."
    say "For live capture: sudo apt-get install libpcap-dev"
    echo --no-default-features
fi
