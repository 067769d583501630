//! The state of a run as named blobs: weights, optimizer, step.

use burn::prelude::*;
use electra_model::parameters::{self, LoadError, SafetensorsError};
use electra_model::{Electra, OutputBias};
use electra_optim::{OptimizerState, StateError};
use electra_run::checkpoint::{Checkpoint, CheckpointError};
use electra_run::seed::{Purpose, derive};
use electra_text::DataSet;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::frequency::log_frequencies;
use crate::recipe::Recipe;

/// File of the weights, all networks, in our own names.
pub const MODEL: &str = "model.safetensors";
/// File of the optimizer's moments.
pub const OPTIMIZER: &str = "optimizer.safetensors";
/// File of the step counter.
pub const STATE: &str = "state.json";

/// Everything that changes in a run. Data order, masks, dropout and learning rate are functions
/// of the step and need no saving.
pub struct Snapshot {
    // `None` only while an update owns it, so that the update can work in place.
    model: Option<Electra>,
    /// Moments of the optimizer.
    pub optimizer: OptimizerState,
    /// Optimizer steps done.
    pub step: u64,
}

#[derive(Serialize, Deserialize)]
struct State {
    step: u64,
}

/// A checkpoint whose content does not fit the recipe.
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
    /// Weights of another model.
    #[error("{MODEL}: {0}")]
    Weights(#[from] LoadError),
    /// Moments of another model.
    #[error("{OPTIMIZER}: {0}")]
    Moments(#[from] StateError),
    /// The step is missing.
    #[error("{STATE}: {0}")]
    State(#[from] serde_json::Error),
    /// The step is another one.
    #[error("{STATE} is of step {found}, and the checkpoint of step {expected}")]
    Step {
        /// The step in the file.
        found: u64,
        /// The step that the checkpoint was saved under.
        expected: u64,
    },
}

impl Snapshot {
    /// The state in which a run of `recipe` on `data` begins.
    pub fn start(recipe: &Recipe, data: &DataSet, device: &Device) -> Self {
        let seed = derive(recipe.seed, Purpose::Init, 0);
        let start = Self::new(recipe, seed, device);
        match recipe.model.generator.output_bias {
            OutputBias::Zeros => start,
            OutputBias::LogFrequency => {
                let bias = log_frequencies(data, recipe.model.vocab_size);
                Self { model: start.model.map(|model| model.with_output_bias(&bias)), ..start }
            }
        }
    }

    /// The state before the first step, from a seed of its own and with output biases at zero
    /// whatever the recipe says: nothing is known of the data here.
    pub fn new(recipe: &Recipe, seed: u64, device: &Device) -> Self {
        let model =
            Electra::init_with(&recipe.model, recipe.architecture(), seed, device, recipe.train.precision);
        let optimizer = OptimizerState::new(&model);
        Self { model: Some(model), optimizer, step: 0 }
    }

    /// All networks, on the training device.
    pub fn model(&self) -> &Electra {
        self.model.as_ref().expect("no update is under way")
    }

    /// Replaces the networks by what `update` makes of them and counts the step. `update` gets
    /// them by value: where nobody else holds a parameter it can be overwritten.
    pub fn update(&mut self, update: impl FnOnce(Electra, &mut OptimizerState) -> Electra) {
        let model = self.model.take().expect("no update is under way");
        self.model = Some(update(model, &mut self.optimizer));
        self.step += 1;
    }

    /// Replaces the networks between two steps.
    pub fn replace(&mut self, change: impl FnOnce(Electra) -> Electra) {
        self.model = self.model.take().map(change);
    }

    /// Blobs for a checkpoint.
    pub fn to_blobs(&self) -> [(&'static str, Vec<u8>); 3] {
        let model = parameters::to_safetensors(&parameters::collect(self.model()), None);
        let optimizer = parameters::to_safetensors(&self.optimizer.to_named().into_iter().collect(), None);
        let state = serde_json::to_vec(&State { step: self.step }).expect("a number is JSON");
        [(MODEL, model), (OPTIMIZER, optimizer), (STATE, state)]
    }

    /// The state that [`Snapshot::to_blobs`] gave to `checkpoint`.
    ///
    /// # Errors
    /// Blobs that are damaged, or of another model.
    pub fn load(checkpoint: &Checkpoint, recipe: &Recipe, device: &Device) -> Result<Self, SnapshotError> {
        let read = |file| -> Result<_, SnapshotError> {
            let bytes = checkpoint.load(file)?;
            parameters::from_safetensors(&bytes).map_err(|source| SnapshotError::Format { file, source })
        };
        let state: State = serde_json::from_slice(&checkpoint.load(STATE)?)?;
        if state.step != checkpoint.step {
            return Err(SnapshotError::Step { found: state.step, expected: checkpoint.step });
        }
        let start = Self::new(recipe, 0, device).model.expect("no update is under way");
        let model = parameters::load(start, read(MODEL)?)?;
        let optimizer = OptimizerState::from_named(read(OPTIMIZER)?, &model, state.step)?;
        Ok(Self { model: Some(model), optimizer, step: state.step })
    }
}
