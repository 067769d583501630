#!/usr/bin/env bash
# Ours against PyTorch and ONNX Runtime on this machine: training steps, fine-tuning, inference,
# latency, memory, and building data against the tokenizers library alone. Each case takes turns,
# a round of ours and a round of theirs, and is told by the median of the rounds' ratios and by the
# smallest and largest of them. Leave the machine alone meanwhile.
#
#   scripts/bench-against-pytorch.sh [--rounds N] [--only CASE,...] [--threads N] [--json FILE]
#
# Makes a virtual environment in target/pytorch the first time (a gigabyte).
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release
python=target/pytorch/bin/python
if [ ! -x "$python" ]; then
    python3 -m venv target/pytorch
    target/pytorch/bin/pip install --quiet torch numpy tokenizers zstandard onnx onnxruntime
fi
exec "$python" scripts/reference/against_pytorch.py "$@"
