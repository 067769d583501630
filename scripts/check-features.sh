#!/usr/bin/env bash
# The builds that .ci/run does not make, and their tests: Parquet among the corpora, the older CPU backend
# beside flex, and a program without the service and without downloads. In the target directory of every other build, so that what features do not change is not compiled
# again: about half an hour on two cores after .ci/run. Needs cargo and gcc.
set -euo pipefail
cd "$(dirname "$0")/.."
features=electra-cli/parquet,electra-cli/ndarray,electra-fuzz/parquet

# Parquet files become the rows of plain text and of tagged sentences, damaged ones are refused, and the program says what it was built for.
cargo test --workspace --features "$features" --test data_folder --test bad_input --test reading --test help --test readers \
    --test tagged_parquet
cargo test --workspace --features "$features" --lib --bins -- parquet corpus device

# Without the service and without downloads all targets compile, and the program says which feature has them.
cargo check --workspace --all-targets --no-default-features --features electra-cli/flex,electra-cli/tui
cargo test --workspace --no-default-features --features electra-cli/flex,electra-cli/tui --test missing_features --test help
# The tests build the binary anew for the comparison below.
cargo test --workspace --features "$features" --test help --no-run

# The binary that the tests have built takes the same steps on both backends.
electra=$(realpath "${CARGO_TARGET_DIR:-target}/debug/electra")
recipe=$(realpath configs/pretrain/debug.toml)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat docs/*.md docs/decisions/*.md > "$folder/text.txt"
cd "$folder"
"$electra" data tokenizer --input text.txt --vocab-size 1000 --out vocab
"$electra" data build --input text.txt --tokenizer vocab --seq-len 64 --out data
for device in flex ndarray; do
    "$electra" pretrain "$recipe" --device "$device" --run "$device" --display quiet \
        --set data.path=data --set train.steps=5 --set schedule.warmup_steps=2 --set train.dropout=0.0 \
        --set log.every_steps=1 --set evaluate.every_steps=5 --set evaluate.max_examples=20
    grep '"kind":"train"' "$device/metrics.jsonl" | grep -o '"loss":[0-9.]*' | cut -d: -f2 > "$device.losses"
done
paste flex.losses ndarray.losses | awk '
    { off = $1 / $2 - 1; if (off < 0) off = -off; if (off > 2e-3) { print "step " NR ": " $1 " on flex, " $2 " on ndarray"; bad = 1 } }
    END { if (NR != 5) { print NR " steps were logged, expected 5"; bad = 1 } exit bad }'
echo "5 steps agree on flex and ndarray"
