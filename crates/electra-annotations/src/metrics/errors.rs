//! Error analysis: every entity in exactly one class.
//!
//! Within a sentence, gold and predicted entities are paired, each at most once, in this order:
//!
//! 1. *correct*: same bounds, same type;
//! 2. *type*: same bounds, other type;
//! 3. *boundary*: other bounds with at least one token in common, same type;
//! 4. *type and boundary*: other bounds with at least one token in common, other type.
//!
//! Where one entity could be paired with several in the same step, more common tokens go first,
//! then the leftmost gold entity, then the leftmost predicted one. What is left of gold is
//! *missed*, what is left of the prediction is *spurious*. So both sums come out:
//!
//! - gold = correct + type + boundary + type and boundary + missed,
//! - predicted = correct + type + boundary + type and boundary + spurious.
//!
//! A gold entity that the prediction splits in two is one boundary error and one spurious entity. A
//! gold entity that no tags say is missed.

use std::cmp::Reverse;

use serde::Serialize;

use super::{Comparison, SentenceSpans};
use crate::Span;

/// The error class of an entity. The order of the first four is that of pairing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// Right bounds, right type.
    Correct,
    /// Right bounds, wrong type.
    Type,
    /// Overlapping, right type.
    Boundary,
    /// Overlapping, wrong type.
    TypeAndBoundary,
    /// A gold entity without a partner.
    Missed,
    /// A predicted entity without a partner.
    Spurious,
}

impl ErrorClass {
    /// The name of the class in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Type => "type",
            Self::Boundary => "boundary",
            Self::TypeAndBoundary => "type and boundary",
            Self::Missed => "missed",
            Self::Spurious => "spurious",
        }
    }
}

/// An entity or a pair of entities with its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// Number of the sentence, from 0; the runs of a pool follow one another.
    pub sentence: usize,
    /// The class of the pair.
    pub class: ErrorClass,
    /// The gold entity; none if spurious.
    pub gold: Option<&'a Span>,
    /// The predicted entity; none if missed.
    pub predicted: Option<&'a Span>,
}

/// The number of entities of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErrorClasses {
    /// Right bounds, right type.
    pub correct: u64,
    /// Right bounds, wrong type.
    #[serde(rename = "type")]
    pub wrong_type: u64,
    /// Overlapping, right type.
    pub boundary: u64,
    /// Overlapping, wrong type.
    pub type_and_boundary: u64,
    /// Gold without a partner.
    pub missed: u64,
    /// Predicted without a partner.
    pub spurious: u64,
}

impl ErrorClasses {
    /// Counts the classes of a comparison.
    #[must_use]
    pub fn of(comparison: &Comparison) -> Self {
        let mut classes = Self { missed: comparison.left_out(), ..Self::default() };
        for found in comparison.matches() {
            *match found.class {
                ErrorClass::Correct => &mut classes.correct,
                ErrorClass::Type => &mut classes.wrong_type,
                ErrorClass::Boundary => &mut classes.boundary,
                ErrorClass::TypeAndBoundary => &mut classes.type_and_boundary,
                ErrorClass::Missed => &mut classes.missed,
                ErrorClass::Spurious => &mut classes.spurious,
            } += 1;
        }
        classes
    }

    /// Every class with its number.
    #[must_use]
    pub fn list(&self) -> [(ErrorClass, u64); 6] {
        [
            (ErrorClass::Correct, self.correct),
            (ErrorClass::Type, self.wrong_type),
            (ErrorClass::Boundary, self.boundary),
            (ErrorClass::TypeAndBoundary, self.type_and_boundary),
            (ErrorClass::Missed, self.missed),
            (ErrorClass::Spurious, self.spurious),
        ]
    }
}

impl Comparison {
    /// Every entity, paired as the module's description says; sentence by sentence, from left to
    /// right. Those that no tags say have no place among them.
    pub fn matches(&self) -> impl Iterator<Item = Match<'_>> {
        self.sentences().iter().enumerate().flat_map(|(sentence, spans)| pair(sentence, spans))
    }
}

fn pair(sentence: usize, spans: &SentenceSpans) -> Vec<Match<'_>> {
    let SentenceSpans { gold, predicted, .. } = spans;
    let mut candidates = Vec::new();
    for (g, gold) in gold.iter().enumerate() {
        // Ends ascend, so whatever ends before this entity begins is in front.
        let first = predicted.partition_point(|span| span.end <= gold.start);
        for (p, predicted) in predicted.iter().enumerate().skip(first) {
            if predicted.start >= gold.end {
                break;
            }
            let common = gold.end.min(predicted.end) - gold.start.max(predicted.start);
            candidates.push((class(gold, predicted), Reverse(common), g, p));
        }
    }
    candidates.sort_unstable();
    let (mut free_gold, mut free_predicted) = (vec![true; gold.len()], vec![true; predicted.len()]);
    let mut matches = Vec::with_capacity(gold.len().max(predicted.len()));
    for (class, _, g, p) in candidates {
        if free_gold[g] && free_predicted[p] {
            (free_gold[g], free_predicted[p]) = (false, false);
            matches.push(Match { sentence, class, gold: Some(&gold[g]), predicted: Some(&predicted[p]) });
        }
    }
    let free = |spans: &'_ [Span], free: Vec<bool>| -> Vec<usize> {
        (0..spans.len()).filter(|&index| free[index]).collect()
    };
    matches.extend(free(gold, free_gold).into_iter().map(|g| Match {
        sentence,
        class: ErrorClass::Missed,
        gold: Some(&gold[g]),
        predicted: None,
    }));
    matches.extend(free(predicted, free_predicted).into_iter().map(|p| Match {
        sentence,
        class: ErrorClass::Spurious,
        gold: None,
        predicted: Some(&predicted[p]),
    }));
    matches.sort_by_key(|found| found.gold.or(found.predicted).map(|span| span.start));
    matches
}

fn class(gold: &Span, predicted: &Span) -> ErrorClass {
    let same_bounds = (gold.start, gold.end) == (predicted.start, predicted.end);
    match (same_bounds, gold.kind == predicted.kind) {
        (true, true) => ErrorClass::Correct,
        (true, false) => ErrorClass::Type,
        (false, true) => ErrorClass::Boundary,
        (false, false) => ErrorClass::TypeAndBoundary,
    }
}
