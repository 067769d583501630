//! The values of the metrics, and the two kinds of lines of the log that have them.

use std::fmt;

use electra_run::record::HeldoutMeasure;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::table::{METRICS, Metric, position};

/// Values of the rows of [`METRICS`]; none where one was not measured.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Scalars([Option<f64>; METRICS.len()]);

/// Training since the line before: means over those steps, and counts of the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TrainRecord {
    /// What was measured.
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
    /// What was measured.
    #[serde(flatten)]
    pub scalars: Scalars,
    /// Whether the discriminator has settled for the majority class; none without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collapsed: Option<bool>,
    /// What was read. Absent in logs of older programs, which read the first rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heldout: Option<HeldoutMeasure>,
}

impl Scalars {
    /// The value of a key; none where it was not measured.
    ///
    /// # Panics
    /// If it is no key of the table.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<f64> {
        self.0[position(key)]
    }

    /// These with another value of a key.
    ///
    /// # Panics
    /// If it is no key of the table.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Option<f64>>) -> Self {
        self.0[position(key)] = value.into();
        self
    }

    /// What was measured, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Metric, f64)> {
        METRICS.iter().zip(self.0).filter_map(|(metric, value)| Some((metric, value?)))
    }

    /// These, and what `other` has of the metrics that fit.
    #[must_use]
    pub fn and(mut self, other: &Self, fits: impl Fn(&Metric) -> bool) -> Self {
        for (metric, value) in other.iter().filter(|(metric, _)| fits(metric)) {
            self.0[position(metric.key)] = Some(value);
        }
        self
    }
}

impl fmt::Debug for Scalars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(metric, value)| (metric.key, value))).finish()
    }
}

impl Serialize for Scalars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (metric, value) in self.iter() {
            map.serialize_entry(metric.key, &value)?;
        }
        map.end()
    }
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
        known.map(|(metric, value)| (format!("{}/{}", metric.group, metric.key), value)).collect()
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
