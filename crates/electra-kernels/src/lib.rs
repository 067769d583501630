//! Tensor operations of ELECTRA, fused on the CPU and on cards: forward and backward passes of layer normalisation,
//! linear layers, attention and feed-forward blocks, embeddings, losses, sampling and the Adam update.
//!
//! ```
//! use burn::prelude::*;
//! use electra_kernels::{layer_norm, sample_categorical};
//!
//! let device = Device::flex();
//! let x = Tensor::<2>::from_data([[1.0, 3.0], [2.0, 2.0]], &device);
//! let normalised = layer_norm(x, Tensor::ones([2], &device), Tensor::zeros([2], &device), 1e-12);
//! assert_eq!(normalised.into_data().to_vec::<f32>()?, [-1.0, 1.0, 0.0, 0.0]);
//!
//! // The inverse of the distribution function at .9: the second of two equally likely ids.
//! let ids = sample_categorical(Tensor::zeros([1, 2], &device), Tensor::from_data([0.9], &device), 1.0, None);
//! assert_eq!(ids.into_scalar::<i64>(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Shapes: `B` batch, `S` sequence, `H` hidden, `E` embedding, `V` vocabulary,
//! `N` masked slots of a sequence, `M = B * N`.
//!
//! | to | use |
//! |---|---|
//! | compute a block of a transformer | [`attention_block`], [`feed_forward_block`], [`residual_layer_norm`] |
//! | compute layers and losses | [`embed`], [`linear`], [`tied_logits`], [`weighted_cross_entropy`], ... |
//! | compute the same without fusing, as a reference | [`composed`] |
//! | update parameters | [`adam_updates`], [`squared_norms`], [`clip_on_device`] |
//! | read numbers from a device | [`read`], [`host_reads`] |
//! | name a device, and know what a card has | [`DeviceName`], [`card`] |
//! | keep compiled kernels for the next process | [`keep_kernels_in`] |
//! | divide work among threads | [`on_workers`], [`use_threads`] |
//!
//! | feature | backend |
//! |---|---|
//! | `flex` | burn's maintained CPU backend, with the fused kernels |
//! | `ndarray` | its older CPU backend |
//! | `wgpu`, `cuda` | GPUs, with kernels in CubeCL |
//! | `vulkan` | as `wgpu`, compiled to SPIR-V on Vulkan, which can be kept |
//! | `fusion` | GPUs without those kernels, by burn's own fusion of element-wise operations: to compare with |
//!
//! Each function takes the fused path of its tensor's backend where there is one (`flex`, `wgpu` and `cuda`, 32-bit
//! floats) and the composition of burn's own operations elsewhere. No feature is on by default.
//!
//! # What it never does
//!
//! It owns no parameters and draws no random numbers of its own: uniform numbers and seeds of dropout are
//! arguments, so the same arguments give the same bits on any number of threads.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
// What only this crate sees is not `pub`, so that its surface is what `pub` says.
#![warn(unreachable_pub)]

/// The version of the kernels' numerics, raised with every change of a bit of it on any processor: runs of
/// other kernels are other runs (`docs/decisions/0007`).
pub const NUMERICS_VERSION: u32 = 1;

mod adam_step;
mod allocator;
mod card;
pub mod composed;
#[cfg(all(feature = "cube", not(feature = "fusion")))]
mod cube;
mod cube_device;
mod device;
mod dispatch;
mod dropout;
#[cfg(feature = "flex")]
mod flex;
#[cfg(any(feature = "flex", all(feature = "cube", not(feature = "fusion"))))]
mod fused;
mod kernel_cache;
#[cfg(feature = "cube")]
mod launches;
mod memory;
mod passes;
mod precision;
mod read_to_host;
mod sum;
mod tensor_cores;
mod transformer_block;
mod workers;

pub use adam_step::{AdamStep, AdamUpdate, AdamUpdated};
pub use allocator::{CacheLineAllocator, on_out_of_memory};
pub use card::{Card, card, device_memory};
pub use composed::{is_f32, scatter_positions, softplus};
pub use device::{ComputeSettings, DeviceError, DeviceName, UnknownDevice};
pub use dispatch::{
    adam_update, adam_updates, attention_block, clip_on_device, dropout, embed, feed_forward_block,
    gather_positions, gelu, layer_norm, linear, linear_gelu, residual_layer_norm, sample_categorical,
    squared_norm, squared_norms, tied_logits, weighted_binary_cross_entropy, weighted_cross_entropy,
};
pub use dropout::{Dropout, split_mix};
pub use kernel_cache::{KEEPS_KERNELS, keep_kernels_in};
#[cfg(feature = "cube")]
pub use launches::{Launches, count_launches};
pub use memory::keep_freed_memory;
pub use passes::{LoopGuard, Pass, Passes, is_in_loop, passes};
pub use precision::Precision;
pub use read_to_host::{host_reads, read, read_number, read_to_host};
pub use sum::sum;
pub use tensor_cores::products_without_tensor_cores;
pub use transformer_block::{AttentionBlock, FeedForwardBlock, LayerNormParams, LinearParams};
#[cfg(feature = "flex")]
pub use workers::Workers;
pub use workers::{on_workers, use_threads};
