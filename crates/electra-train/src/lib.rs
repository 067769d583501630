//! Parts that every training loop of electra shares: pretraining, and fine-tuning for each task.
//!
//! This is no trainer. A task owns its `for` loop and calls:
//!
//! ```
//! use burn::{nn, optim::GradientsParams, prelude::*};
//! use electra_model::Precision;
//! use electra_optim::AdamConfig;
//! use electra_train::{Backward, OptimizerConfig, Progress, Snapshot, StepLoss, apply_gradients};
//!
//! /// What a checkpoint says of the progress, beside weights and moments.
//! #[derive(Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
//! struct Steps(u64);
//!
//! impl Progress for Steps {
//!     fn step(&self) -> u64 { self.0 }
//!     fn advance(&mut self) { self.0 += 1; }
//! }
//!
//! let device = Device::flex().autodiff();
//! let mut snapshot = Snapshot::<_, Steps>::new(nn::LinearConfig::new(3, 1).init(&device));
//! let config = OptimizerConfig { adam: AdamConfig::ELECTRA, muon: None, max_grad_norm: 1.0, precision: Precision::F32 };
//! for _ in 0..2 {
//!     apply_gradients(&mut snapshot, config, |_path| 5e-4, |model: &nn::Linear, loss_scale| {
//!         let loss = model.forward(Tensor::<2>::ones([1, 3], &device)).mean();
//!         let losses = vec![loss.clone().inner()];
//!         let gradients = GradientsParams::from_grads((loss * loss_scale).backward(), model);
//!         let sum = |losses: &[f64]| StepLoss { loss: losses[0], parts: vec![], measured: () };
//!         Backward { losses, sum: Box::new(sum), gradients }
//!     })?;
//! }
//! assert_eq!(snapshot.step(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | part | what it does |
//! |---|---|
//! | [`resume`](resume::resume) | the snapshot of the last intact checkpoint, or the start |
//! | [`Snapshot`] | weights, moments of the optimizer and progress, as the blobs of a checkpoint |
//! | [`apply_gradients`] | loss scale, finiteness, clipping by the global norm, Adam |
//! | [`model_folder`], [`encoder_init`] | the model that fine-tuning begins with, and its lineage |
//! | [`pytorch`] | tensors of a file that `torch.save` wrote |
//! | [`card_metadata`] | metadata of model cards |
//! | [`epochs`], [`collapse`] | progress of a run that is scored after each epoch, and the guard that stops one that learns nothing |
//! | [`finetuning`], [`layerwise_lr`] | the tables that every fine-tuning recipe has, and the rates of single parameters |
//! | [`LengthBatches`] | which sequences make a step, those of like length together |
//! | [`EpochRun`], [`EpochMonitor`] | what surrounds the loop of such a run: records, checkpoints, the end; and whoever watches it |
//! | [`seeds`], [`run_seeds`] | folder of several seeds of one recipe, their runs, and the copy of the best result |
//! | [`Recorder`] | log, TensorBoard, notes, checkpoints, the end |
//!
//! # What it never does
//!
//! It knows no task: neither masking nor tags. It has no loop, prints nothing, and has no features to choose.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![warn(unreachable_pub)]

mod ancestors;
pub mod card_metadata;
pub mod collapse;
mod divergence;
pub mod encoder_init;
mod environment;
mod epoch_monitor;
mod epoch_run;
pub mod epochs;
mod error;
pub mod finetuning;
pub mod layerwise_lr;
pub mod layout;
mod length_batches;
pub mod model_folder;
mod monitor;
pub mod pytorch;
pub mod recorder;
pub mod resume;
pub mod seeds;
mod several_seeds;
mod snapshot;
mod stopped;
mod update;

pub use ancestors::{Ancestor, add_ancestors, ancestors, ancestors_file, model_name};
pub use divergence::Divergence;
pub use environment::Environment;
pub use epoch_monitor::{EpochEvent, EpochMonitor, EpochRecord, SilentMonitor};
pub use epoch_run::{EpochPlan, EpochRun, Resumed, RunEnd};
pub use error::RunError;
pub use length_batches::LengthBatches;
pub use monitor::Monitor;
pub use recorder::{Recorder, RunStart};
pub use several_seeds::{SeedOutcomes, SeedStop, run_seeds};
pub use snapshot::{Progress, Snapshot, SnapshotError, read_tensors};
pub use stopped::{Stopped, stopped_by};
pub use update::{
    Backward, OptimizerConfig, StepLoss, SumOfLosses, Update, apply_gradients, try_apply_gradients,
};
