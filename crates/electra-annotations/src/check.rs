//! What is wrong with a data set, before anything is trained on it.
//!
//! [`check`] counts and compares; it changes nothing and stops at nothing. What it finds:
//! transitions that the scheme does not allow, types that the training data lack, types whose share
//! drifts from split to split, sentences that do not fit the model's window, sentences that occur
//! more than once, and sentences that the test data share with the training data.

pub(crate) mod copies;
mod drift;
mod lengths;

use std::collections::BTreeMap;

use electra_text::{Coverage, Tokenizer};
use serde::Serialize;

pub use copies::{CopyGroup, CopyGroups, Duplicates, Leak};
pub use drift::{Drift, TypeShare};
pub use lengths::{LongSentence, TooLong};

use crate::Sentences;
use crate::align::coverage;
use crate::read::{Answers, DataFile, InvalidTransitions, MisalignedSpan};
use crate::scheme::Scheme;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitRole {
    /// To train on.
    Train,
    /// To choose by.
    Dev,
    /// To report.
    Test,
    /// Nobody said.
    Unknown,
}

/// A file with its role.
#[derive(Clone, Debug)]
pub struct CheckedSplit {
    /// What it is called in the report.
    pub name: String,
    /// What it is for.
    pub role: SplitRole,
    /// What is in it.
    pub data: DataFile,
}

/// How lengths are measured.
#[derive(Clone, Copy, Debug)]
pub enum Measure<'a> {
    /// In words: no sentence has fewer pieces.
    Words,
    /// In pieces of this tokenizer.
    Pieces(&'a Tokenizer),
}

/// What [`check`] looks for.
#[derive(Clone, Copy, Debug)]
pub struct CheckOptions<'a> {
    /// Positions of the model, `[CLS]` and `[SEP]` included.
    pub window: usize,
    /// What fills them.
    pub measure: Measure<'a>,
    /// How many of the longest sentences to name.
    pub longest: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckReport {
    /// Positions of the model, `[CLS]` and `[SEP]` included.
    pub window: usize,
    /// What lengths count: `words` or `pieces`.
    pub unit: &'static str,
    /// Each file by itself, in the order given.
    pub splits: Vec<SplitReport>,
    /// How the types of each other file differ from those of the training data.
    pub drift: Vec<Drift>,
    /// Sentences that two files share.
    pub leaks: Vec<Leak>,
}

/// What was found in one file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitReport {
    /// What the split is called.
    pub name: String,
    /// What it is for.
    pub role: SplitRole,
    /// Its file.
    pub path: String,
    /// What the file turned out to be.
    pub format: String,
    /// The scheme of its tags.
    pub scheme: Scheme,
    /// Tags that are others in IOB2.
    pub changed_tags: usize,
    /// Transitions that the scheme does not allow.
    pub invalid_transitions: InvalidTransitions,
    /// Spans that were left out.
    pub misaligned_spans: Vec<MisalignedSpan>,
    /// Records that an annotator did not accept.
    pub answers: Answers,
    /// Comment lines.
    pub comments: usize,
    /// Documents.
    pub documents: usize,
    /// Whether the file says where documents begin.
    pub marks_documents: bool,
    /// Sentences.
    pub sentences: usize,
    /// Tokens.
    pub tokens: usize,
    /// Entities.
    pub entities: usize,
    /// Entities by type.
    pub types: BTreeMap<String, usize>,
    /// Sentences that do not fit the window.
    pub too_long: TooLong,
    /// The longest sentences, the longest first.
    pub longest: Vec<LongSentence>,
    /// Sentences that occur more than once.
    pub duplicates: Duplicates,
    /// Words and characters, and how many the tokenizer has no pieces for; none without a tokenizer.
    /// A word of the data may be several words here.
    pub coverage: Option<Coverage>,
}

/// Looks a data set over.
pub fn check(splits: &[CheckedSplit], options: &CheckOptions<'_>) -> CheckReport {
    let named = |split| {
        let CheckedSplit { name, data, .. }: &CheckedSplit = split;
        copies::Named { name, sentences: &data.sentences, most: usize::MAX }
    };
    let named: Vec<copies::Named<'_, '_>> = splits.iter().map(named).collect();
    let reports: Vec<SplitReport> = splits.iter().map(|split| check_one(split, options)).collect();
    CheckReport {
        window: options.window,
        unit: match options.measure {
            Measure::Words => "words",
            Measure::Pieces(_) => "pieces",
        },
        drift: drift::drift(&reports),
        leaks: copies::leaks(&named, true),
        splits: reports,
    }
}

fn check_one(split: &CheckedSplit, options: &CheckOptions<'_>) -> SplitReport {
    let data = &split.data;
    let types = count_types(&data.sentences);
    let lengths = lengths::lengths(&data.sentences, options.measure);
    SplitReport {
        name: split.name.clone(),
        role: split.role,
        path: data.path.display().to_string(),
        format: data.format.to_string(),
        scheme: data.scheme,
        changed_tags: data.changed_tags,
        invalid_transitions: data.invalid.clone(),
        misaligned_spans: data.misaligned.clone(),
        answers: data.answers,
        comments: data.comments,
        documents: data.documents,
        marks_documents: data.marks_documents,
        sentences: data.sentences.len(),
        tokens: data.sentences.tokens(),
        entities: types.values().sum(),
        types,
        too_long: lengths::too_long(&data.sentences, &lengths, options.window),
        longest: lengths::longest(&data.sentences, &lengths, options.longest),
        duplicates: copies::duplicates(&data.sentences),
        coverage: match options.measure {
            Measure::Words => None,
            Measure::Pieces(tokenizer) => Some(coverage(&data.sentences, tokenizer)),
        },
    }
}

/// Entities by type: in IOB2 each has one `B`.
fn count_types(sentences: &Sentences) -> BTreeMap<String, usize> {
    let mut types = BTreeMap::new();
    for kind in sentences.tags().iter().flatten().filter_map(|tag| tag.strip_prefix("B-")) {
        match types.get_mut(kind) {
            Some(count) => *count += 1,
            None => {
                types.insert(kind.to_owned(), 1);
            }
        }
    }
    types
}
