//! The devices that every test runs on: those of the CPU.

use burn::prelude::*;

/// The device of the fused operations and one on which all of them are composed, for training.
// burn-ndarray is deprecated but still the other device for the CPU.
#[expect(deprecated)]
pub fn devices() -> [Device; 2] {
    [Device::flex().autodiff(), Device::ndarray().autodiff()]
}
