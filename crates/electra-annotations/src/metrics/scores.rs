//! Precision, recall and F1: over all entities, averaged over types, and of each type.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{Comparison, Counts, Mode, ratio};

/// Scores of a comparison. As JSON, every ratio is between 0 and 1. A ratio with nothing to divide by is 0 as
/// in seqeval, and enters the means as 0: the counts beside it say so, and tables have `-` for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// The mode: the rule by which tags counted as an entity; as JSON two fields, `mode` and `scheme`.
    #[serde(flatten, serialize_with = "mode_and_scheme")]
    pub mode: Mode,
    /// Sentences, each counted once for each run.
    pub sentences: u64,
    /// Tokens with a gold tag.
    pub tokens: u64,
    /// Tokens with a predicted tag. The same number: nothing is scored over a part of the gold.
    pub tokens_scored: u64,
    /// Share of the tokens with equal tags, `O` included.
    pub token_accuracy: f64,
    /// The micro-averaged scores, over all entities.
    pub micro: TypeScores,
    /// Mean over the types that gold or prediction have; none if there is no type.
    #[serde(rename = "macro")]
    pub macro_average: Option<Average>,
    /// Mean over the types, weighted by their gold entities; 0 if there are none.
    pub weighted: Average,
    /// Every type that gold or prediction have.
    pub types: BTreeMap<String, TypeScores>,
}

/// Precision, recall and F1 with the numbers behind them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TypeScores {
    /// Share of the predicted entities that are correct.
    pub precision: f64,
    /// Share of the gold entities that were found.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Gold entities, which others call support.
    #[serde(rename = "support")]
    pub gold: u64,
    /// Predicted entities.
    pub predicted: u64,
    /// Entities with the right bounds and type.
    pub correct: u64,
}

/// Precision, recall and F1, each averaged by itself: this F1 is not that of the two others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Average {
    /// Mean precision.
    pub precision: f64,
    /// Mean recall over the types.
    pub recall: f64,
    /// Mean F1 over the types.
    pub f1: f64,
}

impl Scores {
    /// The scores of a comparison.
    #[must_use]
    pub fn of(comparison: &Comparison) -> Self {
        let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
        for sentence in &comparison.sentences {
            for span in &sentence.gold {
                let counts = counts.entry(&span.kind).or_default();
                counts.gold += 1;
                counts.correct += u64::from(sentence.has_predicted(span));
            }
            for kind in &sentence.left_out {
                counts.entry(kind).or_default().gold += 1;
            }
            for span in &sentence.predicted {
                counts.entry(&span.kind).or_default().predicted += 1;
            }
        }
        let micro: Counts = counts.values().copied().sum();
        let types: BTreeMap<String, TypeScores> =
            counts.into_iter().map(|(kind, counts)| (kind.to_owned(), counts.into())).collect();
        Self {
            mode: comparison.mode,
            sentences: comparison.sentences.len() as u64,
            tokens: comparison.tokens,
            tokens_scored: comparison.tokens_scored,
            token_accuracy: ratio(comparison.tokens_correct, comparison.tokens),
            micro: micro.into(),
            macro_average: average(types.values(), |_| 1.0),
            weighted: average(types.values(), |scores| scores.gold as f64).unwrap_or_default(),
            types,
        }
    }
}

impl From<Counts> for TypeScores {
    fn from(counts: Counts) -> Self {
        let Counts { gold, predicted, correct } = counts;
        Self {
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
            gold,
            predicted,
            correct,
        }
    }
}

/// None if the weights sum to 0.
fn average<'a>(
    types: impl Iterator<Item = &'a TypeScores> + Clone,
    weight: impl Fn(&TypeScores) -> f64,
) -> Option<Average> {
    let total: f64 = types.clone().map(&weight).sum();
    let mean = |of: fn(&TypeScores) -> f64| {
        types.clone().map(|scores| weight(scores) * of(scores)).sum::<f64>() / total
    };
    (total > 0.0).then(|| Average {
        precision: mean(|s| s.precision),
        recall: mean(|s| s.recall),
        f1: mean(|s| s.f1),
    })
}

fn mode_and_scheme<S: Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Names {
        mode: &'static str,
        scheme: &'static str,
    }
    Names { mode: mode.name(), scheme: mode.scheme() }.serialize(serializer)
}
