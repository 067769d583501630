//! Entities of a sentence.

use std::ops::Range;

use crate::head::DecodedSpan;
use electra_annotations::LabelSet;

/// A run of words that is an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct TaggedEntity {
    /// The words of the entity in the sentence, at least one.
    pub words: Range<usize>,
    /// The entity type, such as `PER`.
    pub kind: String,
    /// The probability of the entity at the tagger's temperature: with `argmax` the product over its words of
    /// the probability of the label that each was given, with `viterbi` and `crf` the probability of all
    /// allowed sequences that have just this entity.
    pub score: f64,
}

impl TaggedEntity {
    /// The entity of a span whose labels are `labels`.
    pub(super) fn of(DecodedSpan { words, label, probability }: DecodedSpan, labels: &LabelSet) -> Self {
        let kind = labels.kind(label).expect("a span has a type").to_owned();
        Self { words, kind, score: probability }
    }
}
