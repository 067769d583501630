#!/usr/bin/env bash
# The texts of this experiment as data folders below data/domain, built with the tokenizer of MODEL.
#
#   experiments/014-domain/prepare.sh SETS GENERAL [MODEL]
#
# SETS holds bc5cdr/ and ncbi-disease/, each with train.conll, dev.conll and test.conll; GENERAL is a file of
# general text, a document between blank lines. Sentences of a training text that any part of the other set has too
# are taken out and counted; a document is ten sentences that follow one another, as the sets mark none.
set -euo pipefail
sets=$(realpath "${1:?usage: prepare.sh SETS GENERAL [MODEL]}")
general=$(realpath "${2:?usage: prepare.sh SETS GENERAL [MODEL]}")
cd "$(dirname "$0")/../.."
model=${3:-runs/mini-cased} electra=${ELECTRA:-target/release/electra} out=data/domain
mkdir -p "$out"

# A sentence on each line.
sentences() {
    awk 'BEGIN { RS = ""; FS = "\n" } {
        line = ""
        for (i = 1; i <= NF; i++) { split($i, columns, /[\t ]+/); line = line (i > 1 ? " " : "") columns[1] }
        print line
    }' "$@"
}

# The training text of $1 without sentences that $2 has; case and spaces do not count.
text() {
    sentences "$sets/$2/train.conll" "$sets/$2/dev.conll" "$sets/$2/test.conll" > "$out/$2.all"
    sentences "$sets/$1/train.conll" | awk -v other="$out/$2.all" -v name="$1" '
        function key(line) { line = tolower(line); gsub(/ /, "", line); return line }
        BEGIN { while ((getline line < other) > 0) seen[key(line)] = 1 }
        key($0) in seen { removed++; next }
        { printf "%s%s", $0, ++kept % 10 == 0 ? "\n\n" : "\n" }
        END { printf "%s: %d sentences, %d removed\n", name, kept, removed > "/dev/stderr" }
    ' > "$out/$1.txt"
}
text bc5cdr ncbi-disease
text ncbi-disease bc5cdr

for name in bc5cdr ncbi-disease; do
    "$electra" data build --input "$out/$name.txt" --tokenizer "$model/tokenizer" --seq-len 128 \
        --heldout-fraction 0.05 --out "$out/$name" --force
done
"$electra" data build --input "$general" --tokenizer "$model/tokenizer" --seq-len 128 \
    --heldout-fraction 0.001 --out "$out/general" --force
