//! Why results cannot be used.

use std::io;
use std::path::PathBuf;

use super::Impossible;

/// Why results cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file is no result.
    #[error("{path}:{}:{}: not a result of this program: {source}; take it out of the folder", .source.line(), .source.column())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A result cannot be.
    #[error("{path}: {source}; take it out of the folder, or write it again with electra ablate")]
    Impossible {
        /// The file.
        path: PathBuf,
        /// What cannot be.
        source: Impossible,
    },
    /// A result belongs elsewhere.
    #[error(
        "{path} is a result of the experiment `{found}`, expected `{expected}`; move it where it belongs"
    )]
    OtherExperiment {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// A result is of an arm that the experiment has not.
    #[error(
        "{path} is a result of the arm `{arm}`, which the experiment has not (it has {known}); remove the file, or bring the arm back"
    )]
    OtherArm {
        /// The file.
        path: PathBuf,
        /// Its arm.
        arm: String,
        /// The arms there are.
        known: String,
    },
    /// The recipe or the data has changed since.
    #[error(
        "{path} comes from another recipe or other data (hash {found} there, {expected} now); remove results of old recipes before running new ones"
    )]
    OtherRecipe {
        /// The file.
        path: PathBuf,
        /// Its hash, shortened.
        found: String,
        /// What it would have to be, shortened.
        expected: String,
    },
    /// Two files hold the same arm and seed.
    #[error("{path} and {other} are both of arm `{arm}` with seed {seed}; name one of them")]
    Twice {
        /// A file.
        path: PathBuf,
        /// The other.
        other: PathBuf,
        /// Their arm.
        arm: String,
        /// Their seed.
        seed: u64,
    },
}
