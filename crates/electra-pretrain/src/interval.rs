//! What is summed up between two logged lines, evaluation and saving left out of the time.

use std::time::{Duration, Instant};

use crate::loader::Prefetch;
use crate::step::Step;

/// Sums since the last logged line.
pub(crate) struct Interval {
    begun: Instant,
    waited_before: f64,
    seconds_before: f64,
    waited_so_far: f64,
    pub(crate) steps: u64,
    pub(crate) tokens: u64,
    pub(crate) loss: f64,
    pub(crate) mlm: f64,
    pub(crate) rtd: f64,
    pub(crate) grad_norm: f64,
    pub(crate) learning_rate: f64,
}

impl Interval {
    pub(crate) fn start(batches: &Prefetch) -> Self {
        Self {
            begun: Instant::now(),
            waited_before: batches.waited.as_secs_f64(),
            seconds_before: 0.0,
            waited_so_far: 0.0,
            steps: 0,
            tokens: 0,
            loss: 0.0,
            mlm: 0.0,
            rtd: 0.0,
            grad_norm: 0.0,
            learning_rate: 0.0,
        }
    }

    pub(crate) fn add(&mut self, step: &Step) {
        self.steps += 1;
        self.tokens += step.tokens;
        self.loss += step.loss;
        self.mlm += step.mlm;
        self.rtd += step.rtd;
        self.grad_norm += step.clip.norm;
        self.learning_rate = step.learning_rate;
        self.seconds_before = self.begun.elapsed().as_secs_f64();
    }

    /// Leaves evaluation and saving out of the speed.
    pub(crate) fn restart_clock(&mut self, batches: &Prefetch) {
        if self.steps == 0 {
            *self = Self::start(batches);
        } else {
            let spent = self.seconds_before;
            self.waited_so_far = self.waited(batches);
            self.waited_before = batches.waited.as_secs_f64();
            // As if the interval had begun so much earlier that only training time lies in it.
            self.begun = Instant::now().checked_sub(Duration::from_secs_f64(spent)).unwrap_or(self.begun);
        }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.seconds_before.max(1e-9)
    }

    pub(crate) fn waited(&self, batches: &Prefetch) -> f64 {
        self.waited_so_far + batches.waited.as_secs_f64() - self.waited_before
    }
}
