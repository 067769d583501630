#!/usr/bin/env bash
# Tests on wgpu: installs Mesa's software Vulkan on Debian if no Vulkan loader is there.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $(ldconfig -p) != *libvulkan.so.1* ]]; then
    apt-get update
    apt-get install -y libvulkan1 mesa-vulkan-drivers
fi
cargo test -p electra-pretrain --features wgpu --test gpu
