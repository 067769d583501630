//! Pretraining of ELECTRA: recipe, masking, training, evaluation, and detection of replaced tokens.
//!
//! ```
//! # mod small_run { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/small_run/mod.rs")); }
//! # let temporary = tempfile::tempdir()?;
//! # let folder = small_run::pretrain_tiny(temporary.path())?;
//! use electra_pretrain::Detector;
//!
//! let detector = Detector::open(folder)?;
//! for token in detector.detect("The river runs to the market.") {
//!     println!("{} {:.2}", token.token, token.probability);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `examples/pretrain_tiny.rs` goes all the way from text to a model.
//!
//! ```text
//! recipe ──► loader ──► mask ──► train ──► evaluate ──► snapshot
//! ```
//! One training step is in [`step`], and reads like the paper's algorithm.
//!
//! | to | use |
//! |---|---|
//! | pretrain, or continue a run | [`Recipe`], [`RunSetup`], [`pretrain`] |
//! | begin with the weights of another model | [`InitialWeights`], [`RunSetup::take_with`] |
//! | see which tokens of a text look replaced | [`Detector`] |
//! | see what a generator puts in a gap of a text | [`MaskFiller`] |
//! | judge discriminators on one corruption of a text | [`detection`], [`corruption`] |
//!
//! | feature | backend |
//! |---|---|
//! | `flex` (default) | burn's maintained CPU backend, with the fused kernels |
//! | `ndarray` | its older CPU backend |
//! | `wgpu` | any GPU with Vulkan, Metal or WebGPU |
//! | `cuda` | NVIDIA GPUs |
//!
//! # What it never does
//!
//! It fine-tunes nothing, prints nothing, and opens no connection.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![warn(unreachable_pub)]

mod batch_plan;
pub mod bench;
pub mod code;
pub mod corruption;
pub mod data;
pub mod detection;
mod detector;
pub mod evaluate;
mod exchange;
pub mod fixed_proposal;
mod frequency;
mod gradient_sum;
pub mod heldout;
pub mod initial_weights;
mod interval;
pub mod least_memory;
pub mod loader;
pub mod mask;
mod mask_filler;
pub mod mask_rate;
pub mod metrics;
pub mod micro_batches;
pub mod mixture;
pub mod monitor;
mod per_byte;
pub mod phases;
pub mod plan;
pub mod progress;
pub mod recipe;
pub mod report;
pub mod scheme;
pub mod snapshot;
pub mod step;
mod tokenizer_difference;
pub mod train;

pub use detector::{Detection, DetectionWindows, Detector, DetectorBuilder, DetectorError};
pub use electra_kernels::{DeviceError, DeviceName};
pub use initial_weights::{InitialWeights, InitialWeightsError};
pub use mask_filler::{Guess, MaskFiller};
pub use monitor::{Event, Monitor};
pub use recipe::Recipe;
pub use train::{Environment, Estimate, RunEnd, RunSetup, TrainError, pretrain, pretrain_on};
