//! The choice between the fused and the composed version of each operation.

#[cfg(any(feature = "flex", all(feature = "cube", not(feature = "fusion"))))]
use burn::tensor::Tensor;

#[cfg(any(feature = "flex", all(feature = "cube", not(feature = "fusion"))))]
use crate::Precision;

/// Calls the fused operation if the backend has one for all the tensors, and returns from the enclosing
/// function.
macro_rules! fused {
    ($($tensor:expr),+ => $call:ident($($arg:expr),*)) => {
        fused!($($tensor),+; in Precision::F32 => $call($($arg),*))
    };
    ($($tensor:expr),+; $precision:ident => $call:ident($($arg:expr),*)) => {
        fused!($($tensor),+; in $precision => $call($($arg),*))
    };
    ($($tensor:expr),+; in $precision:expr => $call:ident($($arg:expr),*)) => {
        #[cfg(any(feature = "flex", all(feature = "cube", not(feature = "fusion"))))]
        if $(crate::dispatch::supports(&$tensor, $precision))&&+ {
            use burn::backend::Dispatch;
            use crate::fused::Fused;
            return Tensor::from_dispatch(<Dispatch as Fused>::$call($($arg),*));
        }
    };
}

/// Calls an operation of a backend that has no gradient, likewise.
macro_rules! fused_untracked {
    ($test:ident($($tensor:ident),+) => $call:ident($($arg:expr),*)) => {
        #[cfg(feature = "flex")]
        if $(crate::flex::$test(&$tensor))&&+ {
            return crate::flex::$call($($arg),*);
        }
        #[cfg(all(feature = "cube", not(feature = "fusion")))]
        if $(crate::cube::$test(&$tensor))&&+ {
            return crate::cube::$call($($arg),*);
        }
    };
}

/// Whether the fused operations take `x` with matrix products in `precision`: 32-bit floats, tracked or not, on
/// the CPU in all but 16-bit IEEE floats.
#[cfg(any(feature = "flex", all(feature = "cube", not(feature = "fusion"))))]
fn supports<const D: usize>(x: &Tensor<D>, precision: Precision) -> bool {
    #[cfg(feature = "flex")]
    if crate::flex::supports(x) {
        return precision != Precision::F16;
    }
    #[cfg(all(feature = "cube", not(feature = "fusion")))]
    if crate::cube::supports(x) {
        return true;
    }
    let _ = (x, precision);
    false
}

mod blocks;
mod operations;

pub use self::blocks::{attention_block, feed_forward_block};
pub use self::operations::{
    adam_update, adam_updates, clip_on_device, dropout, embed, gather_positions, gelu, layer_norm, linear,
    linear_gelu, residual_layer_norm, sample_categorical, squared_norm, squared_norms, tied_logits,
    weighted_binary_cross_entropy, weighted_cross_entropy,
};
