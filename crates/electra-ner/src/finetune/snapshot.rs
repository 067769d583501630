//! The state of a run as named blobs: weights, optimizer, how far it has come.

use burn::prelude::*;
use electra_model::Precision;
use electra_model::parameters::{self, LoadError, NamedTensors, SafetensorsError};
use electra_optim::{OptimizerState, StateError};
use electra_run::checkpoint::{Checkpoint, CheckpointError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::step::Step;
use crate::dead_run::EpochScore;
use crate::rates::Rates;
use crate::tagger::{Tagger, TaggerShape};

/// File of the weights, in our own names.
pub const MODEL: &str = "model.safetensors";
/// File of the optimizer's moments.
const OPTIMIZER: &str = "optimizer.safetensors";
/// File of [`Progress`].
const STATE: &str = "state.json";

/// Everything that changes in a run. Data order, dropout and learning rate are functions of the
/// step and need no saving.
pub struct Snapshot {
    // `None` only while an update owns it, so that the update can work in place.
    tagger: Option<Tagger>,
    optimizer: OptimizerState,
    /// How far the run has come.
    pub progress: Progress,
}

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Optimizer steps done.
    pub step: u64,
    /// What each finished epoch came to.
    pub epochs: Vec<EpochScore>,
    /// Sums over the epoch under way.
    pub open: OpenEpoch,
}

/// Sums over the steps of an epoch that is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenEpoch {
    /// Of the losses of words, weighted.
    pub loss: f64,
    /// Of their weights.
    pub weight: f64,
    /// Of the norms of gradients.
    pub grad_norm: f64,
    /// Number of steps.
    pub steps: u64,
}

/// A checkpoint whose content does not fit the run.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The file cannot be had.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The file is no safetensors file.
    #[error("{file}: {source}")]
    Format {
        /// Name of the file.
        file: &'static str,
        /// What is wrong.
        source: SafetensorsError,
    },
    /// Weights of another tagger.
    #[error("{MODEL}: {0}")]
    Weights(#[from] LoadError),
    /// Moments of another tagger.
    #[error("{OPTIMIZER}: {0}")]
    Moments(#[from] StateError),
    /// The progress is missing.
    #[error("{STATE}: {0}")]
    State(#[from] serde_json::Error),
}

impl Progress {
    /// The best epoch, from 0, with its F1: of equal ones the first.
    pub fn best(&self) -> Option<(usize, f64)> {
        let better = |best: Option<(usize, f64)>, (epoch, score): (usize, &EpochScore)| match best {
            Some((_, f1)) if f1 >= score.f1 => best,
            _ => Some((epoch, score.f1)),
        };
        self.epochs.iter().enumerate().fold(None, better)
    }

    /// Epochs since the best. A run that has found nothing yet has no best epoch to wait behind.
    pub fn stale(&self) -> usize {
        self.best().filter(|(_, f1)| *f1 > 0.0).map_or(0, |(epoch, _)| self.epochs.len() - 1 - epoch)
    }
}

impl OpenEpoch {
    /// One step more.
    pub fn add(&mut self, step: &Step) {
        self.loss += step.loss;
        self.weight += step.weight;
        self.grad_norm += step.clip.norm;
        self.steps += 1;
    }
}

impl Snapshot {
    /// The state before the first step: what is frozen in `tagger` has no moments.
    pub fn start(tagger: Tagger, rates: &Rates) -> Self {
        let tagger = rates.freeze(tagger);
        let optimizer = OptimizerState::new(&tagger);
        Self { tagger: Some(tagger), optimizer, progress: Progress::default() }
    }

    /// The tagger, on the training device.
    pub fn tagger(&self) -> &Tagger {
        self.tagger.as_ref().expect("no update is under way")
    }

    /// Replaces the tagger by what `update` makes of it and counts the step. `update` gets it by
    /// value: where nobody else holds a parameter it can be overwritten.
    pub fn update(&mut self, update: impl FnOnce(Tagger, &mut OptimizerState) -> Tagger) {
        let tagger = self.tagger.take().expect("no update is under way");
        self.tagger = Some(update(tagger, &mut self.optimizer));
        self.progress.step += 1;
    }

    /// Blobs for a checkpoint.
    pub fn to_blobs(&self) -> [(&'static str, Vec<u8>); 3] {
        let tagger = parameters::to_safetensors(&parameters::collect(self.tagger()), None);
        let optimizer = parameters::to_safetensors(&self.optimizer.to_named().into_iter().collect(), None);
        let state = serde_json::to_vec(&self.progress).expect("numbers are JSON");
        [(MODEL, tagger), (OPTIMIZER, optimizer), (STATE, state)]
    }

    /// The state that [`Snapshot::to_blobs`] gave to `checkpoint`.
    ///
    /// # Errors
    /// Blobs that are damaged, or of another tagger.
    pub fn load(
        checkpoint: &Checkpoint,
        shape: TaggerShape,
        rates: &Rates,
        device: &Device,
        precision: Precision,
    ) -> Result<Self, SnapshotError> {
        let progress: Progress = serde_json::from_slice(&checkpoint.load(STATE)?)?;
        let tagger = Tagger::from_parameters(read(checkpoint, MODEL)?, shape, device, precision)?;
        let tagger = rates.freeze(tagger);
        let optimizer = OptimizerState::from_named(read(checkpoint, OPTIMIZER)?, &tagger)?;
        Ok(Self { tagger: Some(tagger), optimizer, progress })
    }
}

/// The tagger of a checkpoint alone, for use.
///
/// # Errors
/// Weights that are damaged, or of another tagger.
pub fn tagger_of(
    checkpoint: &Checkpoint,
    shape: TaggerShape,
    device: &Device,
    precision: Precision,
) -> Result<Tagger, SnapshotError> {
    Ok(Tagger::from_parameters(read(checkpoint, MODEL)?, shape, device, precision)?)
}

fn read(checkpoint: &Checkpoint, file: &'static str) -> Result<NamedTensors, SnapshotError> {
    let bytes = checkpoint.load(file)?;
    parameters::from_safetensors(&bytes).map_err(|source| SnapshotError::Format { file, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_epoch_is_the_first_of_equals() {
        let epochs = |f1: &[f64]| Progress {
            epochs: f1.iter().map(|&f1| EpochScore { loss: 1.0, f1 }).collect(),
            ..Progress::default()
        };
        assert_eq!((epochs(&[]).best(), epochs(&[]).stale()), (None, 0));
        assert_eq!((epochs(&[0.0]).best(), epochs(&[0.0]).stale()), (Some((0, 0.0)), 0));
        let progress = epochs(&[0.1, 0.6, 0.6, 0.5]);
        assert_eq!((progress.best(), progress.stale()), (Some((1, 0.6)), 2));
    }

    #[test]
    fn nobody_waits_for_a_better_score_before_there_is_one() {
        let stale = |f1: &[f64]| {
            let epochs = f1.iter().map(|&f1| EpochScore { loss: 1.0, f1 }).collect();
            Progress { epochs, ..Progress::default() }.stale()
        };
        assert_eq!(stale(&[0.0, 0.0, 0.0, 0.0]), 0);
        assert_eq!(stale(&[0.0, 0.0, 0.1]), 0);
        assert_eq!(stale(&[0.0, 0.0, 0.1, 0.0, 0.1]), 2);
    }
}
