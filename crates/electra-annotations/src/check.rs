//! The check of a data set for faults, before anything is trained on it.
//!
//! [`check`] counts and compares; it changes nothing and stops at nothing. What it finds:
//! transitions that the scheme does not allow, types that the training data lack, types whose share
//! drifts from split to split, sentences that do not fit the model's window, sentences that occur
//! more than once, and sentences that the test data share with the training data.

pub(crate) mod copies;
mod drift;
mod lengths;
mod options;
mod report;
mod suspects;

use std::collections::BTreeMap;

use serde::Serialize;

pub use copies::{Duplicates, Leak};
pub use drift::{Drift, TypeShare};
pub use lengths::{LongSentence, TooLong};
pub use options::{CheckOptions, CheckedSplit, Measure, SplitRole};
pub use report::SplitReport;
pub use suspects::{SuspectedWord, suspected_words};

use crate::Sentences;
use crate::align::coverage;

/// Report on a data set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckReport {
    /// Positions of the model, `[CLS]` and `[SEP]` included.
    pub window: usize,
    /// The unit of lengths: `words` or `pieces`.
    pub unit: &'static str,
    /// Each file by itself, in the order given.
    pub splits: Vec<SplitReport>,
    /// The differences of each other file's types from those of the training data.
    pub drift: Vec<Drift>,
    /// Sentences that two files share.
    pub leaks: Vec<Leak>,
}

/// Checks a data set, each file by itself and the files against each other.
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
        passed_over: data.passed_over,
        offsets: data.offsets,
        words: data.division.words,
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
