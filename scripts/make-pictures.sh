#!/usr/bin/env bash
# Makes the pictures of the README, docs/pictures/detect.svg and report.svg, from a run of `electra demo`:
# minutes, or seconds where the folder holds one that is finished. Needs python3, and the release binary or
# another that ELECTRA names.
#
#   scripts/make-pictures.sh [DEMO]        DEMO is runs/demo unless it is named
set -euo pipefail
cd "$(dirname "$0")/.."
demo=${1:-runs/demo}
electra=${ELECTRA:-target/release/electra}
# A sentence with one word that does not belong, and one of the held-out text in which the demo swaps words.
sentences=(
    "The president of the bread has sent a message to congress."
    "All Americans are united social the Venezuelan people in their struggle."
)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[ -f "$demo/tagger/summary.json" ] || "$electra" demo --out "$demo"
arguments=()
for sentence in "${sentences[@]}"; do
    tokens=$work/${#arguments[@]}.jsonl
    "$electra" detect --model "$demo/run" --json "$sentence" > "$tokens"
    arguments+=("$sentence" "$tokens")
done
"$electra" report "$demo/run"
mkdir -p docs/pictures
python3 scripts/reference/pictures.py detect "${arguments[@]}" > docs/pictures/detect.svg
python3 scripts/reference/pictures.py report "$demo/run/report.html" > docs/pictures/report.svg
ls -l docs/pictures
