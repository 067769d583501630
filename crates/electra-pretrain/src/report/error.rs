//! Errors of reporting on a run folder.

use std::io;
use std::path::PathBuf;

use electra_run::record::LogError;

/// An error of reporting on a folder.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ReportError {
    /// The folder does not exist.
    #[error("there is no folder {0}")]
    #[diagnostic(help("name a folder that pretraining or fine-tuning has written"))]
    Absent(PathBuf),
    /// The path is a file.
    #[error("{0} is a file and no run folder")]
    #[diagnostic(help("name the folder that pretraining or fine-tuning has written"))]
    File(PathBuf),
    /// The folder is not a run folder, or a part of it is missing.
    #[error("{folder} is no run folder: it has no {missing}")]
    #[diagnostic(help("name a folder that pretraining or fine-tuning has written"))]
    Missing {
        /// The path of the folder.
        folder: PathBuf,
        /// The file that is missing.
        missing: String,
    },
    /// The log has nothing to report.
    #[error("{path} holds no complete line yet")]
    #[diagnostic(help("wait until the run has written one"))]
    Empty {
        /// The path of the log.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The path of the file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The log cannot be read.
    #[error("{0}")]
    Log(
        #[from]
        #[diagnostic_source]
        LogError,
    ),
    /// The description of the run is not JSON.
    #[error("{path} is damaged: {source}")]
    #[diagnostic(help("restore it from a copy"))]
    Damaged {
        /// The path of `run.json`.
        path: PathBuf,
        /// The parser's error, with the place.
        source: serde_json::Error,
    },
}
