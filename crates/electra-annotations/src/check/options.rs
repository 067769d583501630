//! What is checked, and how.

use electra_text::Tokenizer;
use serde::Serialize;

use crate::read::DataFile;

/// Role of a file in a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitRole {
    /// Training data.
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
    /// What it is called in the report.
    pub name: String,
    /// What it is for.
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
    /// What fills them.
    pub measure: Measure<'a>,
    /// How many of the longest sentences to name.
    pub longest: usize,
}
