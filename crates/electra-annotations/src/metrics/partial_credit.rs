//! Partial credit: the scores of MUC and of SemEval 2013, task 9, as nervaluate 1.2.1 counts them.
//!
//! | schema | correct is |
//! |---|---|
//! | strict | right bounds, right type |
//! | exact | right bounds, whatever the type |
//! | partial | right bounds; a span that has some words in common is half correct, whatever the types |
//! | type | right type, some words in common |
//!
//! Each predicted entity, from left to right, takes one gold entity that none has taken. A predicted entity that
//! has words in common with a gold entity and is not correct is *incorrect* (*partial* in the schema of that
//! name), one that has none is *spurious*, a gold entity that nothing takes is *missed*. Words in common count
//! where they are a hundredth of the gold entity or more.
//!
//! Precision is (correct + partial / 2) / (correct + incorrect + partial + spurious); for recall *missed* stands
//! in place of *spurious*. Strict precision and recall are those of conlleval.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::{Comparison, SentenceSpans};
use crate::Span;

/// The least share of a gold entity that words in common are, in percent.
const LEAST_OVERLAP: f64 = 1.0;

/// A rule by which a predicted entity gets credit for a gold entity.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CreditSchema {
    /// Bounds and type count.
    Strict,
    /// The bounds have to be the same, whatever the types.
    Exact,
    /// Words in common count for a half.
    Partial,
    /// The type counts, with some words in common.
    Type,
}

/// The counts of predicted and of gold entities by one schema: correct, incorrect, partial, missed, spurious.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credit {
    /// Predicted entities that get full credit.
    pub correct: u64,
    /// Predicted entities that share words with a gold entity and get none.
    pub incorrect: u64,
    /// Predicted entities that get half of it.
    pub partial: u64,
    /// Gold entities that nothing was predicted for.
    pub missed: u64,
    /// Predicted entities where none is.
    pub spurious: u64,
}

/// The credit by every schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Credits {
    /// By bounds and type.
    pub strict: Credit,
    /// By bounds alone.
    pub exact: Credit,
    /// With a half for words in common.
    pub partial: Credit,
    /// By type, with words in common.
    #[serde(rename = "type")]
    pub by_type: Credit,
}

/// Partial credit of a comparison, over all entities and for each type by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartialCredit {
    /// Over all entities.
    #[serde(flatten)]
    pub all: Credits,
    /// For the entities of each type that gold or prediction have, as if there were no others.
    pub types: BTreeMap<String, Credits>,
}

impl Credit {
    /// Share of the predicted entities, with a half for partial ones; 0 if none is predicted.
    #[must_use]
    pub fn precision(self) -> f64 {
        self.share(self.spurious)
    }

    /// Share of the gold entities, with a half for partial ones; 0 if there are none.
    #[must_use]
    pub fn recall(self) -> f64 {
        self.share(self.missed)
    }

    /// Harmonic mean of precision and recall; 0 if nothing gets credit.
    #[must_use]
    pub fn f1(self) -> f64 {
        let (precision, recall) = (self.precision(), self.recall());
        if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
    }

    fn share(self, others: u64) -> f64 {
        let all = self.correct + self.incorrect + self.partial + others;
        if all == 0 { 0.0 } else { (self.correct as f64 + 0.5 * self.partial as f64) / all as f64 }
    }
}

impl AddAssign for Credit {
    fn add_assign(&mut self, other: Self) {
        self.correct += other.correct;
        self.incorrect += other.incorrect;
        self.partial += other.partial;
        self.missed += other.missed;
        self.spurious += other.spurious;
    }
}

impl Serialize for Credit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Credit", 8)?;
        fields.serialize_field("correct", &self.correct)?;
        fields.serialize_field("incorrect", &self.incorrect)?;
        fields.serialize_field("partial", &self.partial)?;
        fields.serialize_field("missed", &self.missed)?;
        fields.serialize_field("spurious", &self.spurious)?;
        fields.serialize_field("precision", &self.precision())?;
        fields.serialize_field("recall", &self.recall())?;
        fields.serialize_field("f1", &self.f1())?;
        fields.end()
    }
}

impl Credits {
    /// Every schema with its name and its credit.
    #[must_use]
    pub fn list(&self) -> [(&'static str, Credit); 4] {
        [("strict", self.strict), ("exact", self.exact), ("partial", self.partial), ("type", self.by_type)]
    }

    fn add(&mut self, gold: &[&Span], predicted: &[&Span], left_out: u64) {
        for (schema, sum) in [
            (CreditSchema::Strict, &mut self.strict),
            (CreditSchema::Exact, &mut self.exact),
            (CreditSchema::Partial, &mut self.partial),
            (CreditSchema::Type, &mut self.by_type),
        ] {
            *sum += credit(gold, predicted, schema);
            sum.missed += left_out;
        }
    }
}

impl PartialCredit {
    /// Counts the credit of a comparison. Gold entities that no tags say are missed.
    #[must_use]
    pub fn of(comparison: &Comparison) -> Self {
        let mut found = Self { all: Credits::default(), types: BTreeMap::new() };
        for SentenceSpans { gold, predicted, left_out } in comparison.sentences() {
            found.all.add(&of_kind(gold, None), &of_kind(predicted, None), left_out.len() as u64);
            let kinds = gold.iter().chain(predicted).map(|span| &span.kind).chain(left_out);
            for kind in kinds.collect::<BTreeSet<_>>() {
                let [gold, predicted] = [gold, predicted].map(|spans| of_kind(spans, Some(kind)));
                let left_out = left_out.iter().filter(|left_out| *left_out == kind).count();
                found.types.entry(kind.clone()).or_default().add(&gold, &predicted, left_out as u64);
            }
        }
        found
    }
}

/// The spans of one type, or all of them.
fn of_kind<'a>(spans: &'a [Span], kind: Option<&str>) -> Vec<&'a Span> {
    spans.iter().filter(|span| kind.is_none_or(|kind| span.kind == kind)).collect()
}

/// The credit of one sentence, whose spans are sorted by start.
fn credit(gold: &[&Span], predicted: &[&Span], schema: CreditSchema) -> Credit {
    let mut credit = Credit::default();
    let mut taken = vec![false; gold.len()];
    for predicted in predicted {
        // Ends ascend, so whatever ends before this entity begins is in front.
        let first = gold.partition_point(|gold| gold.end <= predicted.start);
        let near = (first..gold.len()).take_while(|&at| gold[at].start < predicted.end);
        let free: Vec<usize> = near.filter(|&at| !taken[at]).collect();
        let has_bounds = |&&at: &&usize| {
            (gold[at].start, gold[at].end) == (predicted.start, predicted.end)
                && (schema != CreditSchema::Strict || gold[at].kind == predicted.kind)
        };
        let overlaps = |&&at: &&usize| overlap_percent(gold[at], predicted) >= LEAST_OVERLAP;
        let correct: Option<&usize> = match schema {
            CreditSchema::Type => {
                let same = free.iter().filter(overlaps).filter(|&&at| gold[at].kind == predicted.kind);
                same.min_by_key(|&&at| distance(gold[at], predicted))
            }
            _ => free.iter().find(has_bounds),
        };
        let count = match (correct, schema) {
            (Some(_), _) => &mut credit.correct,
            (None, CreditSchema::Partial) => &mut credit.partial,
            (None, _) => &mut credit.incorrect,
        };
        match correct.or_else(|| free.iter().find(overlaps)) {
            Some(&at) => {
                *count += 1;
                taken[at] = true;
            }
            None => credit.spurious += 1,
        }
    }
    credit.missed = taken.iter().filter(|taken| !**taken).count() as u64;
    credit
}

/// The words that both have, as a share of the gold entity in percent.
fn overlap_percent(gold: &Span, predicted: &Span) -> f64 {
    let common = gold.end.min(predicted.end).saturating_sub(gold.start.max(predicted.start));
    common as f64 / (gold.end - gold.start) as f64 * 100.0
}

/// By how many words the bounds differ.
fn distance(gold: &Span, predicted: &Span) -> usize {
    gold.start.abs_diff(predicted.start) + gold.end.abs_diff(predicted.end)
}
