//! Events of a run that is scored after each epoch, for whoever watches it.

use electra_run::metric::{Metric, MetricTable, Scalars};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::monitor::Monitor;

/// Event of such a run, beside those of every run ([`Monitor`]).
#[derive(Clone, Debug)]
pub enum EpochEvent<'a> {
    /// The loop is about to begin.
    Started {
        /// The seed of the run.
        seed: u64,
        /// Steps done before, 0 for a new run.
        step: u64,
        /// Updates of the weights in an epoch.
        steps_per_epoch: u64,
        /// Epochs of the whole run.
        epochs: usize,
    },
    /// A part of a split went through the network, to be scored. Told after every batch; must be
    /// cheap to ignore.
    Evaluating {
        /// "dev" or "test".
        split: &'static str,
        /// Windows done, 0 at the beginning.
        done: usize,
        /// Windows of the split.
        total: usize,
    },
    /// An epoch is over and was evaluated.
    Epoch {
        /// The record of the epoch.
        record: &'a EpochRecord,
        /// Epochs of the whole run.
        epochs: usize,
        /// Predicted seconds to the end.
        seconds_left: f64,
    },
}

/// An epoch, as `metrics.jsonl` has it.
#[derive(Clone, Debug)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// Whether no earlier epoch was as good.
    pub is_best: bool,
    /// The measured metrics with their values, in the order of the task's table.
    pub scalars: Vec<(&'static Metric, f64)>,
}

/// Receiver of the events: a terminal, a log, a test.
pub trait EpochMonitor: Monitor {
    /// Called for each event, in order.
    fn on(&mut self, event: EpochEvent<'_>);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SilentMonitor;

impl Monitor for SilentMonitor {}

impl EpochMonitor for SilentMonitor {
    fn on(&mut self, _: EpochEvent<'_>) {}
}

impl EpochRecord {
    /// An epoch with what was measured.
    #[must_use]
    pub fn new<T: MetricTable>(epoch: usize, is_best: bool, scalars: &Scalars<T>) -> Self {
        Self { epoch, is_best, scalars: scalars.iter().collect() }
    }

    /// The value of a key; none where it was not measured.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<f64> {
        self.scalars.iter().find(|(metric, _)| metric.key == key).map(|(_, value)| *value)
    }

    /// The values for TensorBoard under their tags.
    #[must_use]
    pub fn tagged(&self) -> Vec<(String, f64)> {
        let known = self.scalars.iter().filter(|(_, value)| value.is_finite());
        known.map(|(metric, value)| (metric.tag(), *value)).collect()
    }
}

impl Serialize for EpochRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("epoch", &self.epoch)?;
        for (metric, value) in &self.scalars {
            map.serialize_entry(metric.key, value)?;
        }
        map.serialize_entry("is_best", &self.is_best)?;
        map.end()
    }
}
