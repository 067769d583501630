#!/usr/bin/env bash
# Checks the page of `electra serve`: the Nu checker reads its HTML and CSS; Chromium opens it 1280 and 380
# pixels wide, light and dark, where every control is used, by pointer and by keyboard, axe looks for
# barriers, nothing may be wider than the window, nothing may be fetched from elsewhere, and pictures are
# kept.
#
# Needs Node.js; on Debian it installs chromium and a Java runtime if they are not there. ELECTRA names
# another binary than the release one.
#
#   scripts/check-page.sh TAGGER DETECTOR      folders of a tagger and of a pretrained run
set -euo pipefail
cd "$(dirname "$0")/.."
tagger=${1:?a folder of a tagger} detector=${2:?a folder of a pretrained run}
electra=${ELECTRA:-${CARGO_TARGET_DIR:-target}/release/electra}
out=${CARGO_TARGET_DIR:-target}/page
mkdir -p "$out"

command -v node > /dev/null || { echo "check-page: needs Node.js 20 or later" >&2; exit 1; }
if ! command -v chromium > /dev/null || ! command -v java > /dev/null; then
    apt-get update
    apt-get install -y --no-install-recommends chromium default-jre-headless fonts-dejavu-core fonts-noto-core fonts-noto-color-emoji
fi
# Versions are fixed: a newer axe may know rules that the page was not made for.
npm install --silent --no-save --prefix "$out" playwright-core@1.65.1 axe-core@4.14.1 vnu-jar@26.9.27

page=crates/electra-serve/page
java -jar "$out/node_modules/vnu-jar/build/dist/vnu.jar" --Werror "$page/index.html"
java -jar "$out/node_modules/vnu-jar/build/dist/vnu.jar" --Werror --css "$page/page.css"

# Started in this shell, so that the process is its child.
start() {
    : > "$out/address"
    "$electra" serve --listen 127.0.0.1:0 "$@" > "$out/address" 2> "$out/log" &
    pids+=($!)
    until grep -q '^listening on ' "$out/address"; do
        kill -0 "${pids[-1]}" || { cat "$out/log" >&2; exit 1; }
        sleep 0.1
    done
    address=$(sed 's/^listening on //' "$out/address")
}
pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true' EXIT

start --model "names=$tagger" --model "again=$tagger" --detector "$detector"
NODE_PATH=$out/node_modules node scripts/reference/page.cjs all "$address" "$out"
start --model "$tagger"
NODE_PATH=$out/node_modules node scripts/reference/page.cjs tagger "$address" "$out"
export ELECTRA_SERVE_TOKEN=0123456789abcdef0123456789abcdef
start --model "$tagger"
NODE_PATH=$out/node_modules node scripts/reference/page.cjs token "$address" "$out"
echo "check-page: nothing found; pictures are in $out"
