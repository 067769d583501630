#!/usr/bin/env bash
# Tests on wgpu: the kernels for cards against double precision, networks and steps against the CPU's, and counts
# of launches and reads. Installs Mesa's software Vulkan on Debian if no Vulkan loader is there.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $(ldconfig -p) != *libvulkan.so.1* ]]; then
    apt-get update
    apt-get install -y libvulkan1 mesa-vulkan-drivers
fi
# The crates in one command, so that cargo compiles the libraries once.
crates=(-p electra-kernels -p electra-pretrain -p electra-ner
    --features electra-kernels/wgpu,electra-pretrain/wgpu,electra-ner/wgpu)
cargo test "${crates[@]}" --test fused --test gpu --test launches --test card_memory
# .ci/run does not compile what cards alone need.
cargo clippy "${crates[@]}" --all-targets -- -D warnings
# burn's fault for which its fusion is off.
cargo test -p electra-kernels --features wgpu,fusion --test fusion
