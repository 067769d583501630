//! Options of a check: the files and the limits.

use electra_text::Tokenizer;
use serde::Serialize;

use crate::read::DataFile;

/// Role of a file in a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitRole {
    /// The training data.
    Train,
    /// Development data, by which an epoch or a model is chosen.
    Dev,
    /// Test data, for the score that is reported.
    Test,
    /// Neither the user nor the name of the file says.
    Unknown,
}

/// A file with its role.
#[derive(Clone, Debug)]
pub struct CheckedSplit {
    /// The name of the split in the report.
    pub name: String,
    /// The role of the split.
    pub role: SplitRole,
    /// Content of the file.
    pub data: DataFile,
}

/// Unit in which the length of a sentence is measured.
#[derive(Clone, Copy, Debug)]
pub enum Measure<'a> {
    /// In words: no sentence has fewer pieces.
    Words,
    /// In pieces of this tokenizer.
    Pieces(&'a Tokenizer),
}

/// Options of [`check()`](super::check()).
#[derive(Clone, Copy, Debug)]
pub struct CheckOptions<'a> {
    /// Positions of the model, `[CLS]` and `[SEP]` included.
    pub window: usize,
    /// The unit in which the lengths of sentences are measured.
    pub measure: Measure<'a>,
    /// The number of longest sentences to name.
    pub longest: usize,
}
