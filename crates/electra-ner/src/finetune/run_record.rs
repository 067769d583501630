//! What the log of a run begins with.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::labels::LabelSet;
use crate::overlap::Overlap;
use crate::splits::Splits;
use crate::start::Lineage;

/// The first line of the log.
#[derive(Serialize)]
pub(super) struct RunRecord<'a> {
    pub(super) recipe_hash: &'a str,
    pub(super) parameters: usize,
    pub(super) labels: &'a [String],
    pub(super) steps_per_epoch: u64,
    pub(super) lineage: &'a Lineage,
    pub(super) unknown_tags: UnknownTags,
    /// What words of each type count in the loss; none where a CRF has a loss of its own.
    pub(super) class_weights: Option<BTreeMap<String, f64>>,
    /// Sentences that the splits share.
    pub(super) overlaps: Vec<Overlap>,
}

/// Tags of the development and the test data that the training data lacks, with their words.
#[derive(Serialize)]
pub(super) struct UnknownTags {
    dev: BTreeMap<String, u64>,
    test: BTreeMap<String, u64>,
}

impl UnknownTags {
    pub(super) fn of(labels: &LabelSet, splits: &Splits) -> Self {
        let test = splits.test.as_ref().map(|test| labels.unknown(&test.sentences));
        Self { dev: labels.unknown(&splits.dev.sentences), test: test.unwrap_or_default() }
    }

    /// A sentence for each split that has some.
    pub(super) fn notes(&self) -> Vec<String> {
        [("development", &self.dev), ("test", &self.test)]
            .into_iter()
            .filter(|(_, tags)| !tags.is_empty())
            .map(|(split, tags)| {
                let words: u64 = tags.values().sum();
                let names: Vec<&str> = tags.keys().map(String::as_str).collect();
                format!(
                    "{words} words of the {split} data have tags that the training data lacks ({}): they count as missed",
                    names.join(", ")
                )
            })
            .collect()
    }
}
