#!/usr/bin/env bash
# Tests on CUDA where NVIDIA's driver is, else type-checks it: DOCS_RS=1 keeps the build script of
# burn's backend from downloading LLVM.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $(ldconfig -p) == *libcuda.so.1* ]]; then
    cargo test --release -p electra-pretrain --features cuda --test gpu
else
    DOCS_RS=1 cargo check --features cuda
    DOCS_RS=1 cargo check -p electra-pretrain --features cuda --test gpu
fi
