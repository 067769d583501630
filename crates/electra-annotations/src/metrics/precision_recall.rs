//! Precision and recall at every threshold of the score, and the threshold that a precision asks for.

use serde::{Deserialize, Serialize};

use super::calibration::ScoredEntity;
use super::ratio;

/// Points that a curve keeps at most.
const MAX_POINTS: usize = 100;

/// The quantile of the normal distribution for an interval of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// Precision-recall curve of the entities of one type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrecisionRecall {
    /// The number of gold entities, the divisor of recall.
    pub gold: u64,
    /// Thresholds with what they leave, from the highest score to the lowest; of more than 100 scores those of
    /// 100 entities evenly spread.
    pub points: Vec<ThresholdCounts>,
}

/// The predicted entities whose score is at least a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdCounts {
    /// The lowest score of the predicted entities that are kept.
    pub min_score: f64,
    /// Number of predicted entities with such a score.
    pub predicted: u64,
    /// Number of those that are correct.
    pub correct: u64,
}

impl ThresholdCounts {
    /// Share of the entities that are correct; 0 if there is none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.correct, self.predicted)
    }

    /// The lower end of the 95 % interval of the precision (Wilson 1927).
    #[must_use]
    pub fn precision_bound(&self) -> f64 {
        wilson_lower_bound(self.correct, self.predicted)
    }
}

impl PrecisionRecall {
    /// The curve of the entities of one type among `entities`, of which there are `gold` to find.
    #[must_use]
    pub fn of(kind: &str, gold: u64, entities: &[ScoredEntity]) -> Self {
        let mut own: Vec<&ScoredEntity> = entities.iter().filter(|entity| entity.kind == kind).collect();
        own.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut points: Vec<ThresholdCounts> = Vec::new();
        let (mut predicted, mut correct) = (0, 0);
        for entity in own {
            predicted += 1;
            correct += u64::from(entity.is_correct);
            match points.last_mut().filter(|last| last.min_score == entity.score) {
                Some(last) => (last.predicted, last.correct) = (predicted, correct),
                None => points.push(ThresholdCounts { min_score: entity.score, predicted, correct }),
            }
        }
        if points.len() > MAX_POINTS {
            let last = points.len() - 1;
            points = (0..MAX_POINTS).map(|i| points[i * last / (MAX_POINTS - 1)]).collect();
        }
        Self { gold, points }
    }

    /// Recall at a point of the curve; 0 if there is nothing to find.
    #[must_use]
    pub fn recall(&self, point: &ThresholdCounts) -> f64 {
        ratio(point.correct, self.gold)
    }

    /// The lowest threshold at which the lower bound of the precision is at least `precision`.
    #[must_use]
    pub fn threshold(&self, precision: f64) -> Option<ThresholdCounts> {
        self.points.iter().rev().find(|point| point.precision_bound() >= precision).copied()
    }

    /// The threshold with the highest lower bound of the precision.
    #[must_use]
    pub fn most_precise(&self) -> Option<ThresholdCounts> {
        let better =
            |a: &&ThresholdCounts, b: &&ThresholdCounts| a.precision_bound().total_cmp(&b.precision_bound());
        self.points.iter().max_by(better).copied()
    }
}

/// Lower end of the 95 % interval of a share of which `correct` of `number` were observed (Wilson 1927); 0 if
/// nothing was.
fn wilson_lower_bound(correct: u64, number: u64) -> f64 {
    if number == 0 {
        return 0.0;
    }
    let (share, n) = (ratio(correct, number), number as f64);
    let centre = share + Z * Z / (2.0 * n);
    let width = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - width) / (1.0 + Z * Z / n)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_wilsons() {
        // statsmodels.stats.proportion.proportion_confint(k, n, method="wilson")[0]
        for (correct, number, bound) in
            [(9, 10, 0.595_849_973), (10, 10, 0.722_467_2), (0, 5, 0.0), (950, 1000, 0.934_686)]
        {
            let found = wilson_lower_bound(correct, number);
            assert!((found - bound).abs() < 1e-5, "{correct} of {number}: {found}, expected {bound}");
        }
        assert_eq!(wilson_lower_bound(0, 0), 0.0);
    }

    fn entities(scores: &[(f64, bool)]) -> Vec<ScoredEntity> {
        let scored =
            |&(score, is_correct): &(f64, bool)| ScoredEntity { kind: "A".into(), score, is_correct };
        scores.iter().map(scored).collect()
    }

    #[test]
    fn each_score_is_a_threshold_and_equal_ones_are_one() {
        let other = ScoredEntity { kind: "B".into(), score: 0.95, is_correct: false };
        let mut all = entities(&[(0.5, false), (0.9, true), (0.9, false), (0.7, true)]);
        all.push(other);
        let curve = PrecisionRecall::of("A", 4, &all);
        let points: Vec<(f64, u64, u64)> =
            curve.points.iter().map(|point| (point.min_score, point.predicted, point.correct)).collect();
        assert_eq!(points, [(0.9, 2, 1), (0.7, 3, 2), (0.5, 4, 2)]);
        assert_eq!(curve.recall(&curve.points[1]), 0.5);
    }

    #[test]
    fn the_threshold_is_the_lowest_that_keeps_the_promise_and_none_is_made_up() {
        // 100 correct ones above .8, then 20 wrong ones.
        let scores: Vec<(f64, bool)> = (0..120).map(|i| (1.0 - f64::from(i) / 500.0, i < 100)).collect();
        let curve = PrecisionRecall::of("A", 100, &entities(&scores));
        let found = curve.threshold(0.95).unwrap();
        assert!(found.precision_bound() >= 0.95 && found.predicted >= 95, "{found:?}");
        assert!(curve.threshold(0.99).is_none());
        let best = curve.most_precise().unwrap();
        assert!(best.precision_bound() < 0.99 && best.precision_bound() >= found.precision_bound());
        assert!(PrecisionRecall::default().threshold(0.1).is_none());
        assert_eq!(PrecisionRecall::of("A", 100, &entities(&scores)).points.len(), MAX_POINTS);
    }
}
