//! Errors of fine-tuning.

use std::path::PathBuf;

use electra_train::{Divergence, RunError, Stopped};
use thiserror::Error;

use crate::collapse_guard::TaggerCollapse;
use crate::folder_error::FolderError;
use crate::head::LossError;
use electra_annotations::PredictionsError;
use electra_train::collapse::Collapse;
use electra_train::layerwise_lr::RatesError;
use electra_train::seeds::SeedsFolderError;

/// An error that stops fine-tuning.
#[derive(Debug, Error, miette::Diagnostic)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum FinetuneError {
    /// The pretrained model cannot be used, or the tagger not be written.
    #[error("{0}")]
    Model(
        #[from]
        #[diagnostic_source]
        FolderError,
    ),
    /// The training data has no entity, so there is nothing to learn.
    #[error("the {sentences} training sentences of {path} have no entity")]
    #[diagnostic(help("is the tag column the right one, or train.max_sentences too small?"))]
    NoEntities {
        path: PathBuf,
        /// The number of sentences that were looked at.
        sentences: usize,
    },
    /// No score of an epoch would be one.
    #[error(
        "the {sentences} development sentences of {path} have no entity, so that no epoch could be told from another"
    )]
    #[diagnostic(help("give labelled sentences, for example a part of the training data held back"))]
    NothingToChooseBy { path: PathBuf, sentences: usize },
    /// A loss that does not fit the data.
    #[error("{0}")]
    Loss(
        #[from]
        #[diagnostic_source]
        LossError,
    ),
    /// Rates that do not fit the model.
    #[error("{0}")]
    Rates(
        #[from]
        #[diagnostic_source]
        RatesError,
    ),
    /// The weights that are to be kept are gone.
    #[error("the checkpoint of the best epoch, {epoch}, cannot be used: {damage}")]
    #[diagnostic(help("restore it from a copy, or remove {run} and give the same command again: that trains the seed anew, to the same bits on this machine", run = .run.display()))]
    BestLost {
        run: PathBuf,
        /// The epoch, from 1.
        epoch: usize,
        /// A description of the damage to the checkpoint.
        damage: String,
    },
    /// The folder of all seeds cannot be used.
    #[error("{0}")]
    Seeds(
        #[from]
        #[diagnostic_source]
        SeedsFolderError,
    ),
    /// Predictions cannot be written, or not be read back.
    #[error("{0}")]
    Predictions(
        #[from]
        #[diagnostic_source]
        PredictionsError,
    ),
    /// Whatever can stop any run.
    #[error("{0}")]
    Run(
        #[from]
        #[diagnostic_source]
        RunError,
    ),
    /// The run learns nothing.
    #[error("this run has collapsed: {}", TaggerCollapse(*.0))]
    Collapsed(Collapse),
}

impl From<Collapse> for FinetuneError {
    fn from(collapse: Collapse) -> Self {
        Self::Collapsed(collapse)
    }
}

impl From<Divergence> for FinetuneError {
    fn from(divergence: Divergence) -> Self {
        Self::Run(divergence.into())
    }
}

impl FinetuneError {
    /// The reason why training was stopped, if the error is about that.
    #[must_use]
    pub fn stopped(&self) -> Option<Stopped> {
        match self {
            Self::Collapsed(_) => Some(Stopped::Collapsed),
            Self::Run(RunError::Diverged(_)) => Some(Stopped::Diverged),
            _ => None,
        }
    }

    /// Whether it is about the training of one seed. The others are about what all seeds have in
    /// common, or name a file of the seed.
    pub fn is_of_one_seed(&self) -> bool {
        match self {
            Self::Run(error) => error.is_of_training(),
            Self::BestLost { .. } | Self::Collapsed(_) => true,
            _ => false,
        }
    }
}
