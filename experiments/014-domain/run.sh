#!/usr/bin/env bash
# Every run of this experiment, two at a time on one core each; what is finished is not trained again. Then the
# paired tests, on the test predictions of all seeds together.
#
#   experiments/014-domain/run.sh SETS [MODEL]
#
# SETS and MODEL are those that prepare.sh was given.
set -euo pipefail
sets=$(realpath "${1:?usage: run.sh SETS [MODEL]}")
cd "$(dirname "$0")/../.."
export model=${2:-runs/mini-cased} electra=${ELECTRA:-target/release/electra} here=experiments/014-domain
export out=runs/domain sets
seeds=$(seq 1 "${SEEDS:-8}")
mkdir -p "$out" "$here/results"

continued() {
    "$electra" pretrain "$here/continue.toml" --init "$model" --run "$out/$1-$2" --threads 1 --display quiet \
        --set seed="$2" --set data.path="data/domain/$1"
    echo "continued on $1, seed $2"
}
# Set, arm, encoder, seed.
tag() {
    "$electra" finetune ner configs/ner/bc5cdr.toml --model "$3" --set seed="$4" --threads 1 --display quiet \
        --train "$sets/$1/train.conll" --dev "$sets/$1/dev.conll" --test "$sets/$1/test.conll" \
        --out "$out/tag/$1-$2-$4" --json > "$here/results/$1-$2.seed-$4.json"
    echo "$1 from $2, seed $4"
}
export -f continued tag
in_turn() { xargs -P "${JOBS:-2}" -d '\n' -I {} bash -c 'IFS=" " read -r -a words <<< "$1"; "${words[@]}"' _ {}; }

for seed in $seeds; do for text in general bc5cdr ncbi-disease; do echo "continued $text $seed"; done; done | in_turn
for seed in $seeds; do
    for pair in "bc5cdr ncbi-disease" "ncbi-disease bc5cdr"; do
        read -r set other <<< "$pair"
        echo "tag $set as-it-is $model $seed"
        echo "tag $set general $out/general-$seed $seed"
        echo "tag $set domain $out/$other-$seed $seed"
        echo "tag $set own $out/$set-$seed $seed"
    done
done | in_turn

# Arm A against arm B of a set, by the same seeds.
against() {
    ours=() theirs=()
    for seed in $seeds; do
        ours+=(--pred "$out/tag/$1-$2-$seed/seed-$seed/predictions-test.conll")
        theirs+=(--against "$out/tag/$1-$3-$seed/seed-$seed/predictions-test.conll")
    done
    "$electra" eval ner --gold "$sets/$1/test.conll" "${ours[@]}" "${theirs[@]}" --json \
        > "$here/results/$1-$2-against-$3.json"
}
for set in bc5cdr ncbi-disease; do
    against "$set" domain general
    against "$set" own general
    against "$set" general as-it-is
done
