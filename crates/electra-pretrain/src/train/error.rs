//! Errors of a pretraining run.

use electra_train::{Divergence, RunError};
use thiserror::Error;

use crate::data::RecipeDataError;
use crate::initial_weights::InitialWeightsError;

/// An error that stops a pretraining run.
#[derive(Debug, Error, miette::Diagnostic)]
pub enum TrainError {
    /// The data cannot be used with this recipe.
    #[error("{0}")]
    Data(
        #[from]
        #[diagnostic_source]
        RecipeDataError,
    ),
    /// The weights that the run was to begin with cannot be used.
    #[error("{0}")]
    Weights(
        #[from]
        #[diagnostic_source]
        InitialWeightsError,
    ),
    /// Whatever can stop any run.
    #[error("{0}")]
    Run(
        #[from]
        #[diagnostic_source]
        RunError,
    ),
}

impl From<Divergence> for TrainError {
    fn from(divergence: Divergence) -> Self {
        Self::Run(divergence.into())
    }
}
