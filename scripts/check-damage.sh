#!/usr/bin/env bash
# Damaged and hostile files, the long run: 10^6 inputs for each reader, hours on two cores. The same
# command goes on where it was interrupted; how far each reader is stands in target/damage.
#
#   scripts/check-damage.sh                              every reader, 10^6 inputs each
#   scripts/check-damage.sh shard checkpoint             these alone
#   scripts/check-damage.sh --inputs 10000               fewer inputs
#   scripts/check-damage.sh --seconds 600 tokenizer      so long for each reader
#   scripts/check-damage.sh --seed 2                     other inputs
#   scripts/check-damage.sh --coverage 600 shard         by libFuzzer, so many seconds for each reader
#   scripts/check-damage.sh --parquet corpus             with Parquet files among the corpora
#
# Only the reader `corpus` reads Parquet, which is a feature of the program: without --parquet no input of
# it is one. With it everything from electra-text on is compiled once more, beside what the tests use, and
# how far each reader is stands in target/damage-parquet.
#
# Exit code 1 if an input ended with a panic, an abort, more than 1 GB, a hang or a write outside its
# folder; it is saved in crates/electra-fuzz/regressions, and `cargo test --workspace` reads it again.
# --coverage needs a nightly toolchain and cargo-fuzz (cargo install cargo-fuzz).
set -euo pipefail
cd "$(dirname "$0")/.."

inputs=1000000 seconds="" seed=1 jobs=$(nproc) coverage="" features=() out=target/damage readers=()
while [ $# -gt 0 ]; do
    case "$1" in
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit ;;
    --inputs) inputs=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    --jobs) jobs=$2; shift 2 ;;
    --coverage) coverage=$2; shift 2 ;;
    --parquet) features=(--features electra-fuzz/parquet) out=target/damage-parquet; shift ;;
    -*) echo "there is no option $1: see --help" >&2; exit 2 ;;
    *) readers+=("$1"); shift ;;
    esac
done

# As the tests build it, with overflow checks: nothing is compiled twice.
cargo test --workspace "${features[@]}" --no-run --test readers
program="${CARGO_TARGET_DIR:-target}/debug/electra-fuzz"

if [ -n "$coverage" ]; then
    if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
        echo "--coverage needs a nightly toolchain and cargo-fuzz: cargo install cargo-fuzz" >&2
        exit 2
    fi
    [ ${#readers[@]} -gt 0 ] || mapfile -t readers < <("$program" list | cut -d' ' -f1)
    for reader in "${readers[@]}"; do
        # A whole path: readers change the folder that the process is in.
        corpus=$PWD/crates/electra-fuzz/fuzz/corpus/$reader
        "$program" seeds "$reader" --out "$corpus"
        (cd crates/electra-fuzz && ELECTRA_FUZZ_READER=$reader cargo +nightly fuzz run "${features[@]}" reader \
            "$corpus" -- -max_total_time="$coverage" -max_len=262144 -timeout=60 -malloc_limit_mb=1024 -rss_limit_mb=2048)
    done
    exit
fi

limit=(--inputs "$inputs")
[ -z "$seconds" ] || limit=(--seconds "$seconds")
"$program" run "${limit[@]}" --seed "$seed" --jobs "$jobs" --out "$out" "${readers[@]}"
