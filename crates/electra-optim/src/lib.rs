//! The optimizer of ELECTRA: learning-rate schedule, layer-wise rates, gradient clipping and Adam.
//!
//! One training step reads
//!
//! ```text
//! let clip = clip_by_global_norm(&model, &gradients, 1.0)?;
//! model = adam.step(&mut state, model, gradients, |_| schedule.at(step), clip.scale);
//! ```
//!
//! The numbers follow `model/optimization.py` of google-research/electra; where the paper or
//! PyTorch differ, the difference is a named choice. State is keyed by parameter path
//! (`discriminator.encoder.layers.0.attention.query.weight`), never by burn's `ParamId`, which is
//! drawn anew in every process.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
// What only this crate sees is not `pub`, so that its surface is what `pub` says.
#![warn(unreachable_pub)]

mod accumulate;
mod adam;
mod burn_optimizer;
mod clip;
mod groups;
mod path;
mod schedule;
mod state;

pub use accumulate::add_gradients;
pub use adam::{Adam, AdamConfig, AdamConfigError};
pub use burn_optimizer::ElectraAdam;
pub use clip::{Clip, NonFiniteGradients, clip_by_global_norm};
pub use groups::{Depth, LayerwiseDecay, LayerwiseMode, depth_of, has_weight_decay};
pub use schedule::{Decay, Schedule, ScheduleError};
pub use state::{Moments, OptimizerState, StateError};
