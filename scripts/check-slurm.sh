#!/usr/bin/env bash
# Slurm on this one machine, in a folder of its own: an experiment of four runs as an array, one of which is queued again
# in the middle; a pretraining of two ranks by srun; data that an array builds in parts. What comes out is compared with
# what one process makes without a scheduler. Installs Debian's slurm and munge if they are not there, starts their
# daemons as root on ports of their own, and ends them again.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "starts the daemons of a scheduler: run it as root, in a container" >&2; exit 1; }
if ! command -v slurmctld > /dev/null || ! command -v mpirun > /dev/null; then
    apt-get update
    apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge libopenmpi-dev libclang-dev openmpi-bin
fi
# The binary that the tests have built.
cargo test --workspace --features electra-cli/mpi --test help
built=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/electra
recipes=$(realpath configs/pretrain)
folder=$(mktemp -d)
chmod 755 "$folder"
cat docs/*.md docs/decisions/*.md > "$folder/text.txt"
cd "$folder"
cp "$built" electra
electra=$folder/electra
fail() {
    echo "FAILED: $*" >&2
    tail -n 5 "$folder"/slurm/log/* >&2 || true
    exit 1
}
daemons=()
end() {
    for process in "${daemons[@]}"; do kill "$process" 2> /dev/null || true; done
    sleep 1
    rm -rf "$folder"
}
trap end EXIT

# The scheduler: its state and its key in this folder.
mkdir -p slurm/state slurm/spool slurm/log slurm/munge
host=$(hostname -s)
export SLURM_CONF=$folder/slurm/slurm.conf
cat > "$SLURM_CONF" <<CONF
ClusterName=here
SlurmctldHost=$host
AuthType=auth/munge
AuthInfo=socket=$folder/slurm/munge/socket
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$folder/slurm/state
SlurmdSpoolDir=$folder/slurm/spool
SlurmctldPidFile=$folder/slurm/ctld.pid
SlurmdPidFile=$folder/slurm/d.pid
SlurmctldLogFile=$folder/slurm/log/ctld
SlurmdLogFile=$folder/slurm/log/d
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
NodeName=$host CPUs=$(nproc) RealMemory=1000 State=UNKNOWN
PartitionName=p Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
dd if=/dev/urandom of=slurm/munge/key bs=1024 count=1 2> /dev/null
chmod 400 slurm/munge/key
chown -R munge: slurm/munge
runuser -u munge -- /usr/sbin/munged --foreground --key-file="$folder/slurm/munge/key" --socket="$folder/slurm/munge/socket" \
    --pid-file="$folder/slurm/munge/pid" --log-file="$folder/slurm/munge/log" --seed-file="$folder/slurm/munge/seed" &
daemons+=($!)
for _ in $(seq 50); do [ -S slurm/munge/socket ] && break; sleep .1; done
slurmctld -D -f "$SLURM_CONF" > slurm/log/ctld.out 2>&1 & daemons+=($!)
slurmd -D -f "$SLURM_CONF" > slurm/log/d.out 2>&1 & daemons+=($!)
for _ in $(seq 60); do
    sinfo -h -o %T 2> /dev/null | grep -q idle && break
    sleep 1
done
sinfo -h -o %T | grep -q idle || fail "the scheduler does not come up: $(sinfo 2>&1)"

# Waits until a job and all of its tasks have left the queue, and says how they ended.
wait_for() {
    for _ in $(seq "$2"); do
        [ -z "$(squeue -h -j "$1" 2> /dev/null)" ] && return
        sleep 1
    done
    squeue
    fail "job $1 is still there after $2 seconds"
}

"$electra" data tokenizer --input text.txt --vocab-size 1000 --out vocab > /dev/null
build=(data build --input text.txt --tokenizer vocab --seq-len 64 --heldout-fraction .1)
"$electra" "${build[@]}" --out data > /dev/null

echo "== data in parts by an array, merged, is that of one build"
cat > parts.sh <<SH
#!/bin/bash
#SBATCH --array=1-3
#SBATCH --output=$folder/parts-%a.log
cd $folder
$electra ${build[*]} --part "\$SLURM_ARRAY_TASK_ID/3" --out "parts/\$SLURM_ARRAY_TASK_ID"
SH
job=$(sbatch --parsable parts.sh)
wait_for "$job" 300
"$electra" data merge parts/1 parts/2 parts/3 --out merged > /dev/null || { cat parts-*.log; fail "parts"; }
diff -r data merged || fail "merged data differs from one build"

echo "== a pretraining of two ranks by srun"
train=(pretrain "$recipes/debug.toml" --no-plan --threads 1 --display lines --set data.path=data --set train.steps=12
    --set schedule.warmup_steps=2 --set train.batch_size=8 --set train.micro_batch_size=2 --set train.dropout=0.1)
"$electra" "${train[@]}" --run alone 2> /dev/null
srun --mpi=pmix -n 2 --overcommit "$electra" "${train[@]}" --run together 2> together.log || { cat together.log; fail "srun"; }
cmp alone/model.safetensors together/model.safetensors || fail "two ranks under srun differ from one process"
grep -q '"ranks":2' together/metrics.jsonl || fail "srun has not started two ranks"
if srun -n 2 --overcommit "$electra" "${train[@]}" --run apart > apart.log 2>&1; then fail "processes that do not know of each other train"; fi
# Debian's OpenMPI ends such processes itself, before they know of each other.
[ ! -e apart ] || fail "processes that do not know of each other have begun a run"
srun -n 1 "$electra" "${train[@]}" --run task 2> /dev/null || fail "srun -n 1 is refused"
cmp alone/model.safetensors task/model.safetensors || fail "a task alone differs"

echo "== an experiment of four runs as an array, one of them queued again in the middle"
mkdir exp
cat > exp/base.toml <<TOML
recipe_version = 1
extends = "$recipes/debug.toml"
data.path = "$folder/data"
train.steps = 60
schedule.warmup_steps = 6
schedule.learning_rate = 1e-4
log.every_steps = 1
evaluate.every_steps = 30
checkpoint.every_steps = 5
model.hidden_size = 192
model.intermediate_size = 768
TOML
cat > exp/experiment.toml <<TOML
recipe_version = 1
question = "Does a wider generator help?"
prediction = "No."
base = "base.toml"
base_arm = "narrow"
budget = "steps"
metric = "rtd-auc"
seeds = "1..2"

[[arm]]
name = "narrow"

[[arm]]
name = "wide"
set = { "model.generator.width" = 1.0 }
TOML
cp -r exp unbroken
"$electra" ablate unbroken/experiment.toml --threads 1 --out runs/unbroken > unbroken.log 2>&1 || { cat unbroken.log; fail "the local experiment"; }
"$electra" ablate exp/experiment.toml --emit slurm --threads 1 --out runs/exp > array.sh
mkdir -p runs/exp
job=$(sbatch --parsable array.sh)
for _ in $(seq 300); do
    run=$(grep -l '"kind":"train","step":1[0-9],' runs/exp/runs/*/metrics.jsonl 2> /dev/null | head -1) && [ -n "$run" ] && break
    sleep .2
done
[ -n "${run:-}" ] || fail "no run of the array has come to its tenth step"
task=$(squeue -h -r -t R -j "$job" -o %K | sort -n | head -1)
# What the scheduler does when the time of a task is up: the script passes it on, saves and asks to be queued again.
for _ in $(seq 30); do
    told=$(scancel --signal=TERM --batch "${job}_$task" 2>&1) && break
    sleep 1
done
[ -z "$told" ] || fail "the scheduler does not tell task $task to end: $told"
for _ in $(seq 120); do
    squeue -h -r -j "$job" -o '%K %r' | grep -q "^$task BeginTime" && break
    sleep .5
done
# A job that was queued again is held back for two minutes.
scontrol update JobId="${job}_$task" StartTime=now
wait_for "$job" 600
grep -hl 'Interrupted' runs/exp/slurm-"${job}"_"$task".log > /dev/null || { cat runs/exp/slurm-*.log; fail "task $task was not interrupted"; }
grep -q '"kind":"resume"' runs/exp/runs/*/metrics.jsonl || fail "no run has gone on"
bash array.sh > last.log 2>&1 || { cat last.log; fail "what is left when all have ended"; }
of() { (cd "$1/results" && for file in *.json; do echo "$file"; sed -E 's/"seconds": *[0-9.e-]+,?//; /"experiment":/d' "$file"; done); }
[ "$(find exp/results -name '*.json' | wc -l)" = 4 ] || fail "the array has $(ls exp/results) of four results"
diff <(of exp) <(of unbroken) || fail "the results of the array differ from those of an unbroken local experiment"
echo "all checks of a scheduler have passed"
