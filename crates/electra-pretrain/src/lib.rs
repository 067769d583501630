//! ELECTRA pretraining as a task: what a recipe says, what a step does, what a run leaves behind.
//!
//! ```text
//! recipe ──► loader ──► mask ──► train ──► evaluate ──► snapshot
//! ```
//! One training step is in [`step`], and reads like the paper's algorithm.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod bench;
pub mod code;
pub mod corruption;
pub mod data;
pub mod detection;
pub mod detector;
pub mod evaluate;
pub mod fixed_proposal;
mod frequency;
pub mod heldout;
mod interval;
pub mod loader;
pub mod mask;
pub mod metrics;
pub mod monitor;
mod per_byte;
pub mod plan;
pub mod progress;
pub mod recipe;
pub mod report;
pub mod scheme;
pub mod snapshot;
pub mod step;
pub mod train;

pub use monitor::{Event, Monitor};
pub use recipe::Recipe;
pub use train::{Ended, Environment, Estimate, RunSetup, TrainError, pretrain};
