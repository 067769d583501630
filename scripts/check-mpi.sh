#!/usr/bin/env bash
# Several processes over OpenMPI on this one machine: the same bits for any number of them, what they refuse, signals,
# a rank that is killed, resuming. Installs Debian's OpenMPI and libclang if they are not there; builds into the target
# directory of the tests. `scripts/check-mpi.sh speed` measures instead, on a machine that does nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
stage=${1:-check}

if ! command -v mpirun > /dev/null || [ ! -e /usr/lib/llvm-*/lib/libclang.so ] 2> /dev/null; then
    apt-get update
    apt-get install -y --no-install-recommends libopenmpi-dev libclang-dev openmpi-bin
fi
if [ "$stage" = speed ]; then
    cargo build --release --features mpi
    built=$(realpath "${CARGO_TARGET_DIR:-target}")/release
else
    # With the binary that the tests have built nothing else is compiled again.
    cargo test --workspace --features electra-cli/mpi --test help --test ranks --test tree
    built=$(realpath "${CARGO_TARGET_DIR:-target}")/debug
fi
recipes=$(realpath configs/pretrain)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat docs/*.md docs/decisions/*.md > "$folder/text.txt"
cd "$folder"
# A copy: what is started in the middle of another build is one program.
cp "$built/electra" electra
electra=$folder/electra
# mpirun waits twice as long before it ends after a signal or a rank that was killed, and shows what ranks said.
export OMPI_MCA_odls_base_sigkill_timeout=20
# Root in a container, and more ranks than cores; nobody else wants these.
[ "$(id -u)" != 0 ] || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
mpi() { mpirun --bind-to none -n "$@"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
# Runs a command that is to fail, and looks for words in what it says.
refused() {
    local words=$1; shift
    if "$@" > refused.log 2>&1; then fail "not refused: $*"; fi
    grep -qF -- "$words" refused.log || { cat refused.log; fail "does not say \"$words\": $*"; }
    [ "$(grep -cF -- "$words" refused.log)" = 1 ] || { cat refused.log; fail "says it more than once: $*"; }
}
same() {
    for file in "$@"; do cmp "$file" one/model.safetensors || fail "$file differs"; done
}
# The process of a rank, by its place among those of a command line with a word in it.
process_of() { pgrep -f -- "^$electra pretrain .*$1" | sort -n | sed -n "$2p" || true; }
until_step() {
    for _ in $(seq 1800); do
        if grep -q "\"kind\":\"train\",\"step\":$2," "$1/metrics.jsonl" 2> /dev/null; then return; fi
        sleep .1
    done
    fail "$1 has not come to step $2"
}
until_gone() {
    for _ in $(seq "$2"); do
        [ -n "$(process_of "$1" 1)" ] || return 0
        sleep 1
    done
    fail "ranks of $1 are still there after $2 seconds"
}

"$electra" data tokenizer --input text.txt --vocab-size 1000 --out vocab > /dev/null
"$electra" data build --input text.txt --tokenizer vocab --seq-len 64 --heldout-fraction .1 --out data > /dev/null

if [ "$stage" = speed ]; then
    threads=$(nproc)
    for name in tiny small; do
        step=(bench step "$recipes/$name.toml" --json --steps 10 --set train.batch_size=16
            --set train.micro_batch_size=$((16 / threads)))
        "$electra" "${step[@]}" --threads "$threads" > one.json
        mpi "$threads" "$electra" "${step[@]}" --threads 1 > several.json
        rate() { grep -o '"tokens_per_second":[0-9.]*' "$1" | cut -d: -f2; }
        awk -v one="$(rate one.json)" -v several="$(rate several.json)" -v name="$name" -v n="$threads" 'BEGIN {
            printf "%s: one process with %d threads %.0f tokens/s, %d ranks with a thread each %.0f: %.3f of it\n", name, n, one, n, several, several / one
            exit several < .95 * one }' || slow=1
    done
    # The model of docs/distributed.md against messages that are slowed down: a step of two ranks within a fifth.
    slow_to=(--bandwidth 1 --latency 2000)
    small=("$recipes/small.toml" --set train.batch_size=8 --set train.micro_batch_size=4 --threads 1 --json)
    "$electra" plan "${small[@]}" --ranks 2 "${slow_to[@]}" --timed-steps 5 > plan.json
    mpi 2 "$electra" bench step "${small[@]}" --steps 5 "${slow_to[@]}" > slowed.json
    planned=$(tr -d ' \n' < plan.json | grep -o '"step_seconds":[0-9.]*' | cut -d: -f2)
    found=$(grep -o '"step_seconds":\[[^]]*' slowed.json | cut -d[ -f2 | tr , '\n' | sort -n | sed -n 3p)
    awk -v planned="$planned" -v found="$found" 'BEGIN {
        printf "two ranks at 1 Gbit/s and 2 ms: %.3f s a step, %.3f planned\n", found, planned
        off = planned / found - 1; exit off > .2 || off < -.2 }' || slow=1
    exit "${slow:-0}"
fi

# Eight micro-batches of a row, with dropout, in steps that are over in no time.
train=(pretrain "$recipes/debug.toml" --no-plan --threads 1 --display lines --set data.path=data
    --set train.steps=12 --set schedule.warmup_steps=2 --set train.batch_size=8 --set train.micro_batch_size=1
    --set train.dropout=0.1 --set log.every_steps=2 --set evaluate.every_steps=6 --set evaluate.max_examples=30
    --set checkpoint.every_steps=4)

echo "== the same bits for 1, 2, 3, 4 and 8 ranks"
"$electra" "${train[@]}" --run one 2> one.log
measured() { sed -E 's/"(time|seconds|tokens_per_second|peak_fraction|rss_mb|data_wait_fraction|communication_fraction|slowest_rank|ranks)":[^,}]*,?//g' "$1/metrics.jsonl" | sed 's/,}/}/'; }
for n in 2 3 4 8; do
    mpi "$n" "$electra" "${train[@]}" --run "of-$n" 2> "of-$n.log" || { cat "of-$n.log"; fail "$n ranks"; }
    same "of-$n/model.safetensors"
    diff <(measured one) <(measured "of-$n") || fail "the log of $n ranks differs"
    [ "$(grep -c 'step 12/12' "of-$n.log")" = 1 ] || fail "$n ranks tell more than one"
    grep -q '"communication_fraction"' "of-$n/metrics.jsonl" || fail "the log does not tell of messages"
done

echo "== a recipe without a size of micro-batches"
free=("${train[@]/train.micro_batch_size=1/train.precision=f32}")
mpi 3 "$electra" "${free[@]}" --run free 2> free.log || { cat free.log; fail "a recipe without a size"; }
grep -q 'micro_batch_size = 2' free/recipe.toml || fail "the size of micro-batches is not stored"
rm -r free/model.safetensors free/checkpoints/step-*12
"$electra" "${free[@]}" --run free 2> again.log
grep -q '2 rows at once (as the run has begun)' again.log || fail "the size of micro-batches is not kept"

echo "== one JSON of a bench, and its network"
mpi 2 "$electra" bench step "$recipes/debug.toml" --json --steps 2 --set train.batch_size=4 > bench.json
[ "$(wc -l < bench.json)" = 1 ] || fail "a bench prints more than a line"
grep -q '"ranks":2,.*"gigabits":' bench.json || fail "a bench does not tell of its ranks"

echo "== refusals, each in one sentence"
refused "9 ranks for the 8 micro-batches" mpi 9 "$electra" "${train[@]}" --run refused
refused "rank 1 has another recipe than rank 0" mpi 1 "$electra" "${train[@]}" --run refused : \
    -n 1 "$electra" "${train[@]}" --set seed=2 --run refused
cp electra other
echo >> other
refused "rank 1 has another program than rank 0" mpi 1 "$electra" "${train[@]}" --run refused : \
    -n 1 "$folder/other" "${train[@]}" --run refused
head -c 200000 text.txt > half.txt
"$electra" data build --input half.txt --tokenizer vocab --seq-len 64 --heldout-fraction .1 --out half > /dev/null
refused "rank 1 has other data than rank 0" mpi 1 "$electra" "${train[@]}" --run refused : \
    -n 1 "$electra" "${train[@]}" --set data.path=half --run refused
"$electra" "${train[@]}" --set train.gradient_sum=fold --run fold 2> /dev/null
refused "one after the other" mpi 2 "$electra" "${train[@]}" --set train.gradient_sum=fold --run fold
refused "fine-tuning runs in one" mpi 2 "$electra" finetune ner --train text.txt --dev text.txt --model one
[ ! -e refused ] || fail "a refused run has left a folder"

# Steps that take a while.
long=("${train[@]}" --set train.steps=40 --set log.every_steps=1 --set checkpoint.every_steps=5 --set model.hidden_size=256
    --set model.intermediate_size=1024 --set schedule.learning_rate=1e-5)
"$electra" "${long[@]}" --run straight 2> /dev/null

echo "== SIGTERM on one rank stops all after the same step, saved, with 75"
mpi 3 "$electra" "${long[@]}" --run told 2> told.log & launcher=$!
until_step told 3
kill -TERM "$(process_of 'run told' 2)"
code=0; wait "$launcher" || code=$?
[ "$code" = 75 ] || { cat told.log; fail "three ranks end with $code"; }
grep -q 'Interrupted and saved' told.log || fail "nobody says that the run was saved"
mpi 2 "$electra" "${long[@]}" --run told 2> /dev/null
cmp told/model.safetensors straight/model.safetensors || fail "a run that went on with other ranks differs"

echo "== a rank that is killed ends all"
mpi 3 "$electra" "${long[@]}" --run killed 2> killed.log & launcher=$!
until_step killed 7
kill -KILL "$(process_of 'run killed' 2)"
until_gone 'run killed' 15
wait "$launcher" || true
[ "$(grep -c 'rank 1 has ended' killed.log)" = 1 ] || { cat killed.log; fail "the killed rank is not named once"; }
mpi 4 "$electra" "${long[@]}" --run killed 2> /dev/null
cmp killed/model.safetensors straight/model.safetensors || fail "a run that lost a rank differs"

echo "== so does the first one"
mpi 3 "$electra" "${long[@]}" --run first 2> first.log & launcher=$!
until_step first 7
kill -KILL "$(process_of 'run first' 1)"
until_gone 'run first' 15
wait "$launcher" || true
[ "$(grep -c 'rank 0 has ended' first.log)" = 1 ] || { cat first.log; fail "the first rank is not named once"; }
"$electra" "${long[@]}" --run first 2> /dev/null
cmp first/model.safetensors straight/model.safetensors || fail "a run that lost its first rank differs"

echo "== Ctrl-C during a step of more than two seconds"
slow=("${train[@]}" --set train.steps=8 --set schedule.warmup_steps=1 --set log.every_steps=1 --set train.batch_size=256
    --set train.micro_batch_size=32 --set model.hidden_size=256 --set model.intermediate_size=1024
    --set schedule.learning_rate=1e-5)
mpi 2 "$electra" "${slow[@]}" --run ctrl-c 2> ctrl-c.log & launcher=$!
until_step ctrl-c 1
# Of the shell that runs the function mpirun is the child.
kill -INT "$(pgrep -P "$launcher" -x mpirun)"
wait "$launcher" || true
grep -q '"kind":"end","step":2,.*"reason":"' ctrl-c/metrics.jsonl || { cat ctrl-c.log; tail -2 ctrl-c/metrics.jsonl; fail "not saved"; }
seconds=$(sed -n 's/.*"kind":"train","step":[12],"time":\([0-9.]*\).*/\1/p' ctrl-c/metrics.jsonl | paste -sd' ')
echo "steps were logged at $seconds"
if OMPI_MCA_odls_base_sigkill_timeout=1 mpi 2 "$electra" "${train[@]}" --run warned 2> warned.log; then
    [ "$(grep -c 'by force 1 s after Ctrl-C' warned.log)" = 1 ] || fail "nobody says that mpirun does not wait"
fi
echo "all checks of several processes have passed"
