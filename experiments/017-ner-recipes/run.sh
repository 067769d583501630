#!/usr/bin/env bash
# Every tagger of this experiment, two at a time on one core each; what is finished is not trained again. A file of
# results for each arm, with what its seeds took and how far their scores were from their precision.
#
#   experiments/017-ner-recipes/run.sh SETS ENCODER [CHINESE]
#
# SETS has a folder for each set, with train.conll, dev.conll and test.conll; ENCODER is a run of mini.toml, CHINESE one on
# Chinese text, whose arms are left out without it. ONLY=PATTERN takes the arms that match it.
set -euo pipefail
sets=$(realpath "${1:?usage: run.sh SETS ENCODER [CHINESE]}")
cd "$(dirname "$0")/../.."
encoder=${2:?usage: run.sh SETS ENCODER [CHINESE]} chinese=${3:-}
export electra=${ELECTRA:-target/release/electra} here=experiments/017-ner-recipes out=runs/ner-recipes sets
mkdir -p "$out" "$here/results"

# GermEval has no training data here: its development data is divided.
germeval=$out/germeval14
[ -d "$germeval" ] || "$electra" convert ner "$sets/germeval14-devtest/dev.conll" --to conll --split 85/15 --out "$germeval"
# Of GMB's development data the first 1,000 sentences; its recipe takes the first 4,000 to train on.
[ -f "$out/gmb-dev.conll" ] || awk 'BEGIN { RS = ""; ORS = "\n\n" } NR <= 1000' "$sets/gmb/dev.conll" > "$out/gmb-dev.conll"

# Vocabularies of the languages that the encoder does not know, of the words of their training data.
vocabulary() {
    [ -d "$out/vocab-$1" ] && return
    cut -f 1 "$2" | awk 'NF { printf "%s ", $0; next } { print "\n" }' > "$out/$1.txt"
    "$electra" data tokenizer --input "$out/$1.txt" --vocab-size "$3" --cased --max-word-length 400 --out "$out/vocab-$1"
    vocab=$(wc -l < "$out/vocab-$1/vocab.txt")
    printf 'extends = "%s"\nmodel.vocab_size = %s\n' "$PWD/configs/pretrain/mini.toml" "$vocab" > "$out/$1.toml"
}
vocabulary da "$sets/uner-da-ddt/train.conll" 8192
vocabulary de "$germeval/train.conll" 8192
vocabulary zh "$sets/uner-zh-gsdsimp-char/train.conll" 4096
vocabulary ja "$sets/ja-hironsan/train.conll" 2048

# One arm: its name, set, recipe, model and decoding, then what differs from the recipe.
tag() {
    name=$1 set=$2 recipe=$3 model=$4 decoding=$5
    shift 5
    changes=()
    for change in "$@"; do changes+=(--set "$change"); done
    data=$sets/$set dev=$sets/$set/dev.conll
    case $set in
    gmb) dev=$out/gmb-dev.conll ;;
    germeval14) data=$out/germeval14 dev=$data/dev.conll ;;
    esac
    test=$data/test.conll
    [ "$set" != germeval14 ] || test=$sets/germeval14-devtest/test.conll
    tokenizer=()
    case $model in scratch:"$out"/*) tokenizer=(--tokenizer "$out/vocab-$(basename "${model#scratch:}" .toml)") ;; esac
    "$electra" finetune ner "configs/ner/$recipe.toml" --model "$model" "${tokenizer[@]}" --seeds "${SEEDS:-3}" --threads 1 \
        --train "$data/train.conll" --dev "$dev" --test "$test" --set "labels.decoding=\"$decoding\"" "${changes[@]}" \
        --out "$out/$name" --display quiet --json > "$out/$name.json"
    python3 "$here/collect.py" "$out/$name.json" "$here/results/$name.json"
    echo "$name done"
}
export -f tag

{
    english() { # set, recipe, changes
        for decoding in argmax crf; do
            echo "$1-pretrained-$decoding $1 $2 $encoder $decoding ${3:-}"
            echo "$1-scratch-$decoding $1 $2 scratch:$encoder $decoding ${3:-}"
        done
    }
    english wikigold wikigold
    english wnut17 wnut17
    english gmb gmb
    english bc5cdr bc5cdr
    english ncbi-disease default
    # Ten epochs of a thousand sentences are too few steps.
    english sec-filings default train.epochs=20
    for decoding in argmax crf; do
        echo "da-scratch-$decoding uner-da-ddt default scratch:$out/da.toml $decoding"
        echo "de-scratch-$decoding germeval14 default scratch:$out/de.toml $decoding"
        echo "ja-scratch-$decoding ja-hironsan default scratch:$out/ja.toml $decoding train.epochs=40"
        echo "zh-scratch-$decoding uner-zh-gsdsimp-char zh-char scratch:$out/zh.toml $decoding"
        [ -z "$chinese" ] || echo "zh-pretrained-$decoding uner-zh-gsdsimp-char zh-char $chinese $decoding"
    done
} | grep -E "${ONLY:-.}" | xargs -P "${JOBS:-2}" -d '\n' -I {} bash -c 'IFS=" " read -r -a words <<< "$1"; tag "${words[@]}"' _ {}
