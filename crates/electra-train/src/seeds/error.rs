//! Errors of a folder that cannot hold the seeds of a recipe, or of copying the best result there.

use std::io;
use std::path::PathBuf;

use electra_files::staged::StagedError;
use electra_run::run_folder::DamagedWeights;
use thiserror::Error;

use super::files::SeedFiles;

/// An error of a folder that cannot hold the seeds, or of copying the best result there.
#[derive(Debug, Error, miette::Diagnostic)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum SeedsFolderError {
    /// The path is a file.
    #[error("{0} is a file, not a folder")]
    #[diagnostic(help("give a folder"))]
    File(PathBuf),
    /// The model to start from is in it.
    #[error("{model}, the model to start from, lies in {out}, where the best {noun} would take its place")]
    #[diagnostic(help("give another folder"))]
    ModelInside {
        model: PathBuf,
        out: PathBuf,
        /// The name of the result, such as "tagger".
        noun: &'static str,
    },
    /// The folder is not one that fine-tuning wrote.
    #[error("{path} holds {found}, which fine-tuning does not write")]
    #[diagnostic(help("give another folder"))]
    Foreign {
        path: PathBuf,
        /// The name of one such entry.
        found: String,
    },
    /// The folder holds files of a result and no run that they could be from.
    #[error("{path} holds {found} and no seed-N that it could be from")]
    #[diagnostic(help("move it away, or give another folder"))]
    NoSeed {
        path: PathBuf,
        /// The name of one such entry.
        found: String,
    },
    /// The place of the best result holds something that fine-tuning did not put there.
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
        /// The seed of the best result.
        seed: u64,
        /// The score of the best result, from 0 to 1.
        score: f64,
        /// The task's names of the result and the score.
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
    Io { path: PathBuf, source: io::Error },
}

impl From<StagedError> for SeedsFolderError {
    fn from(error: StagedError) -> Self {
        let (path, source) = error.into_parts();
        Self::Io { path, source }
    }
}
