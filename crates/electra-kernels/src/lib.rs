//! The operations of ELECTRA that deserve to be one operation.
//!
//! Shapes: `B` batch, `S` sequence, `H` hidden, `E` embedding, `V` vocabulary,
//! `N` masked slots of a sequence, `M = B * N`.
//!
//! Each function takes the fused path of its tensor's backend where there is one (Flex with
//! 32-bit floats, feature `flex`) and the composition of burn's own operations elsewhere.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

/// Version of what the kernels compute, raised with every change of a bit of it on any processor: runs of
/// other kernels are other runs (`docs/decisions/0007`).
pub const NUMERICS_VERSION: u32 = 1;

mod allocator;
mod block;
pub mod composed;
mod dropout;
#[cfg(feature = "flex")]
mod flex;
mod fused;
mod host;
mod memory;
mod passes;
mod precision;
mod workers;

pub use allocator::{CacheLines, when_exhausted};
pub use block::{Affine, AttentionBlock, FeedForwardBlock, Norm};
pub use composed::{AdamStep, AdamUpdated, is_f32, softplus, write_at_positions};
pub use dropout::{Dropout, split_mix};
pub use fused::{
    adam_update, attention_block, dropout, embed, feed_forward_block, gather_positions, gelu, layer_norm,
    linear, linear_gelu, residual_layer_norm, sample_categorical, squared_norm, tied_logits,
    weighted_binary_cross_entropy, weighted_cross_entropy,
};
pub use host::read;
pub use memory::keep_freed_memory;
pub use passes::{InLoop, Pass, Passes, is_in_loop, passes};
pub use precision::Precision;
#[cfg(feature = "flex")]
pub use workers::Workers;
pub use workers::{on_workers, use_threads};
