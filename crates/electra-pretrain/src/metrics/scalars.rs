//! The values of the metrics, and the two kinds of lines of the log that have them.

use electra_run::record::HeldoutMeasure;
use serde::Serialize;

use super::table::PretrainingMetrics;

/// Values of the rows of [`METRICS`](super::table::METRICS); none where one was not measured.
pub type Scalars = electra_run::metric::Scalars<PretrainingMetrics>;

/// Training since the line before: means over those steps, and counts of the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TrainRecord {
    /// The measured metrics.
    #[serde(flatten)]
    pub scalars: Scalars,
    /// Passes over the data so far.
    pub epoch: f64,
    /// Tokens read so far, padding counted, as papers count them.
    pub tokens: u64,
}

/// Evaluation on held-out examples. Padding is excluded everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct EvalRecord {
    /// The measured metrics.
    #[serde(flatten)]
    pub scalars: Scalars,
    /// Whether the discriminator has settled for the majority class; `None` without a discriminator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collapsed: Option<bool>,
    /// The held-out rows that were read. Absent in logs of older programs, which read the first rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heldout: Option<HeldoutMeasure>,
}

impl TrainRecord {
    /// The value of a key; none where it was not measured.
    ///
    /// # Panics
    /// If it is no key of the table.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<f64> {
        self.scalars.get(key)
    }

    /// The values for TensorBoard under their tags.
    #[must_use]
    pub fn tagged(&self) -> Vec<(String, f64)> {
        let known = self.scalars.iter().filter(|(_, value)| value.is_finite());
        known.map(|(metric, value)| (metric.tag(), value)).collect()
    }
}

impl EvalRecord {
    /// The value of a key; none where it was not measured.
    ///
    /// # Panics
    /// If it is no key of the table.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<f64> {
        self.scalars.get(key)
    }

    /// The values for TensorBoard under their tags.
    #[must_use]
    pub fn tagged(&self) -> Vec<(String, f64)> {
        let known = self.scalars.iter().filter(|(_, value)| value.is_finite());
        known.map(|(metric, value)| (format!("eval/{}", metric.key), value)).collect()
    }
}
