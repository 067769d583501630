//! Parts that every training loop of electra shares: pretraining, and fine-tuning for each task.
//!
//! This is no trainer. A task owns its `for` loop and calls:
//!
//! | part | what it does |
//! |---|---|
//! | [`resume`](resume::resume) | the snapshot of the last intact checkpoint, or the start |
//! | [`Snapshot`] | weights, moments of the optimizer and progress, as the blobs of a checkpoint |
//! | [`apply_gradients`] | loss scale, finiteness, clipping by the global norm, Adam |
//! | [`model_folder`], [`encoder_init`] | the model that fine-tuning begins with, and its lineage |
//! | [`epochs`], [`collapse`] | progress of a run that is scored after each epoch, and the guard that stops one that learns nothing |
//! | [`seeds`] | folder of several seeds of one recipe, and the copy of the best result |
//! | [`Recorder`] | log, TensorBoard, notes, checkpoints, the end |

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod collapse;
mod divergence;
pub mod encoder_init;
pub mod epochs;
mod error;
pub mod layout;
pub mod model_folder;
mod monitor;
pub mod recorder;
pub mod resume;
pub mod seeds;
mod snapshot;
mod update;

pub use divergence::Divergence;
pub use error::RunError;
pub use monitor::Monitor;
pub use recorder::{Beginning, Recorder};
pub use snapshot::{Progress, Snapshot, SnapshotError, read_tensors};
pub use update::{Backward, OptimizerConfig, Update, apply_gradients};
