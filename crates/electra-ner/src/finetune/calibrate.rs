//! Calibration of a tagger that was trained: it changes no weight and no label.

use std::collections::BTreeMap;

use crate::calibration::{Calibration, FittedTemperature, GoldLogits, ScoredSplit, SplitCalibration};
use crate::head::{Decoder, Decoding};

/// Fits temperature and thresholds to the development data.
pub(super) fn calibrate(dev: ScoredSplit<'_>, decoder: &Decoder, decoding: Decoding) -> Calibration {
    let gold: Vec<Vec<Option<usize>>> =
        dev.split.sentences.tags().iter().map(|tags| dev.labels.encode(&tags.to_vec())).collect();
    let sentences = dev.sentences().zip(&gold).map(|(logits, labels)| GoldLogits { logits, labels });
    let fit = FittedTemperature::of(decoder, &sentences.collect::<Vec<_>>());
    let found = SplitCalibration::of(dev, &decoder.at_temperature(fit.temperature));
    let types: BTreeMap<_, _> = found.precision_recall;
    Calibration::new(decoding, fit, &dev.split.facts, types)
}
