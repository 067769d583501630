#!/usr/bin/env bash
# Tests as the README gives them, tables and numbers of experiments, then format, lints and documentation. Needs cargo and gcc.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --workspace
# The binary that the tests have built.
"${CARGO_TARGET_DIR:-target}/debug/electra" compare experiments/*/ experiments/README.md --check
cargo fmt --all -- --check
cargo clippy --workspace --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
