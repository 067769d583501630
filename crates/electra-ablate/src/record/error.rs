//! The errors of reading and writing results.

use std::io;
use std::path::PathBuf;

/// An error of reading or writing results.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ResultError {
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// The operation that failed.
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A file is no result.
    #[error("{path}:{}:{}: not a result of this program: {source}", .source.line(), .source.column())]
    #[diagnostic(help("take it out of the folder"))]
    Damaged {
        path: PathBuf,
        /// The parser's error, with the place.
        source: serde_json::Error,
    },
    /// A result cannot be.
    #[error("{path}: {source}")]
    #[diagnostic(help("take it out of the folder, or write it again with electra ablate"))]
    ImpossibleNumber {
        path: PathBuf,
        /// The impossible value.
        #[diagnostic_source]
        source: ImpossibleNumber,
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
        path: PathBuf,
        /// The name of the run's arm.
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
        path: PathBuf,
        /// The hash found, shortened.
        found: String,
        /// The hash expected, shortened.
        expected: String,
    },
    /// Two files hold the same arm and seed.
    #[error("{path} and {other} are both of arm `{arm}` with seed {seed}")]
    #[diagnostic(help("name one of them"))]
    Twice {
        /// The path of one file.
        path: PathBuf,
        other: PathBuf,
        /// The arm of both.
        arm: String,
        /// The seed of both.
        seed: u64,
    },
}

/// A number that no run can have come to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("`{key}` is {found}, expected {expected}")]
pub struct ImpossibleNumber {
    /// The dotted key of the value.
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
    /// The path of the file.
    pub path: PathBuf,
    /// The name of the result's arm.
    pub arm: String,
    /// The dotted key that was changed.
    pub key: String,
    /// The value in the result.
    pub there: String,
    /// The value in the experiment.
    pub now: String,
    /// The number of further files with the same difference.
    pub more: usize,
}

/// Runs of one arm that are not of one recipe, one data folder and one code.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error(
    "{path} and {other} are of the arm `{arm}` and of unlike runs: {found} in the first, {there} in the second"
)]
#[diagnostic(help("remove what is not of the experiment, and run electra ablate"))]
pub struct NotOneArm {
    /// The path of one file.
    pub path: PathBuf,
    /// The path of another file of the same arm.
    pub other: PathBuf,
    /// The arm of both files.
    pub arm: String,
    /// The value in the first file.
    pub found: String,
    /// The value in the second file.
    pub there: String,
}

/// The text about further files, by their number; empty for none.
fn and_more(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => " (1 more file likewise)".to_owned(),
        more => format!(" ({more} more files likewise)"),
    }
}
