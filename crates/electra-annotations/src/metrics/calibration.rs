//! Calibration: whether entities with a score of .8 are correct 8 times of 10.

use serde::{Deserialize, Serialize};

use super::ratio;

/// Bins of a reliability diagram.
const BINS: usize = 10;

/// A predicted entity with its score, held against the gold data.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredEntity {
    /// The entity type.
    pub kind: String,
    /// The score: the probability that the tagger gives the entity.
    pub score: f64,
    /// Whether the gold data has it with the same bounds and type.
    pub is_correct: bool,
}

/// Reliability of scores: their mean beside the precision, in ten bins of equal width (Guo et al. 2017).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// The expected calibration error: the mean distance between score and precision over the bins, weighted by
    /// their entities; 0 if there is none.
    pub calibration_error: f64,
    /// Number of predicted entities.
    pub entities: u64,
    /// Number of those that are correct.
    pub correct: u64,
    /// Mean of their scores; 0 if there is none.
    pub mean_score: f64,
    /// The bins, from 0 to 1; a score on a border is in the bin below it.
    pub bins: Vec<ReliabilityBin>,
}

/// One bin of a reliability diagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Number of entities whose score is in the bin.
    pub entities: u64,
    /// Number of those that are correct.
    pub correct: u64,
    /// Mean of their scores; 0 if there is none.
    pub mean_score: f64,
}

impl ReliabilityBin {
    /// Share of the entities of the bin that are correct; 0 if there is none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.correct, self.entities)
    }
}

impl Reliability {
    /// The reliability of the scores of predicted entities.
    ///
    /// # Panics
    /// If a score is not between 0 and 1.
    #[must_use]
    pub fn of(entities: &[ScoredEntity]) -> Self {
        let mut bins = vec![ReliabilityBin::default(); BINS];
        for ScoredEntity { score, is_correct, kind } in entities {
            assert!((0.0..=1.0).contains(score), "the score of a {kind} is {score}");
            let bin = &mut bins[((score * BINS as f64).ceil() as usize).clamp(1, BINS) - 1];
            bin.entities += 1;
            bin.correct += u64::from(*is_correct);
            // A sum until all are there.
            bin.mean_score += score;
        }
        let number = entities.len() as f64;
        let sum: f64 = bins.iter().map(|bin| bin.mean_score).sum();
        let distance = |bin: &ReliabilityBin| (bin.mean_score - bin.correct as f64).abs();
        let calibration_error = bins.iter().map(distance).sum::<f64>() / number.max(1.0);
        for bin in bins.iter_mut().filter(|bin| bin.entities > 0) {
            bin.mean_score /= bin.entities as f64;
        }
        Self {
            calibration_error,
            entities: entities.len() as u64,
            correct: bins.iter().map(|bin| bin.correct).sum(),
            mean_score: sum / number.max(1.0),
            bins,
        }
    }

    /// Share of the entities that are correct; 0 if there is none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.correct, self.entities)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(score: f64, is_correct: bool) -> ScoredEntity {
        ScoredEntity { kind: "PER".to_owned(), score, is_correct }
    }

    #[test]
    fn the_expected_calibration_error_can_be_added_up_by_hand() {
        // Bin (.9, 1]: scores .95 and 1.0, one correct: |1.95 - 1| = .95. Bin (.5, .6]: .6 and .55, both
        // correct: |1.15 - 2| = .85. Bin [0, .1]: 0, wrong: 0. (.95 + .85) / 5 = .36.
        let entities = [(0.95, true), (1.0, false), (0.6, true), (0.55, true), (0.0, false)];
        let found = Reliability::of(&entities.map(|(score, is_correct)| scored(score, is_correct)));
        assert!((found.calibration_error - 0.36).abs() < 1e-12, "{found:?}");
        assert_eq!((found.entities, found.correct, found.bins.len()), (5, 3, 10));
        assert!((found.mean_score - 0.62).abs() < 1e-12 && (found.precision() - 0.6).abs() < 1e-12);
        let counts: Vec<u64> = found.bins.iter().map(|bin| bin.entities).collect();
        assert_eq!(counts, [1, 0, 0, 0, 0, 2, 0, 0, 0, 2]);
        assert!((found.bins[5].mean_score - 0.575).abs() < 1e-12 && found.bins[5].precision() == 1.0);
        assert_eq!(found.bins[9].precision(), 0.5);
    }

    #[test]
    fn nothing_predicted_has_no_error() {
        let found = Reliability::of(&[]);
        assert_eq!((found.calibration_error, found.entities, found.mean_score), (0.0, 0, 0.0));
    }

    #[test]
    fn scores_that_are_precisions_have_no_error() {
        let entities: Vec<ScoredEntity> = (0..100).map(|i| scored(0.8, i % 5 != 0)).collect();
        assert!(Reliability::of(&entities).calibration_error < 1e-12);
    }
}
