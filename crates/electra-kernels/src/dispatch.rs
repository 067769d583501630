//! The choice between the fused and the composed version of each operation.

/// Calls the fused operation if the Flex backend can take all the tensors, and returns from the
/// enclosing function.
macro_rules! fused {
    ($($tensor:expr),+ $(; $precision:ident)? => $call:ident($($arg:expr),*)) => {
        #[cfg(feature = "flex")]
        if $(crate::flex::supports(&$tensor))&&+ $(&& $precision != Precision::F16)? {
            use burn::backend::Dispatch;
            use crate::flex::Fused;
            return Tensor::from_dispatch(<Dispatch as Fused>::$call($($arg),*));
        }
    };
}

/// Calls an operation of the Flex backend that has no gradient, likewise.
macro_rules! fused_untracked {
    ($test:ident($($tensor:ident),+) => $call:ident($($arg:expr),*)) => {
        #[cfg(feature = "flex")]
        if $(crate::flex::$test(&$tensor))&&+ {
            return crate::flex::$call($($arg),*);
        }
    };
}

mod blocks;
mod operations;

pub use self::blocks::{attention_block, feed_forward_block};
pub use self::operations::{
    adam_update, dropout, embed, gather_positions, gelu, layer_norm, linear, linear_gelu,
    residual_layer_norm, sample_categorical, squared_norm, tied_logits, weighted_binary_cross_entropy,
    weighted_cross_entropy,
};
