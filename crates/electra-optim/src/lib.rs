//! The optimizer of ELECTRA: learning-rate schedule, layer-wise rates, gradient clipping, Adam and Muon.
//!
//! ```
//! use burn::{nn, optim::GradientsParams, prelude::*};
//! use electra_optim::{Adam, AdamConfig, Decay, OptimizerState, Schedule, clip_by_global_norm};
//!
//! let device = Device::flex().autodiff();
//! let mut model = nn::LinearConfig::new(3, 1).init(&device);
//! let (adam, mut state) = (Adam { config: AdamConfig::ELECTRA }, OptimizerState::default());
//! let schedule = Schedule {
//!     peak: 5e-4, warmup_steps: 2, total_steps: 10, decay: Decay::Polynomial { power: 1.0 },
//! };
//! for step in 0..3 {
//!     let loss = model.forward(Tensor::<2>::ones([1, 3], &device)).mean();
//!     let gradients = GradientsParams::from_grads(loss.backward(), &model);
//!     let clip = clip_by_global_norm(&model, &gradients, 1.0)?;
//!     model = adam.step(&mut state, model, gradients, |_path| schedule.at(step), clip.scale);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | follow the paper's update, or PyTorch's AdamW | [`Adam`] with [`AdamConfig::ELECTRA`] or [`AdamConfig::ADAMW`] |
//! | make the updates of matrices orthogonal | [`Muon`] |
//! | warm up and decay | [`Schedule`] |
//! | lower the rate from block to block | [`LayerwiseDecay`] |
//! | add up gradients of micro-batches | [`add_gradients`] |
//! | average weights over steps | [`WeightAverage`] |
//! | save and continue | [`OptimizerState`] |
//! | use it where burn asks for an optimizer | [`ElectraAdam`] |
//!
//! The numbers follow `model/optimization.py` of google-research/electra; where the paper or PyTorch differ, the
//! difference is a named choice. State is keyed by parameter path
//! (`discriminator.encoder.layers.0.attention.query.weight`), never by burn's `ParamId`, which is drawn anew in
//! every process.
//!
//! # What it never does
//!
//! It changes no gradient in secret: what is clipped, scaled or not finite is returned. It writes no file.
//! There are no features to choose: the backend is that of the tensors.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
// What only this crate sees is not `pub`, so that its surface is what `pub` says.
#![warn(unreachable_pub)]

mod accumulate;
mod adam;
mod average;
mod burn_optimizer;
mod clip;
mod flat;
mod groups;
mod muon;
mod path;
mod schedule;
mod state;
mod step;

pub use accumulate::add_gradients;
pub use adam::{AdamConfig, AdamConfigError};
pub use average::WeightAverage;
pub use burn_optimizer::ElectraAdam;
pub use clip::{Clip, ClipOnDevice, NonFiniteGradients, clip_by_global_norm};
pub use flat::{flat_length, of_flat, to_flat};
pub use groups::{Depth, LayerwiseDecay, LayerwiseMode, depth_of, has_weight_decay, is_encoder_matrix};
pub use muon::{AdjustRate, MuonConfig, MuonConfigError};
pub use schedule::{CooldownForm, Decay, Schedule, ScheduleError};
pub use state::{Moments, OptimizerState, StateError};
pub use step::{Adam, Muon};
