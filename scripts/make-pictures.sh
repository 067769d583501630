#!/usr/bin/env bash
# Makes the pictures of the README, docs/pictures/detect.svg and report.svg, from a run of `electra demo`:
# minutes, or seconds where the folder holds one that is finished. Needs the release binary and python3.
#
#   scripts/make-pictures.sh [DEMO]        DEMO is runs/demo unless it is named
set -euo pipefail
cd "$(dirname "$0")/.."
demo=${1:-runs/demo}
electra=${ELECTRA:-target/release/electra}
sentence="The president of the bread spoke to congress."
tokens=$(mktemp)
trap 'rm -f "$tokens"' EXIT

[ -f "$demo/tagger/summary.json" ] || "$electra" demo --out "$demo"
"$electra" detect --model "$demo/run" --json "$sentence" > "$tokens"
"$electra" report "$demo/run"
mkdir -p docs/pictures
python3 scripts/reference/pictures.py detect "$tokens" "$sentence" > docs/pictures/detect.svg
python3 scripts/reference/pictures.py report "$demo/run/report.html" > docs/pictures/report.svg
ls -l docs/pictures
