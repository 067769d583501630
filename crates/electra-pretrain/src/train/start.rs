//! The state before the first step of a run: nothing learned, or the weights of another model.

use std::path::Path;

use burn::prelude::*;

use super::error::TrainError;
use crate::initial_weights::{InitFile, InitialWeights, InitialWeightsError};
use crate::mixture::Mixture;
use crate::recipe::{InitConfig, Recipe};
use crate::snapshot::{self, Snapshot};

/// The state that a run begins with, before it is made.
#[derive(Debug)]
pub(super) enum Start {
    /// Nothing is learned.
    Fresh,
    /// These weights.
    Weights(Box<InitialWeights>),
    /// The weights that the run in the folder began with, by what it says of them.
    OfRun(Box<InitFile>),
}

impl Start {
    /// The start of a run in the folder `run`, with `weights` if any are given.
    ///
    /// # Errors
    /// Weights that do not fit recipe or data, or a file of the run's that is damaged.
    pub(super) fn of(
        weights: Option<InitialWeights>,
        recipe: &Recipe,
        run: &Path,
        data: &Mixture,
    ) -> Result<Self, InitialWeightsError> {
        // An imported model has such a file too, and is no run.
        let begun = run.join("run.json").exists();
        if let Some(weights) = weights {
            // Sizes, vocabulary and recipe may differ for that reason, which is then the one to know. A file that is
            // damaged is no hindrance: the run itself has the hash.
            let before = if begun { InitFile::read(run).ok().flatten() } else { None };
            if let Some(path) = before.and_then(|before| weights.changed_since(&before)) {
                return Err(InitialWeightsError::ChangedSince { run: run.to_owned(), path });
            }
            weights.check_recipe(recipe)?;
            weights.check_data(data.first())?;
            return Ok(Self::Weights(Box::new(weights)));
        }
        match if begun { InitFile::read(run)? } else { None } {
            Some(file) => Ok(Self::OfRun(Box::new(file))),
            None if recipe.init != InitConfig::default() => Err(InitialWeightsError::NoWeights),
            None => Ok(Self::Fresh),
        }
    }

    /// Hash of the weights, if there are any.
    pub(super) fn model_hash(&self) -> Option<String> {
        match self {
            Self::Fresh => None,
            Self::Weights(weights) => Some(weights.model_hash()),
            Self::OfRun(file) => Some(file.model_hash.clone()),
        }
    }

    /// The state itself, and what became of the weights.
    ///
    /// # Errors
    /// Weights that cannot be had any more.
    pub(super) fn snapshot(
        self,
        recipe: &Recipe,
        run: &Path,
        data: &Mixture,
        device: &Device,
    ) -> Result<(Snapshot, Option<InitFile>), TrainError> {
        let weights = match self {
            Self::Fresh => return Ok((snapshot::start(recipe, data, device), None)),
            Self::Weights(weights) => weights,
            Self::OfRun(file) => Box::new(reopened(*file, recipe, run, data)?),
        };
        let (snapshot, file) = weights.start(recipe, data, device)?;
        Ok((snapshot, Some(file)))
    }
}

/// The weights that a run began with, if they still lie where they lay.
fn reopened(
    file: InitFile,
    recipe: &Recipe,
    run: &Path,
    data: &Mixture,
) -> Result<InitialWeights, InitialWeightsError> {
    let run = run.to_owned();
    let generator = file.generator.as_ref().map(|generator| generator.path.as_path());
    let opened = InitialWeights::open(&file.discriminator.path, generator).and_then(|weights| {
        weights.check_recipe(recipe)?;
        weights.check_data(data.first())?;
        Ok(weights)
    });
    match opened {
        Ok(weights) if weights.model_hash() == file.model_hash => Ok(weights),
        Ok(_) => Err(InitialWeightsError::Changed { run, path: file.discriminator.path }),
        Err(source) => Err(InitialWeightsError::Gone { run, source: Box::new(source) }),
    }
}
