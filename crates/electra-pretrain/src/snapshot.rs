//! State of a pretraining run: generator and discriminator, optimizer, step.

use burn::prelude::*;
use electra_model::{Electra, OutputBias, parameters};
use electra_run::checkpoint::Checkpoint;
use electra_run::seed::{Purpose, derive};
use electra_train::{Progress, SnapshotError};
use serde::{Deserialize, Serialize};

use crate::frequency::log_frequencies;
use crate::mixture::Mixture;
use crate::phases::DataPosition;
use crate::recipe::Recipe;

/// The state of a pretraining run: everything that changes in it.
pub type Snapshot = electra_train::Snapshot<Electra, StepsDone>;

/// Progress of a pretraining run: a number of steps, of which everything else is a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepsDone {
    /// Optimizer steps done.
    pub step: u64,
    /// Where a run of several phases stands in their data. It follows from the step, and is compared when a run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<DataPosition>,
}

impl Progress for StepsDone {
    fn step(&self) -> u64 {
        self.step
    }

    fn advance(&mut self) {
        self.step += 1;
    }
}

/// The state in which a run of `recipe` on `data` begins.
pub fn start(recipe: &Recipe, data: &Mixture, device: &Device) -> Snapshot {
    let mut start = new(recipe, derive(recipe.seed, Purpose::Init, 0), device);
    if recipe.model.generator.output_bias == OutputBias::LogFrequency {
        let bias = log_frequencies(data, recipe.model.vocab_size);
        start.replace(|model| model.with_output_bias(&bias));
    }
    start
}

/// The state before the first step, from a seed of its own and with output biases at zero whatever the recipe
/// says: nothing is known of the data here.
pub fn new(recipe: &Recipe, seed: u64, device: &Device) -> Snapshot {
    Snapshot::new(blank(recipe, seed, device))
}

/// The state that was saved in `checkpoint`.
///
/// # Errors
/// Blobs that are damaged, of another model, or missing.
pub fn load(checkpoint: &Checkpoint, recipe: &Recipe, device: &Device) -> Result<Snapshot, SnapshotError> {
    let model = |tensors| parameters::load(blank(recipe, 0, device), tensors);
    let mut snapshot = Snapshot::load(checkpoint, |progress| check_position(progress, recipe), model)?;
    if recipe.average.is_some_and(|average| snapshot.step() >= average.start_step) {
        snapshot.load_average(checkpoint, model)?;
    }
    Ok(snapshot)
}

/// Refuses progress that stands elsewhere in the data than a run of this recipe.
fn check_position(progress: &StepsDone, recipe: &Recipe) -> Result<(), String> {
    let expected = recipe.data_position(progress.step);
    if progress.position == expected {
        return Ok(());
    }
    let place = |position: Option<DataPosition>| match position {
        Some(DataPosition { phase, steps, rows }) => {
            format!("{rows} rows and {steps} steps into phase {phase}")
        }
        None => "in no phase".to_owned(),
    };
    let (found, expected) = (place(progress.position), place(expected));
    Err(format!("it stands {found}, and step {} of the recipe {expected}", progress.step))
}

/// The state that another process has sent as blobs.
///
/// # Errors
/// Blobs that are damaged, or of another model.
pub fn of_blobs(
    blobs: &[(String, Vec<u8>)],
    recipe: &Recipe,
    device: &Device,
) -> Result<Snapshot, SnapshotError> {
    Snapshot::of_blobs(blobs, |tensors| parameters::load(blank(recipe, 0, device), tensors))
}

fn blank(recipe: &Recipe, seed: u64, device: &Device) -> Electra {
    Electra::init_with(&recipe.model, recipe.architecture(), seed, device, recipe.train.precision)
}
