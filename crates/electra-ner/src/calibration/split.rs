//! Calibration of the scores on one split.

use std::collections::BTreeMap;
use std::ops::Range;

use electra_annotations::{
    LabelSet, LeftOut, Mode, PrecisionRecall, Reliability, ScoredEntity, Span, Split, Tags, spans,
};
use serde::{Deserialize, Serialize};

use crate::head::Decoder;

/// Calibration of the scores on one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitCalibration {
    /// The temperature of the scores that are calibrated.
    pub temperature: f64,
    /// Scores at the temperature 1.
    pub before: Reliability,
    /// Scores at that of the tagger.
    pub after: Reliability,
    /// Precision and recall of the entities of each type, at that of the tagger.
    pub precision_recall: BTreeMap<String, PrecisionRecall>,
}

/// Logits `[W, L]` of all words of a split, sentence by sentence.
#[derive(Clone, Copy)]
pub(crate) struct ScoredSplit<'a> {
    pub(crate) split: &'a Split,
    pub(crate) logits: &'a [f32],
    pub(crate) labels: &'a LabelSet,
}

impl ScoredSplit<'_> {
    /// Where the words of each sentence begin and end.
    fn words(&self) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        self.split.sentences.iter().map(move |sentence| {
            let words = start..start + sentence.len();
            start = words.end;
            words
        })
    }

    /// The logits of each sentence.
    pub(crate) fn sentences(&self) -> impl Iterator<Item = &[f32]> {
        let l = self.labels.len();
        self.words().map(move |words| &self.logits[words.start * l..words.end * l])
    }

    /// Every predicted entity with its score.
    fn scored(&self, decoder: &Decoder) -> Vec<ScoredEntity> {
        let tags = self.split.sentences.tags().iter();
        self.sentences()
            .zip(tags)
            .flat_map(|(logits, tags)| scored_entities(decoder, self.labels, logits, tags))
            .collect()
    }

    /// Precision and recall of each type that gold or predictions have.
    fn curves(&self, scored: &[ScoredEntity]) -> BTreeMap<String, PrecisionRecall> {
        let mut gold: BTreeMap<String, u64> = BTreeMap::new();
        for Span { kind, .. } in self.split.sentences.tags().iter().flat_map(gold_spans) {
            *gold.entry(kind).or_default() += 1;
        }
        for LeftOut { kind, .. } in &self.split.left_out {
            *gold.entry(kind.clone()).or_default() += 1;
        }
        for ScoredEntity { kind, .. } in scored {
            gold.entry(kind.clone()).or_default();
        }
        gold.into_iter()
            .map(|(kind, gold)| {
                let curve = PrecisionRecall::of(&kind, gold, scored);
                (kind, curve)
            })
            .collect()
    }
}

impl SplitCalibration {
    /// The calibration at the temperature of `decoder`.
    pub(crate) fn of(split: ScoredSplit<'_>, decoder: &Decoder) -> Self {
        let after = split.scored(decoder);
        Self {
            temperature: decoder.temperature(),
            before: Reliability::of(&split.scored(&decoder.at_temperature(1.0))),
            after: Reliability::of(&after),
            precision_recall: split.curves(&after),
        }
    }
}

fn gold_spans(tags: Tags<'_>) -> Vec<Span> {
    spans(&tags.to_vec(), Mode::Default).expect("default mode takes every tag")
}

/// The entities that a decoder finds in a sentence with these logits, held against its gold tags.
pub(crate) fn scored_entities(
    decoder: &Decoder,
    labels: &LabelSet,
    logits: &[f32],
    gold: Tags<'_>,
) -> Vec<ScoredEntity> {
    let gold = gold_spans(gold);
    let (_, found) = decoder.decode_spans(logits);
    let scored = found.into_iter().map(|span| {
        let kind = labels.kind(span.label).expect("a span has a type").to_owned();
        let score = span.probability;
        let span = Span { start: span.words.start, end: span.words.end, kind };
        let is_correct = gold.binary_search(&span).is_ok();
        ScoredEntity { kind: span.kind, score, is_correct }
    });
    scored.collect()
}
