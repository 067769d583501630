#!/usr/bin/env bash
# Checks `electra serve` under load and faults, on loopback, in a folder and a Python environment of its own:
# a thousand connections at once, slow writers and readers, heads and bodies cut short, malformed JSON by the
# thousand, generated requests against /openapi.json (schemathesis), minutes at 80 % of what it can do with
# its memory watched, 200 reloads with flat memory, kill -9 and restart, no file descriptors left, standard error on a full disk, a clock
# that is set back.
#
# Needs Python 3.11 and its venv. ELECTRA names another binary than the release one. Times are of this
# machine while nothing else runs on it.
#
#   scripts/check-service.sh TAGGER DETECTOR [MINUTES]      folders of a tagger and of a pretrained run; 10 minutes of load
set -euo pipefail
cd "$(dirname "$0")/.."
tagger=$(realpath "${1:?a folder of a tagger}") detector=$(realpath "${2:?a folder of a pretrained run}") minutes=${3:-10}
electra=$(realpath "${ELECTRA:-${CARGO_TARGET_DIR:-target}/release/electra}")
out=${CARGO_TARGET_DIR:-target}/service
mkdir -p "$out"
out=$(realpath "$out")

[ -x "$out/venv/bin/schemathesis" ] || {
    python3 -m venv "$out/venv"
    "$out/venv/bin/pip" install --quiet schemathesis==4.32.5 huggingface_hub==2.4.0
}

pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true' EXIT
# Started in this shell, so that the process is its child; its standard error goes to $log.
log=$out/log
start() {
    : > "$out/address"
    "$electra" serve --model "$tagger" --detector "$detector" "$@" > "$out/address" 2> "$log" &
    pid=$!
    pids+=("$pid")
    until grep -q '^listening on ' "$out/address"; do
        kill -0 "$pid" || { cat "$log" >&2; exit 1; }
        sleep 0.01
    done
    address=$(sed 's,^listening on http://,,' "$out/address")
}
load() { python3 scripts/reference/service_load.py "$@"; }

echo "== faults"
start --listen 127.0.0.1:0
load thousand "$address"
load slow "$address"
load cut "$address"
load malformed "$address"
echo "== generated requests"
"$out/venv/bin/schemathesis" run "http://$address/openapi.json" --url "http://$address" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --max-examples 200 --workers 4 --seed 1 > "$out/schemathesis.log" 2>&1 ||
    { tail -60 "$out/schemathesis.log"; exit 1; }
tail -3 "$out/schemathesis.log"
echo "== the client of the Hugging Face hub"
"$out/venv/bin/python" scripts/reference/service_hub.py "$address"
echo "== $minutes minutes at 80 % of the load that it bears"
load steady "$address" "$pid" "$minutes"

echo "== 200 reloads"
load reloads "$address" "$pid" 200

echo "== kill -9 and restart"
port=${address##*:}
kill -9 "$pid"
wait "$pid" 2> /dev/null || true
begin=$(date +%s%N)
start --listen "127.0.0.1:$port"
load ready "$address"
echo "ready $(( ($(date +%s%N) - begin) / 1000000 )) ms after it was started again"
kill "$pid" && wait "$pid"

echo "== no file descriptors left"
(ulimit -n 48 && exec "$electra" serve --model "$tagger" --listen "127.0.0.1:$port" > "$out/address" 2> "$log") &
pid=$!
pids+=("$pid")
until grep -q '^listening on ' "$out/address"; do sleep 0.01; done
load descriptors "127.0.0.1:$port"
kill "$pid" && wait "$pid"

echo "== standard error on a full disk"
log=/dev/full
start --listen 127.0.0.1:0
load ready "$address"
kill -HUP "$pid"
load ready "$address"
kill "$pid" && wait "$pid"
log=$out/log

echo "== a clock that is set back"
if library=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2> /dev/null); then
    echo '+0d' > "$out/time"
    # The clock of the day alone: that of durations cannot be set.
    export LD_PRELOAD=$library FAKETIME_TIMESTAMP_FILE=$out/time FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
    start --listen 127.0.0.1:0
    unset LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE FAKETIME_DONT_FAKE_MONOTONIC
    load ready "$address"
    echo '-400d' > "$out/time"
    load ready "$address"
    kill "$pid" && wait "$pid"
else
    echo "NOT RUN: needs libfaketime (Debian's faketime)"
fi
echo "check-service: nothing found"
