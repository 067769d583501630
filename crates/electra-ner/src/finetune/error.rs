//! Why fine-tuning stopped.

use std::io;
use std::path::PathBuf;

use electra_run::checkpoint::CheckpointError;
use electra_run::record::LogError;
use electra_run::run_folder::RunFolderError;
use thiserror::Error;

use super::snapshot::SnapshotError;
use super::step::Divergence;
use crate::dead_run::DeadRun;
use crate::folder_error::FolderError;
use crate::loss::LossError;
use crate::rates::RatesError;
use crate::seeds::OutFolderError;
use electra_annotations::PredictionsError;

/// What to do about a divergence.
pub const DIVERGENCE_REMEDY: &str = "lower schedule.learning_rate (half of it is a good try) or lengthen \
    schedule.warmup, and start in a new folder with --out; with 16-bit precision, try train.precision = \"f32\" first";

/// Why fine-tuning stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FinetuneError {
    /// The pretrained model cannot be used, or the tagger not be written.
    #[error(transparent)]
    Model(#[from] FolderError),
    /// Nothing to learn.
    #[error(
        "the {sentences} training sentences of {path} have no entity; \
         is the tag column the right one (--tag-column), or train.max_sentences too small?"
    )]
    NoEntities {
        /// The file.
        path: PathBuf,
        /// How many sentences were looked at.
        sentences: usize,
    },
    /// No score of an epoch would be one.
    #[error(
        "the {sentences} development sentences of {path} have no entity, so that no epoch could be told from \
         another; give labelled sentences with --dev, for example a part of the training data held back"
    )]
    NothingToChooseBy {
        /// The file.
        path: PathBuf,
        /// How many sentences it has.
        sentences: usize,
    },
    /// A loss that does not fit the data.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// Rates that do not fit the model.
    #[error(transparent)]
    Rates(#[from] RatesError),
    /// The run folder cannot be used.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// No checkpoint could be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint holds another tagger.
    #[error(
        "the last checkpoint does not fit this recipe: {0}; remove its folder to go on from the one before, or start in another folder"
    )]
    Snapshot(#[from] SnapshotError),
    /// Every checkpoint of a begun run is damaged.
    #[error("{path} holds checkpoints, and none of them is intact:\n{}", .damage.join("\n"))]
    Lost {
        /// Folder of the checkpoints.
        path: PathBuf,
        /// One line for each.
        damage: Vec<String>,
    },
    /// The weights that are to be kept are gone.
    #[error(
        "the checkpoint of the best epoch, {epoch}, cannot be used: {damage}; restore it from a copy, or remove \
         {run} and give the same command again: that trains the seed anew, to the same bits on this machine"
    )]
    BestLost {
        /// Folder of the run.
        run: PathBuf,
        /// The epoch, from 1.
        epoch: usize,
        /// What is wrong with its checkpoint.
        damage: String,
    },
    /// The log of metrics cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The folder of all seeds cannot be used.
    #[error(transparent)]
    OutFolder(#[from] OutFolderError),
    /// Predictions cannot be written, or not be read back.
    #[error(transparent)]
    Predictions(#[from] PredictionsError),
    /// Another file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The numbers went out of bounds.
    #[error(transparent)]
    Diverged(#[from] Divergence),
    /// The run learns nothing.
    #[error("this run is dead: {0}")]
    Dead(#[from] DeadRun),
}

impl FinetuneError {
    /// Whether it is about the training of one seed. The others are about what all seeds have in
    /// common, or name a file of the seed.
    pub fn is_of_one_seed(&self) -> bool {
        matches!(
            self,
            Self::Checkpoint(_)
                | Self::Snapshot(_)
                | Self::Lost { .. }
                | Self::BestLost { .. }
                | Self::Diverged(_)
                | Self::Dead(_)
        )
    }
}
