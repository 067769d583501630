//! Whether products are left to tensor cores.

use std::sync::atomic::{AtomicU64, Ordering};

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
