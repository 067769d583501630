#!/usr/bin/env bash
# Kernels under valgrind, some minutes: reads of what was never written, and reads and writes out of bounds.
# Valgrind knows no AVX-512, so what runs is the code for older processors; products with AVX-512 and AMX are
# tested against forbidden pages instead (crates/electra-kernels/src/flex/gemm/bounds.rs).
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v valgrind >/dev/null; then
    apt-get update
    apt-get install -y valgrind
fi
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="valgrind --quiet --error-exitcode=1 --fair-sched=yes"
export RAYON_NUM_THREADS=2
cargo test --workspace --test fused -- --test-threads=1 \
    strided no_rows no_sequences view nobody_asks determinism adam
