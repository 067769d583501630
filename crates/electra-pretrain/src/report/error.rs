//! Why a run folder cannot be reported on.

use std::io;
use std::path::PathBuf;

use electra_run::record::LogError;

/// Why a folder cannot be reported on.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ReportError {
    /// There is nothing of that name.
    #[error("there is no folder {0}")]
    #[diagnostic(help("name a folder that pretraining or fine-tuning has written"))]
    Absent(PathBuf),
    /// It is a file.
    #[error("{0} is a file and no run folder")]
    #[diagnostic(help("name the folder that pretraining or fine-tuning has written"))]
    File(PathBuf),
    /// It is not a run folder, or a part of it is not there.
    #[error("{folder} is no run folder: it has no {missing}")]
    #[diagnostic(help("name a folder that pretraining or fine-tuning has written"))]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The file that is missing.
        missing: String,
    },
    /// The log has nothing to report.
    #[error("{path} holds no complete line yet")]
    #[diagnostic(help("wait until the run has written one"))]
    Empty {
        /// The log.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
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
        /// `run.json`.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
}
