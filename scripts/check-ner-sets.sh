#!/usr/bin/env bash
# Reads, trains on and evaluates every data set below DIR for a few steps: one folder a set, with
# dev.conll, and train.conll and test.conll where the set has them. From random weights, with a
# vocabulary of the set's own words, so that any language will do; it proves that nothing breaks
# and every gold token is scored, and says nothing about quality.
#
#   scripts/check-ner-sets.sh DIR [ELECTRA]
set -euo pipefail
sets=$(realpath "${1:?usage: scripts/check-ner-sets.sh DIR [ELECTRA]}")
cd "$(dirname "$0")/.."
electra=${2:-target/release/electra}
recipe=configs/pretrain/debug.toml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for set in "$sets"/*/; do
    name=$(basename "$set")
    dev=$set/dev.conll
    # Sets without a training file are only there to be evaluated on.
    train=$set/train.conll
    [ -f "$train" ] || train=$dev
    test=$set/test.conll
    [ -f "$test" ] || test=$dev
    cut -f 1 "$train" | awk 'NF { printf "%s ", $0; next } { print "\n" }' > "$work/$name.txt"
    # Chinese writes with more characters than a small vocabulary has pieces.
    for size in 2048 4096; do
        "$electra" data tokenizer --input "$work/$name.txt" --vocab-size $size --cased \
            --out "$work/$name-vocab" > "$work/log" 2>&1 && break
        [ $size = 2048 ] || { cat "$work/log"; exit 1; }
    done
    vocab=$(wc -l < "$work/$name-vocab/vocab.txt")
    sed "s/^vocab_size = .*/vocab_size = $vocab/" "$recipe" > "$work/$name.toml"
    "$electra" finetune ner --model "scratch:$work/$name.toml" --tokenizer "$work/$name-vocab" \
        --train "$train" --dev "$dev" --test "$test" --set input.window=64 \
        --set train.epochs=1 --set train.max_sentences=320 --set guard.epochs=1000 \
        --out "$work/$name" --display quiet > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    scored=$(grep -m 1 -o 'tokens scored [0-9,]*/[0-9,]*' "$work/log")
    [ "${scored#tokens scored }" = "${scored##*/}/${scored##*/}" ] || { echo "$name: $scored"; exit 1; }
    printf '%-24s %-34s %s\n' "$name" "$scored" "$(grep -m 1 '^micro ' "$work/log" || true)"
done
