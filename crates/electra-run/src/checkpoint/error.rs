//! The errors of saving and reading a checkpoint.

use std::io;
use std::path::{Path, PathBuf};

/// An error of saving or reading a checkpoint.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum CheckpointError {
    /// The folder of checkpoints cannot be used.
    #[error("cannot use {path} as a folder for checkpoints: {source}")]
    #[diagnostic(help("choose a folder you may write to"))]
    Open {
        /// The checkpoint's folder.
        path: PathBuf,
        source: io::Error,
    },
    /// The disk has too little room; nothing was touched.
    #[error("the checkpoint of step {step} needs {} and {} has {} left", size(*.needed), .path.display(), size(*.available))]
    #[diagnostic(help("earlier checkpoints are untouched, free some space and run the same command again"))]
    NoSpace {
        /// The step to be saved.
        step: u64,
        /// The folder of checkpoints.
        path: PathBuf,
        /// Bytes that the checkpoint needs.
        needed: u64,
        /// Bytes that may still be written there.
        available: u64,
    },
    /// Writing failed; what had been written was removed.
    #[error("the checkpoint of step {step} could not be saved: {path}: {source}")]
    #[diagnostic(help(
        "earlier checkpoints are intact: make it possible to write there, and the same command goes on"
    ))]
    Save {
        /// The step to be saved.
        step: u64,
        /// The file or folder that failed.
        path: PathBuf,
        source: io::Error,
    },
    /// The checkpoint is saved, but what it makes superfluous could not be removed.
    #[error("the checkpoint of step {step} is saved, but tidying up after it failed: {path}: {source}")]
    TidyUp {
        /// The step that was saved.
        step: u64,
        /// The file or folder that failed.
        path: PathBuf,
        source: io::Error,
    },
    /// A blob is not what was saved.
    #[error("{path}: {damage}")]
    #[diagnostic(help("resume from an earlier checkpoint by removing this one's folder"))]
    Damaged {
        /// The blob's file.
        path: PathBuf,
        /// A description of the damage.
        damage: String,
    },
}

impl CheckpointError {
    pub(super) fn open(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Open { path: path.to_owned(), source }
    }

    pub(super) fn save(step: u64, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Save { step, path: path.to_owned(), source }
    }

    pub(super) fn tidy_up(step: u64, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::TidyUp { step, path: path.to_owned(), source }
    }
}

/// Bytes in decimal units, as disks are sold.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{bytes} bytes"),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
