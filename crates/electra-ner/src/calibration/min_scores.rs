//! The lowest scores with which entities are kept: given, or those that a precision asks for.

use std::collections::BTreeMap;

use electra_annotations::ThresholdCounts;

use super::Calibration;

/// The lowest scores with which entities are kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MinScores {
    /// The lowest score of types that have none of their own; 0 keeps all.
    pub all: f64,
    /// The lowest score of each type; none where the type is left out whole.
    pub types: BTreeMap<String, Option<f64>>,
}

/// Numbers of entities that were left out for their score, by type.
pub type LeftOutEntities = BTreeMap<String, u64>;

/// The threshold of a type for a precision, with its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeThreshold {
    /// The entity type.
    pub kind: String,
    /// The counts on the development data at the lowest threshold at which the lower bound of the precision is
    /// high enough; none where there is no such threshold.
    pub reached: Option<ThresholdCounts>,
    /// The counts where that bound is highest; none where nothing of the type was predicted.
    pub best: Option<ThresholdCounts>,
}

impl MinScores {
    /// Whether an entity of this type and score is kept.
    #[must_use]
    pub fn keep(&self, kind: &str, score: f64) -> bool {
        match self.types.get(kind) {
            Some(lowest) => lowest.is_some_and(|lowest| score >= lowest),
            None => score >= self.all,
        }
    }

    /// Whether every entity is kept.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        self.all <= 0.0 && self.types.values().all(|lowest| lowest.is_some_and(|lowest| lowest <= 0.0))
    }

    /// The thresholds of these types. A type that does not reach the precision is left out whole: to keep it
    /// would break the promise that the precision is.
    #[must_use]
    pub fn of_thresholds(thresholds: &[TypeThreshold]) -> Self {
        let lowest = |threshold: &TypeThreshold| threshold.reached.map(|point| point.min_score);
        let types = thresholds.iter().map(|threshold| (threshold.kind.clone(), lowest(threshold)));
        Self { all: 0.0, types: types.collect() }
    }
}

impl Calibration {
    /// The threshold of each of these types for a precision, by the lower end of its 95 % interval on the
    /// development data.
    #[must_use]
    pub fn thresholds(&self, kinds: &[&str], precision: f64) -> Vec<TypeThreshold> {
        let threshold = |kind: &&str| {
            let curve = self.types.get(*kind);
            TypeThreshold {
                kind: (*kind).to_owned(),
                reached: curve.and_then(|curve| curve.threshold(precision)),
                best: curve.and_then(|curve| curve.most_precise()),
            }
        };
        kinds.iter().map(threshold).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_its_own_lowest_score_and_one_without_reach_is_left_out() {
        let point = ThresholdCounts { min_score: 0.6, predicted: 50, correct: 50 };
        let threshold = |kind: &str, reached| TypeThreshold { kind: kind.into(), reached, best: Some(point) };
        let scores = MinScores::of_thresholds(&[threshold("A", Some(point)), threshold("B", None)]);
        assert!(scores.keep("A", 0.6) && !scores.keep("A", 0.59) && !scores.keep("B", 1.0));
        assert!(scores.keep("C", 0.0) && !scores.keeps_all());
        assert!(MinScores::default().keeps_all());
        assert!(!MinScores { all: 0.8, types: BTreeMap::new() }.keep("A", 0.7));
    }
}
