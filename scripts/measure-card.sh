#!/usr/bin/env bash
# Measures a graphics card in some twelve minutes: the tests of its kernels first, then steps in f32, TF32 and
# bfloat16 with and without dropout, a tagger, device memory, PyTorch beside it, and the curve of 2,000 steps
# against the CPU's. Each stage has a time limit of its own; results.json and summary.txt stand in the folder.
#
#   scripts/measure-card.sh [--feature cuda|wgpu] [--program FILE] [--tests FILE...] [--out DIR]
#                           [any option of scripts/reference/measure_card.py]
#
# Builds program and tests with cargo unless --program gives a built one (then the tests are those of --tests).
# PyTorch is compared with where --python names a Python that has it; nothing is downloaded.
set -euo pipefail
cd "$(dirname "$0")/.."

feature=cuda program='' out=target/card tests=() rest=()
while (($#)); do
    case $1 in
        --feature) feature=$2 && shift 2 ;;
        --program) program=$2 && shift 2 ;;
        --out) out=$2 && shift 2 ;;
        --tests)
            shift
            while (($#)) && [[ $1 != --* ]]; do tests+=("$1") && shift; done
            ;;
        -h | --help)
            sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
            exec python3 scripts/reference/measure_card.py --help
            ;;
        *) rest+=("$1") && shift ;;
    esac
done
device=cuda:0
[[ $feature == wgpu ]] && device=wgpu
if [[ -z $program ]]; then
    cargo build --release --features "$feature"
    program=target/release/electra
    crates=(-p electra-kernels -p electra-pretrain -p electra-ner
        --features "electra-kernels/$feature,electra-pretrain/$feature,electra-ner/$feature")
    built=$(mktemp)
    cargo test --release "${crates[@]}" --test fused --test gpu --test launches --no-run --message-format json >"$built"
    mapfile -t tests < <(python3 -c '
import json, sys
for message in map(json.loads, open(sys.argv[1])):
    if message.get("executable") and message["target"]["kind"] == ["test"]:
        print(message["executable"])' "$built")
    rm "$built"
fi
exec python3 scripts/reference/measure_card.py --program "$program" --out "$out" --device "$device" \
    --tests ${tests[@]+"${tests[@]}"} ${rest[@]+"${rest[@]}"}
