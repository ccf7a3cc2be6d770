#!/usr/bin/env bash
# Reads every capture of pcaps/ with a built wirecensus and holds the documents against the schema, the captures and the lab's secrets.
#
#   scripts/evidence.sh path/to/wirecensus
set -euo pipefail
cd "$(dirname "$0")/.."
wirecensus=$1

documents=$(mktemp -d)
trap 'rm -rf "$documents"' EXIT
facts=0
failed=0
while IFS= read -r capture; do
    document=$documents/$(tr / _ <<< "${capture%.pcap}").json
    "$wirecensus" replay "$capture" --format json --output "$document" 2> /dev/null
    if said=$(python3 tests/evidence.py "$document" "$capture"); then
        facts=$((facts + $(tail -n 1 <<< "$said" | cut -d ' ' -f 1)))
    else
        failed=1
        printf '%s\n%s\n' "$capture" "$said"
    fi
done < <(find pcaps -name '*.pcap' | sort)

python3 tests/schema.py "$documents"/*.json || failed=1
# Every secret of the lab begins alike, in clear and in base64: pcaps/lab/README.md.
if grep -l -e LABSECRET -e TEFCU0VDUkVU -e 4c4142534543524554 "$documents"/*.json; then
    echo "a secret of the lab stands in these documents"
    failed=1
fi
echo "$facts facts followed to their bytes"
exit $failed
