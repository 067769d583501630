#!/usr/bin/env bash
# Measures `electra serve` on a quiet machine of at least two cores: taggers of the sizes of ELECTRA-Small and
# of the demo, one sentence of 32 tokens a request, 32 clients. The server has core 0 and one thread for its
# model, the load generator (wrk) core 1.
#
#   model alone     forward passes of 32 rows of 32 tokens on core 0, and `electra predict` there
#   generator       wrk against nginx with a fixed answer: what it can load more than any server answers
#   electra serve   in 32 bits and in bfloat16 (--precisions)
#   FastAPI         transformers' pipeline on the same weights, plain and in batches
#
# Rounds take turns, so that a machine that changes its speed changes it for all. The table stands in
# table.md and table.json of the folder. With --minutes, then so long at 80 % of what the service bears,
# its memory watched.
#
#   scripts/measure-service.sh [--program FILE] [--out DIR] [any option of scripts/reference/measure_service.py]
#
# Builds the program unless --program gives a built one. Installs Debian's wrk and nginx-light if they are not
# there, as root. SERVICE_PYTHON names a Python with torch, transformers, fastapi and uvicorn; without it one is
# made in target/service-pytorch (gigabytes).
set -euo pipefail
cd "$(dirname "$0")/.."

program='' out=target/service-measures rest=() python=${SERVICE_PYTHON:-}
while (($#)); do
    case $1 in
        --program) program=$2 && shift 2 ;;
        --out) out=$2 && shift 2 ;;
        -h | --help)
            sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
            exec python3 scripts/reference/measure_service.py --help
            ;;
        *) rest+=("$1") && shift ;;
    esac
done
[ "$(nproc)" -ge 2 ] || { echo "measure-service: needs two cores, one of them for the load" >&2; exit 1; }
command -v wrk > /dev/null && command -v nginx > /dev/null || {
    apt-get update
    apt-get install -y --no-install-recommends wrk nginx-light
}
if [[ -z $program ]]; then
    cargo build --release
    program=${CARGO_TARGET_DIR:-target}/release/electra
fi
if [[ -z $python ]]; then
    python=target/service-pytorch/bin/python
    [ -x target/service-pytorch/bin/uvicorn ] || {
        python3 -m venv target/service-pytorch
        target/service-pytorch/bin/pip install --quiet torch transformers==5.24.0 fastapi==0.165.0 'uvicorn[standard]==0.54.0'
    }
fi
exec "$python" scripts/reference/measure_service.py --program "$program" --out "$out" ${rest[@]+"${rest[@]}"}
