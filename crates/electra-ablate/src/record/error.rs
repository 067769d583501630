//! Why results cannot be used.

use std::io;
use std::path::PathBuf;

/// Why results cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
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
    #[error("{path}:{}:{}: not a result of this program: {source}", .source.line(), .source.column())]
    #[diagnostic(help("take it out of the folder"))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A result cannot be.
    #[error("{path}: {source}")]
    #[diagnostic(help("take it out of the folder, or write it again with electra ablate"))]
    Impossible {
        /// The file.
        path: PathBuf,
        /// What cannot be.
        #[diagnostic_source]
        source: Impossible,
    },
    /// A result is of an arm or a base recipe that was changed since.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Stale(#[from] Box<Stale>),
    /// Runs of one arm are not of one recipe, one data folder and one code.
    #[error(transparent)]
    #[diagnostic(transparent)]
    NotOneArm(#[from] Box<NotOneArm>),
    /// A result is of an arm that the experiment has not.
    #[error("{path} is a result of the arm `{arm}`, which the experiment has not (it has {known})")]
    #[diagnostic(help("remove the file, or bring the arm back"))]
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
        "{path} comes from another recipe, other data or other code (hash {found} there, {expected} now)"
    )]
    #[diagnostic(help("remove results of old recipes before running new ones"))]
    OtherRecipe {
        /// The file.
        path: PathBuf,
        /// Its hash, shortened.
        found: String,
        /// What it would have to be, shortened.
        expected: String,
    },
    /// Two files hold the same arm and seed.
    #[error("{path} and {other} are both of arm `{arm}` with seed {seed}")]
    #[diagnostic(help("name one of them"))]
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

/// A number that no run can have come to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("`{key}` is {found}, expected {expected}")]
pub struct Impossible {
    /// Its dotted key.
    pub key: String,
    /// The value that was found.
    pub found: String,
    /// The values that are possible.
    pub expected: String,
}

/// A result of an arm or a base recipe that was changed since.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{path} is a result of the arm `{arm}` as it was: `{key}` is {there} there and {now} now{}", and_more(*.more))]
#[diagnostic(help(
    "take the old value back, give the changed arm a name of its own, or remove the file and run electra ablate"
))]
pub struct Stale {
    /// The file.
    pub path: PathBuf,
    /// Its arm.
    pub arm: String,
    /// What was changed.
    pub key: String,
    /// Its value in the result.
    pub there: String,
    /// Its value in the experiment.
    pub now: String,
    /// How many files more have this.
    pub more: usize,
}

/// Runs of one arm that are not of one recipe, one data folder and one code.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error(
    "{path} and {other} are of the arm `{arm}` and of unlike runs: {found} in the first, {there} in the second"
)]
#[diagnostic(help("remove what is not of the experiment, and run electra ablate"))]
pub struct NotOneArm {
    /// A file.
    pub path: PathBuf,
    /// Another of the same arm.
    pub other: PathBuf,
    /// Their arm.
    pub arm: String,
    /// What the first is.
    pub found: String,
    /// What the second is.
    pub there: String,
}

/// How many files more.
fn and_more(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => " (1 more file likewise)".to_owned(),
        more => format!(" ({more} more files likewise)"),
    }
}
