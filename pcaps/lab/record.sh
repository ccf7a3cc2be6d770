#!/bin/sh
# record.sh [SCENARIO…]: record the captures of this folder again, all of them or those named. Root, after setup.sh.
set -eu
[ "$(id -u)" = 0 ] || { echo "record.sh needs root: it makes network namespaces" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
[ -x "${WIRECENSUS_LAB:-/tmp/wclab}/venv/bin/python" ] || { echo "run setup.sh first" >&2; exit 1; }
PYTHONDONTWRITEBYTECODE=1 exec python3 "$here/run.py" "$@"
