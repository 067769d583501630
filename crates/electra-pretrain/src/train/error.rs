//! Errors of a pretraining run.

use electra_train::{Divergence, RunError};
use thiserror::Error;

use crate::data::RecipeDataError;

/// Why a pretraining run stopped.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The data cannot be used with this recipe.
    #[error(transparent)]
    Data(#[from] RecipeDataError),
    /// Whatever can stop any run.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl From<Divergence> for TrainError {
    fn from(divergence: Divergence) -> Self {
        Self::Run(divergence.into())
    }
}
