//! Errors of what surrounds a training loop.

use std::io;
use std::path::PathBuf;

use electra_run::checkpoint::CheckpointError;
use electra_run::record::LogError;
use electra_run::run_folder::RunFolderError;
use thiserror::Error;

use crate::divergence::Divergence;
use crate::snapshot::SnapshotError;

/// An error that stops a run, whatever it trains.
#[derive(Debug, Error, miette::Diagnostic)]
pub enum RunError {
    /// The run folder cannot be used.
    #[error("{0}")]
    Folder(
        #[from]
        #[diagnostic_source]
        RunFolderError,
    ),
    /// No checkpoint could be written or read.
    #[error("{0}")]
    Checkpoint(
        #[from]
        #[diagnostic_source]
        CheckpointError,
    ),
    /// A checkpoint holds another model.
    #[error("the last checkpoint does not fit this recipe: {0}")]
    #[diagnostic(help("remove its folder to go on from the one before, or start in another folder"))]
    Snapshot(
        #[from]
        #[diagnostic_source]
        SnapshotError,
    ),
    /// Every checkpoint of a begun run is damaged.
    #[error("{path} holds checkpoints, and none of them is intact:\n{}", .damage.join("\n"))]
    Lost {
        /// Folder of the checkpoints.
        path: PathBuf,
        /// One line for each.
        damage: Vec<String>,
    },
    /// A checkpoint of a later step than the run has: none of this run has written it.
    #[error("{path} is a checkpoint of step {step}, and the run has {steps} steps")]
    #[diagnostic(help("remove it to go on from the one before, or start in another folder"))]
    Beyond {
        /// Folder of the checkpoint.
        path: PathBuf,
        /// The step of the checkpoint.
        step: u64,
        /// Steps of the recipe.
        steps: u64,
    },
    /// The log of metrics cannot be written or read.
    #[error("{0}")]
    Log(
        #[from]
        #[diagnostic_source]
        LogError,
    ),
    /// Another file of the run folder cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The numbers went out of bounds.
    #[error("{0}")]
    Diverged(
        #[from]
        #[diagnostic_source]
        Divergence,
    ),
}

impl RunError {
    /// Whether it is about the training itself rather than about a folder, log or file: of several seeds
    /// another one may fare better.
    pub fn is_of_training(&self) -> bool {
        matches!(self, Self::Checkpoint(_) | Self::Snapshot(_) | Self::Lost { .. } | Self::Diverged(_))
    }
}
