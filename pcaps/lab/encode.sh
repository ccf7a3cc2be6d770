#!/bin/sh
# encode.sh [PROTOCOL…]: write again the captures that are built and not recorded, all of them or those named. Needs Python 3 and no root.
set -eu
cd "$(dirname "$0")/encode"
[ $# -gt 0 ] || set -- $(ls | sed -n 's/\.py$//p' | grep -vxE "wire|ber|aes")
for protocol; do
    echo "$protocol"
    PYTHONDONTWRITEBYTECODE=1 python3 "$protocol.py"
done
