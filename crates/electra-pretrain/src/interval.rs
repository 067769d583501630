//! Sums of the steps between two logged lines: over steps alone, not over logging, evaluation and saving.

use std::time::Duration;

use crate::step::Step;

/// Sums since the last logged line.
#[derive(Debug, Default)]
pub(crate) struct Interval {
    pub(crate) steps: u64,
    pub(crate) tokens: u64,
    pub(crate) loss: f64,
    pub(crate) mlm: Mean,
    pub(crate) rtd: Mean,
    pub(crate) prediction: Mean,
    pub(crate) grad_norm: f64,
    /// The learning rate of the last step.
    pub(crate) learning_rate: f64,
    took: Duration,
    waited: Duration,
    communicated: Duration,
}

/// The mean over those steps that have the number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mean {
    sum: f64,
    steps: u64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.steps += 1;
        }
    }

    /// The mean; `None` if no step had the number.
    pub(crate) fn get(self) -> Option<f64> {
        (self.steps > 0).then(|| self.sum / self.steps as f64)
    }
}

impl Interval {
    /// Adds a step that took so long in all, of that waited so long for its batch, and spent so long in messages of
    /// ranks.
    pub(crate) fn add(&mut self, step: &Step, took: Duration, waited: Duration, communicated: Duration) {
        self.steps += 1;
        self.tokens += step.tokens;
        self.loss += step.losses.total;
        self.mlm.add(step.losses.mlm);
        self.rtd.add(step.losses.rtd);
        self.prediction.add(step.losses.prediction);
        self.grad_norm += step.clip.norm;
        self.learning_rate = step.learning_rate;
        self.took += took;
        self.waited += waited;
        self.communicated += communicated;
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.took.as_secs_f64().max(1e-9)
    }

    /// Seconds that were spent in messages of ranks, waiting for them among it.
    pub(crate) fn communicated(&self) -> f64 {
        self.communicated.as_secs_f64()
    }

    /// Part of the time that was spent waiting for batches.
    pub(crate) fn waited_fraction(&self) -> f64 {
        self.waited.as_secs_f64() / self.seconds()
    }
}
