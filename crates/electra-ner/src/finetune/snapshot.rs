//! The state of a run as named blobs: weights, optimizer, how far it has come.

use burn::prelude::*;
use electra_model::Precision;
use electra_model::parameters::{self, LoadError, NamedTensors, SafetensorsError};
use electra_optim::{OptimizerState, StateError};
use electra_run::checkpoint::{Checkpoint, CheckpointError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::step::Step;
use crate::collapse_guard::EpochScore;
use crate::layerwise_lr::Rates;
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
    /// The progress is none that a run of this recipe and this data makes.
    #[error("{STATE}: {0}")]
    Progress(String),
}

impl Progress {
    /// Refuses what no run in epochs of so many steps comes to after `step` steps.
    fn check(&self, step: u64, steps_per_epoch: u64, epochs: u64) -> Result<(), SnapshotError> {
        let refuse = |what: String| Err(SnapshotError::Progress(what));
        if self.step != step {
            return refuse(format!("it is of step {}, and the checkpoint of step {step}", self.step));
        }
        let done = self.epochs.len() as u64;
        if done > epochs {
            return refuse(format!("{done} epochs are done, and the recipe has {epochs}"));
        }
        // An epoch is counted when it is scored, behind its last step.
        let begun = done.saturating_mul(steps_per_epoch);
        let open = step.checked_sub(begun).filter(|&open| open <= steps_per_epoch && open == self.open.steps);
        if open.is_none() {
            return refuse(format!(
                "{done} epochs of {steps_per_epoch} steps and {} of the next are not {step} steps",
                self.open.steps
            ));
        }
        let is_score = |score: &EpochScore| score.loss.is_finite() && (0.0..=1.0).contains(&score.f1);
        match self.epochs.iter().position(|score| !is_score(score)) {
            Some(epoch) => refuse(format!("the F1 of epoch {} is {}", epoch + 1, self.epochs[epoch].f1)),
            None => Ok(()),
        }
    }

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
        [steps_per_epoch, epochs]: [u64; 2],
    ) -> Result<Self, SnapshotError> {
        let progress: Progress = serde_json::from_slice(&checkpoint.load(STATE)?)?;
        progress.check(checkpoint.step, steps_per_epoch, epochs)?;
        let tagger = Tagger::from_parameters(read(checkpoint, MODEL)?, shape, device, precision)?;
        let tagger = rates.freeze(tagger);
        let optimizer = OptimizerState::from_named(read(checkpoint, OPTIMIZER)?, &tagger, progress.step)?;
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
    fn progress_that_no_run_makes_is_refused() {
        let progress = |step: u64, f1: &[f64], open: u64| Progress {
            step,
            epochs: f1.iter().map(|&f1| EpochScore { loss: 1.0, f1 }).collect(),
            open: OpenEpoch { steps: open, ..OpenEpoch::default() },
        };
        let check = |progress: Progress, step| progress.check(step, 10, 3).map_err(|error| error.to_string());
        for (good, step) in [
            (progress(0, &[], 0), 0),
            (progress(7, &[], 7), 7),
            (progress(10, &[], 10), 10),
            (progress(20, &[0.0, 1.0], 0), 20),
            (progress(30, &[0.1, 0.2, 0.3], 0), 30),
        ] {
            assert_eq!(check(good, step), Ok(()));
        }
        for (bad, step, expected) in [
            (progress(7, &[], 7), 8, "it is of step 7, and the checkpoint of step 8"),
            (progress(40, &[0.1; 4], 0), 40, "4 epochs are done, and the recipe has 3"),
            (progress(11, &[], 11), 11, "are not 11 steps"),
            (progress(5, &[0.1], 5), 5, "1 epochs of 10 steps and 5 of the next are not 5 steps"),
            (progress(u64::MAX, &[0.1], 3), u64::MAX, "are not 18446744073709551615 steps"),
            (progress(20, &[0.1, 313.0], 0), 20, "the F1 of epoch 2 is 313"),
        ] {
            let error = check(bad, step).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
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
