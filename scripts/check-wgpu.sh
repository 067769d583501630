#!/usr/bin/env bash
# Tests on wgpu: the kernels for cards against double precision, networks and steps against the CPU's, and counts
# of launches and reads. Installs Mesa's software Vulkan on Debian if no Vulkan loader is there.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $(ldconfig -p) != *libvulkan.so.1* ]]; then
    apt-get update
    apt-get install -y libvulkan1 mesa-vulkan-drivers
fi
# In one command, so that cargo compiles the libraries once for both crates.
cargo test -p electra-kernels -p electra-pretrain --features electra-kernels/wgpu,electra-pretrain/wgpu \
    --test fused --test gpu --test launches
# burn's fault for which its fusion is off.
cargo test -p electra-kernels --features wgpu,fusion --test fusion
