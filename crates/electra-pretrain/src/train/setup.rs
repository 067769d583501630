//! Setup of a pretraining run before its first step: environment, data and a run folder that it holds alone.

use std::path::PathBuf;

use burn::prelude::*;
use electra_files::{disk, durable, regular, temporary};
use electra_ranks::Communicator;
use electra_run::recipe::Resolved;
use electra_run::record::Plan;
use electra_run::run_folder::{RunFolder, RunIdentity};
use electra_text::wordpiece::SAVED_FILES;
use electra_train::RunError;
use electra_train::layout::{INIT, MODEL_CONFIG};

use super::TrainError;
use super::alike::check_alike;
use super::start::Start;
use crate::code;
use crate::data::RecipeDataError;
use crate::initial_weights::{InitFile, InitialWeights};
use crate::phases::RunData;
use crate::recipe::{FREE_KEYS, GradientSum, Recipe};

/// The environment of a run: device, threads and folder; none of it decides the weights' meaning.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The device, without autodiff.
    pub device: Device,
    /// The name of the device on the command line.
    pub device_name: String,
    /// The number of CPU threads.
    pub threads: usize,
    /// The run folder.
    pub run: PathBuf,
    /// Name and version of the program.
    pub program_version: String,
    /// Whether the hashes of all shards are recomputed first: reads all data once.
    pub verify_data: bool,
}

/// Estimates made before the first step, which progress and reports show beside what was measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Estimate {
    /// Peak of the device in floating-point operations per second.
    pub peak_flops: Option<f64>,
    /// The predicted needs of the run.
    pub plan: Option<Plan>,
}

/// Data that fits a recipe, and a run folder that this process holds for it.
pub struct RunSetup {
    pub(super) data: RunData,
    /// What the first rank alone has.
    pub(super) of_first: Option<OfFirst>,
}

/// The start of a run and its folder, which the first rank alone reads and writes.
pub(super) struct OfFirst {
    pub(super) start: Start,
    pub(super) folder: RunFolder,
}

impl RunSetup {
    /// Opens the data, holds it against the recipe and takes the run folder. A run that began with weights goes on
    /// with what it has of them.
    ///
    /// # Errors
    /// If the data or the folder cannot be used. No folder is made for data that is damaged.
    pub fn take(recipe: &Resolved<Recipe>, environment: &Environment) -> Result<Self, TrainError> {
        Self::take_with(recipe, environment, None)
    }

    /// As [`take`](Self::take), for a run that begins with `weights`: a run that began with others is refused.
    ///
    /// # Errors
    /// As there, and if the weights are of another model or vocabulary.
    pub fn take_with(
        recipe: &Resolved<Recipe>,
        environment: &Environment,
        weights: Option<InitialWeights>,
    ) -> Result<Self, TrainError> {
        Self::take_on(&Communicator::alone(), recipe, environment, weights)
    }

    /// As [`take_with`](Self::take_with), for a run that several ranks train together: the first of them takes the
    /// folder, and all have to have been started alike.
    ///
    /// # Errors
    /// As there, and on every rank the error of the first that has one; more ranks than micro-batches, or ranks that
    /// differ.
    pub fn take_on(
        communicator: &Communicator<'_>,
        recipe: &Resolved<Recipe>,
        environment: &Environment,
        weights: Option<InitialWeights>,
    ) -> Result<Self, TrainError> {
        check_ranks(communicator, &recipe.value)?;
        let weights_hash = weights.as_ref().map(InitialWeights::model_hash);
        let opened = RunData::open(&recipe.value).map_err(TrainError::from);
        let data = agreed(communicator, opened)?;
        let program = (environment.program_version.as_str(), environment.device_name.as_str());
        check_alike(communicator, recipe, program, &data, weights_hash)?;
        let taken = match communicator.is_first() {
            true => Self::take_folder(recipe, environment, weights, &data).map(Some),
            false => verify(environment, &data).map(|()| None),
        };
        let of_first = agreed(communicator, taken)?;
        Ok(Self { data, of_first })
    }

    fn take_folder(
        recipe: &Resolved<Recipe>,
        environment: &Environment,
        weights: Option<InitialWeights>,
        data: &RunData,
    ) -> Result<OfFirst, TrainError> {
        let start = Start::of(weights, &recipe.value, &environment.run, data.first())?;
        // To read all data takes a while: whoever finds the folder in use is told before.
        let is_new = !environment.run.exists();
        if is_new {
            verify(environment, data)?;
        }
        let folder =
            RunFolder::create_or_resume(&environment.run, &identity(recipe, environment, data, &start))
                .map_err(RunError::from)?;
        if !is_new {
            verify(environment, data)?;
        }
        Ok(OfFirst { start, folder })
    }

    /// The data of the run.
    pub fn data(&self) -> &RunData {
        &self.data
    }

    /// Whether training has begun in the folder before, as far as this rank knows: the first one does.
    pub fn has_begun(&self) -> bool {
        self.of_first.as_ref().is_some_and(|of_first| of_first.folder.metrics().exists())
    }
}

/// Recomputes the hashes of the data, where that is asked for.
fn verify(environment: &Environment, data: &RunData) -> Result<(), TrainError> {
    if environment.verify_data {
        for source in data.folders() {
            source.verify_shards(|_| {}).map_err(RecipeDataError::from)?;
        }
    }
    Ok(())
}

/// Refuses a recipe that so many ranks cannot share.
fn check_ranks(communicator: &Communicator<'_>, recipe: &Recipe) -> Result<(), TrainError> {
    let ranks = communicator.size();
    for phase in recipe.phases() {
        let micro_batches = phase.recipe.micro_batches();
        if ranks > micro_batches {
            let phase = (phase.of > 1).then_some(phase.number);
            return Err(TrainError::TooManyRanks { ranks, micro_batches, phase });
        }
        if communicator.is_shared() && phase.recipe.gradient_sum() == GradientSum::Fold {
            return Err(TrainError::Fold { micro_batches });
        }
    }
    Ok(())
}

/// What this rank has come to, if every rank has come to something: otherwise its own error or that of the first rank
/// that has one.
pub(super) fn agreed<T>(
    communicator: &Communicator<'_>,
    own: Result<T, TrainError>,
) -> Result<T, TrainError> {
    let told = communicator.gather(match &own {
        Ok(_) => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
    });
    let own = own?;
    told?;
    Ok(own)
}

fn identity(
    recipe: &Resolved<Recipe>,
    environment: &Environment,
    data: &RunData,
    start: &Start,
) -> RunIdentity {
    RunIdentity {
        recipe_text: recipe.text.clone(),
        recipe_hash: recipe.hash_without(FREE_KEYS),
        free_keys: FREE_KEYS,
        data_hash: data.data_hash(&recipe.value),
        source_hashes: data.source_hashes(&recipe.value),
        tokenizer_hash: data.first().first().manifest().tokenizer.hash.clone(),
        model_hash: start.model_hash(),
        code: code::versions(),
        program_version: environment.program_version.clone(),
        device: environment.device_name.clone(),
        threads: environment.threads,
    }
}

/// The file that says what the run began with.
pub(super) fn write_init_file(file: &InitFile, folder: &RunFolder) -> Result<(), RunError> {
    let path = folder.path().join(INIT);
    durable::write(&path, file.to_json().as_bytes()).map_err(|source| RunError::Write { path, source })
}

/// Model sizes and tokenizer: what makes the run folder a model folder.
pub(super) fn write_model_folder(
    recipe: &Recipe,
    data: &RunData,
    folder: &RunFolder,
) -> Result<(), RunError> {
    let write = |path: PathBuf, bytes: &[u8]| {
        durable::write(&path, bytes).map_err(|source| RunError::Write { path, source })
    };
    let config = serde_json::to_vec_pretty(&recipe.model).expect("sizes are JSON");
    write(folder.path().join(MODEL_CONFIG), &config)?;
    let to = folder.tokenizer();
    let failed = |source| RunError::Write { path: to.clone(), source };
    disk::create_own_folder(&to).map_err(failed)?;
    temporary::clear(&to, &SAVED_FILES).map_err(failed)?;
    for name in SAVED_FILES {
        let from = data.first().first().tokenizer_folder().join(name);
        // What else lies there, or is a link, was not compared with the tokenizer of the data.
        if !from.symlink_metadata().is_ok_and(|there| there.is_file()) {
            continue;
        }
        let bytes = regular::read(&from).map_err(|source| RunError::Write { path: from, source })?;
        write(to.join(name), &bytes)?;
    }
    Ok(())
}
