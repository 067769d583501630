#!/usr/bin/env bash
# Tests on CUDA where NVIDIA's driver is, else type-checks them: DOCS_RS=1 keeps the build script of
# burn's backend from downloading LLVM.
set -euo pipefail
cd "$(dirname "$0")/.."

tests=(-p electra-kernels -p electra-pretrain -p electra-ner
    --features electra-kernels/cuda,electra-pretrain/cuda,electra-ner/cuda --test fused --test gpu --test launches --test card_memory)
if [[ $(ldconfig -p) == *libcuda.so.1* ]]; then
    cargo test --release "${tests[@]}"
else
    DOCS_RS=1 cargo check --features cuda
    DOCS_RS=1 cargo check "${tests[@]}"
fi
