//! Recall of entities that the training data has, and of those it lacks.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Comparison, Mode, ratio, spans};
use crate::{SentenceView, Sentences, Span};

/// The entities of the training data: surface forms with their types.
///
/// A surface form is the tokens of the entity, joined by a space, in the case they have.
#[derive(Clone, Debug, Default)]
pub struct SeenEntities {
    forms: BTreeMap<String, BTreeSet<String>>,
}

impl SeenEntities {
    /// Collects them, by the rules of default mode.
    #[must_use]
    pub fn of<'a>(train: impl IntoIterator<Item = SentenceView<'a>>) -> Self {
        let mut seen = Self::default();
        for sentence in train {
            for span in spans(&sentence.tags().to_vec(), Mode::Default).expect("default mode takes every tag")
            {
                let form = surface(sentence, &span);
                seen.forms.entry(form).or_default().insert(span.kind);
            }
        }
        seen
    }

    /// Whether this form was seen with this type.
    #[must_use]
    pub fn contains(&self, sentence: SentenceView<'_>, span: &Span) -> bool {
        self.forms.get(&surface(sentence, span)).is_some_and(|types| types.contains(&span.kind))
    }

    /// Whether this form was seen, with whatever type.
    pub(super) fn has_form(&self, sentence: SentenceView<'_>, span: &Span) -> bool {
        self.forms.contains_key(&surface(sentence, span))
    }
}

/// Gold entities, and how many of them were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Recall {
    /// Entities to find.
    #[serde(rename = "support")]
    pub gold: u64,
    /// Found with the right bounds and type.
    pub correct: u64,
    /// The recall: the ratio of both; `None` if there is nothing to find.
    pub recall: Option<f64>,
}

/// Recall by what the training data has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SeenRecall {
    /// Entities that the training data has with the same surface form and type.
    pub seen: Recall,
    /// All others, also those it has with another type, and those that no tags say.
    pub unseen: Recall,
}

impl SeenRecall {
    /// Divides the gold entities of a comparison; `sentences` are those that were compared.
    ///
    /// # Panics
    /// If these are other sentences.
    #[must_use]
    pub fn of(comparison: &Comparison, sentences: &Sentences, seen: &SeenEntities) -> Self {
        assert_eq!(sentences.len(), comparison.distinct_sentences(), "other sentences than were compared");
        let mut recall = Self::default();
        for (spans, sentence) in comparison.sentences().iter().zip(sentences.iter().cycle()) {
            for span in &spans.gold {
                let part = if seen.contains(sentence, span) { &mut recall.seen } else { &mut recall.unseen };
                part.gold += 1;
                part.correct += u64::from(spans.has_predicted(span));
            }
            recall.unseen.gold += spans.left_out.len() as u64;
        }
        for part in [&mut recall.seen, &mut recall.unseen] {
            part.recall = (part.gold > 0).then(|| ratio(part.correct, part.gold));
        }
        recall
    }
}

pub(super) fn surface(sentence: SentenceView<'_>, span: &Span) -> String {
    sentence.tokens().take(span.end).skip(span.start).collect::<Vec<_>>().join(" ")
}
