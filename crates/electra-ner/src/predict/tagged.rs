//! Tagged sentences: logits of a chunk, decoded.

use electra_annotations::{LabelSet, RawSentence};

use super::entity::TaggedEntity;
use super::passage::{Passage, RecordPlace};
use crate::calibration::MinScores;
use crate::head::Decoder;

/// Tagged sentence: a sentence of the input with its tags and entities.
#[derive(Clone, Debug, PartialEq)]
pub struct TaggedSentence {
    /// White space, and what else is in no word, between the sentence before and this one.
    pub before: String,
    /// Lines of words, or records, that hold no word between the sentence before and this one.
    pub empty_before: u64,
    /// The sentence.
    pub sentence: RawSentence,
    /// The record that it stands in, where the input has records.
    pub record: Option<RecordPlace>,
    /// Whether the next sentence is the rest of the same line of words.
    pub goes_on: bool,
    /// One tag for each word: of IOB2, or the label itself where labels follow no scheme.
    pub tags: Vec<String>,
    /// The entities that were found, in reading order.
    pub entities: Vec<TaggedEntity>,
    /// The types of those that were left out for their scores; their words are outside.
    pub left_out: Vec<String>,
}

/// The decoding of logits into entities: decoder, labels, and the least scores of each type.
#[derive(Clone, Copy)]
pub(super) struct Decode<'a> {
    pub decoder: &'a Decoder,
    pub labels: &'a LabelSet,
    pub min_scores: &'a MinScores,
}

impl Decode<'_> {
    /// The sentences of a chunk whose words have these logits, `[W, L]`.
    pub(super) fn sentences(self, passages: Vec<Passage>, logits: &[f32]) -> Vec<TaggedSentence> {
        let Self { decoder, labels, min_scores } = self;
        let mut start = 0;
        let tag = |Passage { before, empty_before, sentence, record, goes_on }: Passage| {
            let end = start + sentence.words.len() * labels.len();
            let (decisions, spans) = decoder.decode_spans(&logits[start..end]);
            start = end;
            let ids: Vec<usize> = decisions.iter().map(|decision| decision.label).collect();
            let mut tags = labels.tags(&ids);
            let found = spans.into_iter().map(|span| TaggedEntity::of(span, labels));
            let (entities, others): (Vec<_>, Vec<_>) =
                found.partition(|entity| min_scores.keep(&entity.kind, entity.score));
            for entity in &others {
                tags[entity.words.clone()].fill("O".to_owned());
            }
            let left_out = others.into_iter().map(|entity| entity.kind).collect();
            TaggedSentence { before, empty_before, sentence, record, goes_on, tags, entities, left_out }
        };
        passages.into_iter().map(tag).collect()
    }
}
