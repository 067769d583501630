//! What can be wrong with a file of predictions.

use std::fmt;
use std::path::PathBuf;

/// An error about predictions: each names the file, the line and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictionsError {
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Two tags differ only in characters that cannot be written.
    #[error(
        "{path}: the tags {first:?} and {second:?} would look the same in a file of predictions; \
         rename one of the types"
    )]
    SameWhenWritten {
        /// The file.
        path: PathBuf,
        /// A tag.
        first: String,
        /// The other one.
        second: String,
    },
    /// Bytes that are not UTF-8.
    #[error("line {line} of {path} is not UTF-8; convert the file, for example with `iconv -t utf-8`")]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// A line with one column.
    #[error(
        "line {line} of {path} has only {found:?}, expected a token and a tag; separate columns by a TAB or spaces and sentences by blank lines"
    )]
    OneColumn {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the line holds.
        found: String,
    },
    /// A line with another number of columns.
    #[error(
        "line {line} of {path} has {found} columns, expected {expected} as in line {first_line}; a token with a space in it needs TABs between columns"
    )]
    Ragged {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Its columns.
        found: usize,
        /// Columns of the first line that has any.
        expected: usize,
        /// That line, from 1.
        first_line: usize,
    },
    /// No line with a token.
    #[error("{path} is empty: no line has a token and a tag")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Predicted tags alone, and no gold to compare them with.
    #[error(
        "{path} has two columns, so it holds no gold tags; name the gold file with `--gold`, or give three columns: token, gold, predicted"
    )]
    NoGold {
        /// The file.
        path: PathBuf,
    },
    /// Another number of sentences than gold.
    #[error(
        "{path} has {found} sentences, {gold_path} has {expected}; every gold sentence needs a prediction"
    )]
    OtherSentences {
        /// File of the predictions.
        path: PathBuf,
        /// Its sentences.
        found: usize,
        /// File of the gold tags.
        gold_path: PathBuf,
        /// Its sentences.
        expected: usize,
    },
    /// Another number of tokens in a sentence.
    #[error(
        "{place}: the sentence has {found} tokens there and {expected} in gold; predict every token, in the sentences of the gold file"
    )]
    OtherLength {
        /// Where the sentence begins.
        place: Box<Place>,
        /// Tokens of the prediction.
        found: usize,
        /// Tokens in gold.
        expected: usize,
    },
    /// Another token.
    #[error(
        "{place}: the token is {found:?} there and {expected:?} in gold; both files must hold the same text"
    )]
    OtherToken {
        /// Where it stands.
        place: Box<Place>,
        /// In the prediction.
        found: String,
        /// In gold.
        expected: String,
    },
    /// Another gold entity.
    #[error(
        "{place}: the gold tag is {found:?} there and {expected:?} in gold, which makes other entities; the predictions were made for another version of the gold file"
    )]
    OtherGold {
        /// Where the entity begins.
        place: Box<Place>,
        /// In the file of the predictions.
        found: String,
        /// In the gold file.
        expected: String,
    },
}

/// A line of predictions and the gold line it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// File of the predictions.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// File of the gold tags.
    pub gold_path: PathBuf,
    /// Line, from 1.
    pub gold_line: usize,
}

impl fmt::Display for Place {
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
