//! The joint step on wgpu is the one on the CPU. Needs a Vulkan device; Mesa's software one is enough.
#![cfg(feature = "wgpu")]

#[allow(dead_code)]
#[path = "../../electra-model/tests/networks/golden.rs"]
mod golden;
#[path = "training/recipe.rs"]
mod recipe;
#[path = "training/steps.rs"]
mod steps;
#[allow(dead_code)]
#[path = "../../electra-model/tests/networks/tiny.rs"]
mod tiny;

use burn::prelude::*;

#[test]
fn wgpu_takes_the_same_steps_as_flex() {
    steps::assert_steps_as_on_flex(&Device::wgpu(Default::default()).autodiff());
}
