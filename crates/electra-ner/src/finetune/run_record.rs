//! The first record of a run's log.

use std::collections::BTreeMap;

use serde::Serialize;

use electra_annotations::{LabelSet, Overlap, Split, Splits};
use electra_train::encoder_init::Lineage;

/// The first line of the log.
#[derive(Serialize)]
pub(super) struct RunRecord<'a> {
    pub(super) recipe_hash: &'a str,
    pub(super) parameters: usize,
    pub(super) labels: &'a [String],
    pub(super) steps_per_epoch: u64,
    pub(super) lineage: &'a Lineage,
    pub(super) unknown_tags: UnknownTags,
    /// The weights of words of each type in the loss; `None` where a CRF has a loss of its own.
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

/// A sentence for each split of which something is left out.
pub(super) fn left_out_notes(train: &Split, splits: &Splits) -> Vec<String> {
    let mut notes = Vec::new();
    let given =
        [("training", Some(train)), ("development", Some(&splits.dev)), ("test", splits.test.as_ref())];
    for (name, split) in given {
        let Some(split) = split else { continue };
        let (left_out, answers) = (split.left_out.len(), split.facts.answers);
        if left_out > 0 {
            let fate = if name == "training" { "are not learned from" } else { "count as missed" };
            let all = left_out + split.facts.entities;
            notes.push(format!(
                "{left_out} of {all} entities of the {name} data are not made of whole words, which no tags can say: they {fate}"
            ));
        }
        if answers.passed_over() > 0 {
            notes.push(format!(
                "{} rejected and {} ignored records of the {name} data are passed over",
                answers.rejected, answers.ignored
            ));
        }
        if answers.unknown > 0 {
            notes.push(format!(
                "records of the {name} data with an answer other than accept, reject and ignore, which are taken for gold: {}",
                answers.unknown
            ));
        }
    }
    notes
}
