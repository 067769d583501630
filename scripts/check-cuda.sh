#!/usr/bin/env bash
# Type-checks the CUDA backend. DOCS_RS=1 keeps its build script from downloading LLVM.
set -euo pipefail
cd "$(dirname "$0")/.."

DOCS_RS=1 cargo check --features cuda
