#!/usr/bin/env bash
# The kernels' unsafe code under two checkers, some minutes each:
#   valgrind           reads of what was never written, and reads and writes out of bounds. It knows no AVX-512, so
#                      what runs is the code for older processors.
#   AddressSanitizer   reads and writes out of bounds and of freed memory, with AVX-512 on where the processor has it.
#                      It sees every access but those of AMX, which are assembly, and needs an installed nightly.
# Products are tested against forbidden pages as well, in every test run (crates/electra-kernels/src/flex/gemm/bounds.rs).
#
# usage: scripts/check-memory.sh [valgrind|asan]...    both if none is named
set -euo pipefail
cd "$(dirname "$0")/.."

under_valgrind() {
    if ! command -v valgrind >/dev/null; then
        apt-get update
        apt-get install -y valgrind
    fi
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="valgrind --quiet --error-exitcode=1 --fair-sched=yes" \
        RAYON_NUM_THREADS=2 \
        cargo test --workspace --test fused -- --test-threads=1 \
        strided no_rows no_sequences view nobody_asks determinism adam
}

under_asan() {
    if ! cargo +nightly --version >/dev/null 2>&1; then
        echo "check-memory: AddressSanitizer needs a nightly toolchain: rustup toolchain install nightly" >&2
        return 1
    fi
    # A target is named so that build scripts and macros, which run in the compiler, are built without it.
    # Leaks are not looked for: the pool of the process lives until its end.
    ASAN_OPTIONS=detect_leaks=0 RUSTFLAGS="-Zsanitizer=address" CARGO_INCREMENTAL=0 \
        cargo +nightly test -p electra-kernels --target x86_64-unknown-linux-gnu --target-dir target/asan \
        --lib --test fused
}

checks=("$@")
if [ ${#checks[@]} -eq 0 ]; then
    checks=(valgrind asan)
fi
for check in "${checks[@]}"; do
    case "$check" in
    valgrind | asan) "under_$check" ;;
    *)
        echo "check-memory: $check is no check: valgrind or asan" >&2
        exit 2
        ;;
    esac
done
