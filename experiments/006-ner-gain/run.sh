#!/usr/bin/env bash
# Every tagger of this experiment, two at a time on one core each; what is finished is not trained
# again. Then the paired tests, on the test predictions of all seeds together.
#
#   experiments/006-ner-gain/run.sh SETS [MODEL [LONGER]]
#
# SETS holds wikigold/, gmb/ and wnut17/, each with train.conll, dev.conll and test.conll; MODEL is
# a run of mini-cased.toml, LONGER one of 28,000 steps. ONLY=PATTERN takes the arms that match it and leaves out the tests.
set -euo pipefail
sets=$(realpath "${1:?usage: run.sh SETS [MODEL [LONGER]]}")
cd "$(dirname "$0")/../.."
model=${2:-runs/mini-cased} longer=${3:-runs/mini-28k}
export electra=${ELECTRA:-target/release/electra} here=experiments/006-ner-gain out=runs/ner-gain
export sets
mkdir -p "$out" "$here/results"

# Of GMB's development data the first 1,000 sentences; its recipe takes the first 4,000 to train on.
awk 'BEGIN { RS = ""; ORS = "\n\n" } NR <= 1000' "$sets/gmb/dev.conll" > "$out/gmb-dev.conll"

# One arm: seeds, name, set, model, then what differs from the recipe of the set.
tag() {
    seeds=$1 name=$2 set=$3 model=$4
    data=$sets/$set
    dev=$data/dev.conll
    [ "$set" != gmb ] || dev=$out/gmb-dev.conll
    shift 4
    changes=()
    for change in "$@"; do changes+=(--set "$change"); done
    "$electra" finetune ner "$here/$set.toml" --model "$model" --seeds "$seeds" --threads 1 \
        --train "$data/train.conll" --dev "$dev" --test "$data/test.conll" \
        "${changes[@]}" --out "$out/$set-$name" --display quiet --json > "$here/results/$set-$name.json"
    echo "$set-$name done"
}
export -f tag

{
    for set in wikigold gmb wnut17; do
        echo "5 pretrained $set $model"
        echo "5 scratch $set scratch:$model"
    done
    # With the first look's recipe: a higher rate, twice the epochs, batch 32.
    recipe="schedule.learning_rate=1e-3 train.epochs=10 train.batch_size=32"
    echo "1 pretrained-longer gmb $model $recipe"
    echo "5 pretrained-28k gmb $longer $recipe"
    echo "5 scratch-longer gmb scratch:$model $recipe"
    echo "3 crf wikigold $model labels.decoding=\"crf\""
    echo "3 no-decay wikigold $model rates.layer_decay={kind=\"none\"}"
    echo "3 document wikigold $model input.context=\"document\""
    echo "3 inverse-frequency gmb $model loss.class_weights={kind=\"inverse-frequency\"}"
    echo "3 effective-number gmb $model loss.class_weights={kind=\"effective-number\",beta=0.999}"
} | grep -E "${ONLY:-.}" | xargs -P "${JOBS:-2}" -d '\n' -I {} bash -c 'IFS=" " read -r -a words <<< "$1"; tag "${words[@]}"' _ {}

[ -z "${ONLY:-}" ] || exit 0

# A against B on the pooled test predictions of the seeds that both have.
against() {
    ours=() theirs=()
    for run in "$out/$1"/seed-*; do
        other=$out/$2/${run##*/}/predictions-test.conll
        [ -f "$other" ] || continue
        ours+=(--pred "$run/predictions-test.conll")
        theirs+=(--against "$other")
    done
    "$electra" eval ner --gold "$sets/${1%%-*}/test.conll" "${ours[@]}" "${theirs[@]}" --json \
        > "$here/results/$1-against-${2#*-}.json"
}
for set in wikigold gmb wnut17; do against "$set-pretrained" "$set-scratch"; done
against gmb-pretrained gmb-scratch-longer
against gmb-pretrained-longer gmb-scratch-longer
against gmb-pretrained-28k gmb-scratch-longer
for arm in crf no-decay document; do against "wikigold-$arm" wikigold-pretrained; done
for arm in inverse-frequency effective-number; do against "gmb-$arm" gmb-pretrained; done
