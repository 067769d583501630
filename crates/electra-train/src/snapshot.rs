//! State of a run as named blobs: weights, moments of the optimizer, progress.

use burn::module::Module;
use electra_model::parameters::{self, LoadError, NamedTensors, SafetensorsError};
use electra_optim::{OptimizerState, StateError, WeightAverage};
use electra_run::checkpoint::{Checkpoint, CheckpointError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::layout::{AVERAGE, OPTIMIZER, STATE, WEIGHTS};

/// Progress of a run beside its weights and moments; saved as `state.json`.
pub trait Progress: Default + Serialize + DeserializeOwned {
    /// Optimizer steps done.
    fn step(&self) -> u64;

    /// Counts one more.
    fn advance(&mut self);
}

/// The state of a run: everything that changes in it, which is model, optimizer and progress. Data order,
/// masks, dropout and learning rate are functions of the step and need no saving.
pub struct Snapshot<M, P> {
    // `None` only while an update owns it, so that the update can work in place.
    model: Option<M>,
    optimizer: OptimizerState,
    average: Option<WeightAverage>,
    /// The progress of the run.
    pub progress: P,
}

/// A checkpoint whose content does not fit the run.
#[derive(Debug, Error, miette::Diagnostic)]
pub enum SnapshotError {
    /// The file cannot be had.
    #[error("{0}")]
    Checkpoint(
        #[from]
        #[diagnostic_source]
        CheckpointError,
    ),
    /// The file is no safetensors file.
    #[error("{file}: {source}")]
    Format {
        /// Name of the file.
        file: &'static str,
        /// A description of what is wrong.
        #[diagnostic_source]
        source: SafetensorsError,
    },
    /// Weights of another model.
    #[error("{WEIGHTS}: {0}")]
    Weights(
        #[from]
        #[diagnostic_source]
        LoadError,
    ),
    /// An average of another model.
    #[error("{AVERAGE}: {0}")]
    Average(#[diagnostic_source] LoadError),
    /// Moments of another model.
    #[error("{OPTIMIZER}: {0}")]
    Moments(
        #[from]
        #[diagnostic_source]
        StateError,
    ),
    /// The progress is missing or malformed.
    #[error("{STATE}: {0}")]
    State(#[from] serde_json::Error),
    /// The progress is that of another step.
    #[error("{STATE} is of step {found}, and the checkpoint of step {expected}")]
    Step {
        /// The step in the file.
        found: u64,
        /// The step that the checkpoint was saved under.
        expected: u64,
    },
    /// The progress is none that a run of this recipe and this data makes.
    #[error("{STATE}: {0}")]
    Progress(String),
}

impl<M: Module, P: Progress> Snapshot<M, P> {
    /// The state before the first step. Parameters that are frozen in `model` get no moments.
    pub fn new(model: M) -> Self {
        let optimizer = OptimizerState::new(&model);
        Self { model: Some(model), optimizer, average: None, progress: P::default() }
    }

    /// The model, on the training device.
    pub fn model(&self) -> &M {
        self.model.as_ref().expect("no update is under way")
    }

    /// Moments of the optimizer.
    pub fn optimizer(&self) -> &OptimizerState {
        &self.optimizer
    }

    /// Optimizer steps done.
    pub fn step(&self) -> u64 {
        self.progress.step()
    }

    /// The model with the average of its weights in their place, without autodiff; `None` where there is no average.
    pub fn averaged(&self) -> Option<M> {
        self.average.as_ref().map(|average| average.put_into(self.model().clone()))
    }

    /// Moves the average of the weights towards those that there are, by `1 - decay` of the way; the first time it
    /// begins as they are.
    pub fn average(&mut self, decay: f64) {
        let model = self.model.as_ref().expect("no update is under way");
        match &mut self.average {
            Some(average) => average.update(model, decay),
            None => self.average = Some(WeightAverage::of(model)),
        }
    }

    /// Replaces the model by what `update` makes of it and counts the step. `update` gets it by value: where
    /// nobody else holds a parameter it can be overwritten.
    pub fn update(&mut self, update: impl FnOnce(M, &mut OptimizerState) -> M) {
        let model = self.model.take().expect("no update is under way");
        self.model = Some(update(model, &mut self.optimizer));
        self.progress.advance();
    }

    /// Like [`update`](Self::update), of which `is_taken` says afterwards whether it was taken: if it was not, it has
    /// changed no parameter and no moment, and is not counted.
    ///
    /// # Errors
    /// That of `is_taken`.
    pub fn update_if<T, E>(
        &mut self,
        update: impl FnOnce(M, &mut OptimizerState) -> M,
        is_taken: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let model = self.model.take().expect("no update is under way");
        self.model = Some(update(model, &mut self.optimizer));
        let taken = is_taken();
        match taken {
            Ok(_) => self.progress.advance(),
            Err(_) => self.optimizer.forget_update(),
        }
        taken
    }

    /// Replaces the model between two steps.
    pub fn replace(&mut self, change: impl FnOnce(M) -> M) {
        self.model = self.model.take().map(change);
    }

    /// Blobs for a checkpoint.
    pub fn to_blobs(&self) -> Vec<(&'static str, Vec<u8>)> {
        let weights = |model: &M| parameters::to_safetensors(&parameters::collect(model), None);
        let model = weights(self.model());
        let optimizer = parameters::to_safetensors(&self.optimizer.to_named().into_iter().collect(), None);
        let state = serde_json::to_vec(&self.progress).expect("progress is JSON");
        let average = self.averaged().map(|averaged| (AVERAGE, weights(&averaged)));
        [(WEIGHTS, model), (OPTIMIZER, optimizer), (STATE, state)].into_iter().chain(average).collect()
    }

    /// The state that [`Snapshot::to_blobs`] gave to `checkpoint`: `model` makes the model of its weights,
    /// `check` refuses progress that no such run comes to, with a sentence.
    ///
    /// # Errors
    /// Blobs that are damaged, or of another model.
    pub fn load(
        checkpoint: &Checkpoint,
        check: impl FnOnce(&P) -> Result<(), String>,
        model: impl FnOnce(NamedTensors) -> Result<M, LoadError>,
    ) -> Result<Self, SnapshotError> {
        let progress: P = serde_json::from_slice(&checkpoint.load(STATE)?)?;
        if progress.step() != checkpoint.step {
            return Err(SnapshotError::Step { found: progress.step(), expected: checkpoint.step });
        }
        check(&progress).map_err(SnapshotError::Progress)?;
        let model = model(read_tensors(checkpoint, WEIGHTS)?)?;
        let moments = read_tensors(checkpoint, OPTIMIZER)?;
        let optimizer = OptimizerState::from_named(moments, &model, progress.step())?;
        Ok(Self { model: Some(model), optimizer, average: None, progress })
    }

    /// The state of blobs that [`Snapshot::to_blobs`] gave in another process, by their names.
    ///
    /// # Errors
    /// Blobs that are damaged, or of another model.
    pub fn of_blobs(
        blobs: &[(String, Vec<u8>)],
        model: impl Fn(NamedTensors) -> Result<M, LoadError>,
    ) -> Result<Self, SnapshotError> {
        let blob = |name: &str| blobs.iter().find(|blob| blob.0 == name).map(|blob| blob.1.as_slice());
        let tensors = |file: &'static str| {
            let read = parameters::from_safetensors(blob(file).unwrap_or_default());
            read.map_err(|source| SnapshotError::Format { file, source })
        };
        let progress: P = serde_json::from_slice(blob(STATE).unwrap_or_default())?;
        let of_weights = model(tensors(WEIGHTS)?)?;
        let optimizer = OptimizerState::from_named(tensors(OPTIMIZER)?, &of_weights, progress.step())?;
        let average = match blob(AVERAGE) {
            Some(_) => Some(WeightAverage::of(&model(tensors(AVERAGE)?).map_err(SnapshotError::Average)?)),
            None => None,
        };
        Ok(Self { model: Some(of_weights), optimizer, average, progress })
    }

    /// Takes the average of the weights from `checkpoint`, of which `model` makes a model.
    ///
    /// # Errors
    /// A checkpoint without one, or a blob that is damaged or of another model.
    pub fn load_average(
        &mut self,
        checkpoint: &Checkpoint,
        model: impl FnOnce(NamedTensors) -> Result<M, LoadError>,
    ) -> Result<(), SnapshotError> {
        let averaged = model(read_tensors(checkpoint, AVERAGE)?).map_err(SnapshotError::Average)?;
        self.average = Some(WeightAverage::of(&averaged));
        Ok(())
    }
}

/// The tensors in a file of a checkpoint.
///
/// # Errors
/// A file that cannot be had, or is damaged.
pub fn read_tensors(checkpoint: &Checkpoint, file: &'static str) -> Result<NamedTensors, SnapshotError> {
    let bytes = checkpoint.load(file)?;
    parameters::from_safetensors(&bytes).map_err(|source| SnapshotError::Format { file, source })
}
