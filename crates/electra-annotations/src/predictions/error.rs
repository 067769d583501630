//! The errors of reading a file of predictions.

use std::fmt;
use std::path::PathBuf;

use electra_text::corpus::CorpusError;

use crate::read::ReadError;

/// An error about predictions: each names the file, the line and what to do.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum PredictionsError {
    /// The file could not be read or decompressed.
    #[error("{0}")]
    Content(
        #[from]
        #[diagnostic_source]
        CorpusError,
    ),
    /// The file is larger than can be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Size(Box<ReadError>),
    /// The file does not hold a tag of a scheme for each token.
    #[error("{path} cannot be read as predictions: {}", .reason)]
    #[diagnostic(help(
        "give columns with a token first and with the gold and the predicted tag last, or beside a gold file columns or JSON lines with the predicted tag alone"
    ))]
    Form {
        /// Path of the file.
        path: PathBuf,
        /// The line, and what is wrong there.
        reason: Box<ReadError>,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// Path of the file.
        path: PathBuf,
        /// Underlying error.
        source: std::io::Error,
    },
    /// Two tags differ only in characters that cannot be written.
    #[error("{path}: the tags {first:?} and {second:?} would look the same in a file of predictions")]
    #[diagnostic(help("rename one of the types"))]
    SameWhenWritten {
        /// Path of the file.
        path: PathBuf,
        /// The first of the two tags.
        first: String,
        /// The second of the two tags.
        second: String,
    },
    /// Predicted tags alone, and no gold to compare them with.
    #[error("{path} has predicted tags alone and no gold tags")]
    #[diagnostic(help("name the gold file, or give three columns: token, gold, predicted"))]
    NoGold {
        /// Path of the file.
        path: PathBuf,
    },
    /// The number of sentences is not that of gold.
    #[error("{path} has {found} sentences, {gold_path} has {expected}")]
    #[diagnostic(help("every gold sentence needs a prediction"))]
    OtherSentences {
        /// File of the predictions.
        path: PathBuf,
        /// Number of predicted sentences.
        found: usize,
        /// File of the gold tags.
        gold_path: PathBuf,
        /// Number of gold sentences.
        expected: usize,
    },
    /// The number of tokens in a sentence is not that of gold.
    #[error("{place}: the sentence has {found} tokens there and {expected} in gold")]
    #[diagnostic(help("predict every token, in the sentences of the gold file"))]
    OtherLength {
        /// The place at which the sentence begins.
        place: Box<PredictionPlace>,
        /// Tokens of the prediction.
        found: usize,
        /// Tokens in gold.
        expected: usize,
    },
    /// The token is another one than in gold.
    #[error("{place}: the token is {found:?} there and {expected:?} in gold")]
    #[diagnostic(help("both files must hold the same text"))]
    OtherToken {
        /// The place of the token.
        place: Box<PredictionPlace>,
        /// The token in the prediction.
        found: String,
        /// The token that gold has there.
        expected: String,
    },
    /// The gold entities beside the predictions are not those of gold.
    #[error("{place}: the gold tag is {found:?} there and {expected:?} in gold, which makes other entities")]
    #[diagnostic(help(
        "the predictions were made for another version of the gold file: name the one that counts"
    ))]
    OtherGold {
        /// The place at which the entity begins.
        place: Box<PredictionPlace>,
        /// The tag in the file of the predictions.
        found: String,
        /// The tag in the gold file.
        expected: String,
    },
}

/// A line of predictions and the gold line it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredictionPlace {
    /// File of the predictions.
    pub path: PathBuf,
    /// Line of that file, counted from 1.
    pub line: usize,
    /// File of the gold tags.
    pub gold_path: PathBuf,
    /// Line of the gold file, counted from 1.
    pub gold_line: usize,
}

impl fmt::Display for PredictionPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, gold_path, gold_line } = self;
        write!(
            f,
            "line {line} of {} does not fit line {gold_line} of {}",
            path.display(),
            gold_path.display()
        )
    }
}
