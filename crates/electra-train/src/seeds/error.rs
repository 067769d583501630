//! Why a folder cannot hold the seeds of a recipe, or the best result not be put there.

use std::io;
use std::path::PathBuf;

use electra_files::staged::StagedError;
use electra_run::run_folder::DamagedWeights;
use thiserror::Error;

use super::files::SeedFiles;

/// Why a folder cannot hold the seeds, or the best result not be put there.
#[derive(Debug, Error, miette::Diagnostic)]
pub enum SeedsFolderError {
    /// It is a file.
    #[error("{0} is a file, not a folder")]
    #[diagnostic(help("give a folder"))]
    File(PathBuf),
    /// The model to start from is in it.
    #[error("{model}, the model to start from, lies in {out}, where the best {noun} would take its place")]
    #[diagnostic(help("give another folder"))]
    ModelInside {
        /// The model.
        model: PathBuf,
        /// The folder.
        out: PathBuf,
        /// What the result is called.
        noun: &'static str,
    },
    /// It is the folder of something else.
    #[error("{path} holds {found}, which fine-tuning does not write")]
    #[diagnostic(help("give another folder"))]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// One of its entries.
        found: String,
    },
    /// What looks as if fine-tuning had written it has no run beside it.
    #[error("{path} holds {found} and no seed-N that it could be from")]
    #[diagnostic(help("move it away, or give another folder"))]
    NoSeed {
        /// The folder.
        path: PathBuf,
        /// One of its entries.
        found: String,
    },
    /// What lies where the best result goes was not put there by fine-tuning.
    #[error("{path} {what}, and would be lost")]
    #[diagnostic(help("move it away, or give another folder"))]
    ForeignBest {
        /// The folder of the best result.
        path: PathBuf,
        /// "holds ..., which is no part of a tagger"
        what: String,
    },
    /// The run that the best result is from is gone, and the result would be as well.
    #[error("{path} is the {noun} of seed {seed} with a {measure} of {:.2}, and the folder has no finished run of that seed any more: the {noun} would be lost", 100.0 * score, noun = .files.noun, measure = .files.measure)]
    #[diagnostic(help("move it away, or give another folder"))]
    Orphan {
        /// The folder of the best result.
        path: PathBuf,
        /// The seed.
        seed: u64,
        /// Its score, from 0 to 1.
        score: f64,
        /// How the task calls both.
        files: &'static SeedFiles,
    },
    /// The result was not copied whole.
    #[error("{0}")]
    Weights(
        #[from]
        #[diagnostic_source]
        DamagedWeights,
    ),
    /// The file system refuses.
    #[error("cannot use {path}: {source}")]
    #[diagnostic(help("give a folder that you may write to"))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<StagedError> for SeedsFolderError {
    fn from(error: StagedError) -> Self {
        let (path, source) = error.into_parts();
        Self::Io { path, source }
    }
}
