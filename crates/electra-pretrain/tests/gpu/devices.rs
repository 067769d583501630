//! The devices that every test runs on: the cards of the backends that this is compiled with.

use burn::prelude::*;

/// A device for training of each of them.
pub fn devices() -> Vec<Device> {
    vec![
        #[cfg(feature = "wgpu")]
        Device::wgpu(Default::default()).autodiff(),
        #[cfg(feature = "cuda")]
        Device::cuda(0).autodiff(),
    ]
}
