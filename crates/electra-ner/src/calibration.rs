//! Calibration of a tagger: the temperature of its probabilities, and the precision at each score, both from the
//! development data.

mod min_scores;
mod split;
mod temperature;

use std::collections::BTreeMap;

use electra_annotations::{PrecisionRecall, SplitFacts, ThresholdCounts};
use serde::{Deserialize, Serialize};

use crate::head::Decoding;

pub use min_scores::{LeftOutEntities, MinScores, TypeThreshold};
pub(crate) use split::ScoredSplit;
pub use split::SplitCalibration;
pub use temperature::FittedTemperature;
pub(crate) use temperature::GoldLogits;

/// The format of the file written here and the newest that can be read.
const FORMAT: u32 = 1;

/// The content of `calibration.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    format: u32,
    /// The decoding whose probabilities were fitted: those of another one are not calibrated by it.
    pub decoding: Decoding,
    /// The temperature, with what it was fitted to.
    pub fit: FittedTemperature,
    /// The development data.
    pub data: CalibrationData,
    /// Precision and recall of the entities of each type at each score at this temperature.
    pub types: BTreeMap<String, PrecisionRecall>,
}

/// The data that a tagger was calibrated on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationData {
    /// The file's name without folders.
    pub file: String,
    /// BLAKE3 of tokens, tags and document boundaries, in hexadecimal.
    pub hash: String,
    /// Number of sentences.
    pub sentences: u64,
}

impl Calibration {
    pub(crate) fn new(
        decoding: Decoding,
        fit: FittedTemperature,
        data: &SplitFacts,
        types: BTreeMap<String, PrecisionRecall>,
    ) -> Self {
        let SplitFacts { file, hash, sentences, .. } = data.clone();
        let data = CalibrationData { file, hash, sentences: sentences as u64 };
        Self { format: FORMAT, decoding, fit, data, types }
    }

    /// The number of entities that the tagger found in the development data, and of those that were correct:
    /// where it found none, nothing is known of its scores.
    #[must_use]
    pub fn found_entities(&self) -> (u64, u64) {
        let all = self.types.values().filter_map(|of_type| of_type.points.last());
        all.fold((0, 0), |(found, correct), all| (found + all.predicted, correct + all.correct))
    }

    /// Refuses numbers that no fit comes to: what is wrong.
    ///
    /// # Errors
    /// The first number that cannot be.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.format > FORMAT {
            return Err(format!("`format` is {}, this program reads {FORMAT}", self.format));
        }
        let FittedTemperature { temperature, loss_before, loss_after, .. } = self.fit;
        if !(temperature::RANGE[0]..=temperature::RANGE[1]).contains(&temperature) {
            let [low, high] = temperature::RANGE;
            return Err(format!(
                "`fit.temperature` is {temperature}, expected a number from {low} to {high}"
            ));
        }
        if !(loss_before >= loss_after && loss_after >= 0.0 && loss_before.is_finite()) {
            return Err(format!("`fit.loss_after` is {loss_after} and `fit.loss_before` {loss_before}"));
        }
        for (kind, PrecisionRecall { points, gold }) in &self.types {
            let is_point = |point: &ThresholdCounts| {
                (0.0..=1.0).contains(&point.min_score)
                    && point.correct <= point.predicted
                    && point.correct <= *gold
            };
            let follows = |pair: &[ThresholdCounts]| {
                pair[0].min_score > pair[1].min_score
                    && pair[0].predicted < pair[1].predicted
                    && pair[0].correct <= pair[1].correct
            };
            if !points.iter().all(is_point) || !points.windows(2).all(follows) {
                return Err(format!(
                    "the points of {kind:?} are no counts at falling scores between 0 and 1"
                ));
            }
        }
        Ok(())
    }
}
