#!/usr/bin/env bash
# Checks the four kinds of HTML page that the program writes: the report of a run, of a tagger, of an
# experiment, and predictions. The Nu checker reads them; Chromium opens them 1280 and 380 pixels wide,
# light and dark, where axe looks for barriers, nothing may be wider than the window, text of drawings
# has to be at least 9 pixels high, and a picture of each is kept.
#
# Needs Node.js; on Debian it installs chromium and a Java runtime if they are not there. The release
# binary or another that ELECTRA names makes the pages, from a run of `electra demo`.
#
#   scripts/check-pages.sh [DEMO]        DEMO is runs/demo unless it is named, and made if it is not there
set -euo pipefail
cd "$(dirname "$0")/.."
demo=${1:-runs/demo}
electra=${ELECTRA:-${CARGO_TARGET_DIR:-target}/release/electra}
out=${CARGO_TARGET_DIR:-target}/pages
mkdir -p "$out"

command -v node > /dev/null || { echo "check-pages: needs Node.js 20 or later" >&2; exit 1; }
if ! command -v chromium > /dev/null || ! command -v java > /dev/null; then
    apt-get update
    apt-get install -y --no-install-recommends chromium default-jre-headless fonts-dejavu-core
fi
# Versions are fixed: a newer axe may know rules that the pages were not made for.
npm install --silent --no-save --prefix "$out" puppeteer-core@25.16.0 axe-core@4.14.1 vnu-jar@26.9.27

[ -f "$demo/tagger/summary.json" ] || "$electra" demo --out "$demo"
"$electra" report "$demo/run"
"$electra" report "$demo/tagger"
cp "$demo/run/report.html" "$out/run.html"
cp "$demo"/tagger/seed-*/report.html "$out/tagger.html"
"$electra" compare experiments/001-* --html "$out/experiment.html" > /dev/null
"$electra" predict --model "$demo/tagger/best" --format html --out "$out/predictions.html" README.md

java -jar "$out/node_modules/vnu-jar/build/dist/vnu.jar" --also-check-css "$out"/*.html
NODE_PATH=$out/node_modules node scripts/reference/pages.cjs "$out"/*.html
