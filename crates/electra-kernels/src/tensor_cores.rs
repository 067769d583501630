//! Tensor cores: whether a card has them, and products that ran without.

use std::sync::atomic::{AtomicU64, Ordering};

use burn::prelude::*;

static WITHOUT: AtomicU64 = AtomicU64::new(0);

/// The number of matrix products on cards that ran without tensor cores though their
/// [precision](crate::Precision) allows for them: the device has none of the type, or none that take the shape.
pub fn products_without_tensor_cores() -> u64 {
    WITHOUT.load(Ordering::Relaxed)
}

/// Counts such a product.
#[cfg(all(feature = "cube", not(feature = "fusion")))]
pub(crate) fn count_product_without() {
    WITHOUT.fetch_add(1, Ordering::Relaxed);
}

/// Whether the card behind `device` has tensor cores that take TF32.
pub(crate) fn has_tf32(device: &Device) -> bool {
    #[cfg(feature = "cube")]
    {
        use cubecl::ir::{ElemType, FloatKind};

        crate::cube_device::cube_of(device)
            .is_some_and(|cube| cube.client().properties().supports_type(ElemType::Float(FloatKind::TF32)))
    }
    #[cfg(not(feature = "cube"))]
    {
        let _ = device;
        false
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_has_none() {
        assert!(!has_tf32(&Device::flex()));
    }
}
