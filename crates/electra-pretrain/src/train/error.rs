//! Errors of a pretraining run.

use electra_ranks::{Communicator, RankError};
use electra_train::{Divergence, RunError};
use thiserror::Error;

use crate::data::RecipeDataError;
use crate::evaluate::EvaluationError;
use crate::initial_weights::InitialWeightsError;
use crate::step::StepError;

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
    /// Another rank has come to an error, or has ended; or ranks are not alike.
    #[error("{0}")]
    Ranks(
        #[from]
        #[diagnostic_source]
        RankError,
    ),
    /// More ranks than there are micro-batches in a step.
    #[error(
        "{ranks} ranks for the {micro_batches} micro-batches of a step{}: some would have nothing to do",
        phase.map_or(String::new(), |phase| format!(" of phase {phase}"))
    )]
    #[diagnostic(help(
        "start fewer ranks, or make micro-batches smaller: train.micro_batch_size divides train.batch_size"
    ))]
    TooManyRanks {
        /// Number of ranks.
        ranks: usize,
        /// Micro-batches of a step.
        micro_batches: usize,
        /// The phase of the step, where there are several.
        phase: Option<usize>,
    },
    /// A run whose gradients are added up one after the other.
    #[error(
        "this run adds up the gradients of its {micro_batches} micro-batches one after the other, which several \
         ranks cannot do with the same bits"
    )]
    #[diagnostic(help(
        "it was begun before sums went along a tree (train.gradient_sum): go on with one process, or begin a new run \
         in another folder"
    ))]
    Fold {
        /// Micro-batches of a step.
        micro_batches: usize,
    },
}

impl TrainError {
    /// Tells the other ranks, where this one alone knows of it.
    pub(super) fn tell(&self, communicator: &Communicator<'_>) {
        if self.is_of_one_rank() {
            communicator.fail(&self.to_string());
        }
    }

    /// Whether this rank alone knows of it.
    fn is_of_one_rank(&self) -> bool {
        match self {
            // Ranks tell each other of damaged rows before they compute.
            Self::Data(_) | Self::Ranks(_) | Self::TooManyRanks { .. } | Self::Fold { .. } => false,
            // Equal numbers go out of bounds on all ranks.
            Self::Run(RunError::Diverged(_)) => false,
            Self::Weights(_) | Self::Run(_) => true,
        }
    }
}

impl From<StepError> for TrainError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Diverged(divergence) => divergence.into(),
            StepError::Ranks(error) => error.into(),
        }
    }
}

impl From<EvaluationError> for TrainError {
    fn from(error: EvaluationError) -> Self {
        match error {
            EvaluationError::Data(error) => error.into(),
            EvaluationError::Ranks(error) => error.into(),
        }
    }
}

impl From<Divergence> for TrainError {
    fn from(divergence: Divergence) -> Self {
        Self::Run(divergence.into())
    }
}
