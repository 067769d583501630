//! What a run tells those who watch it.

use electra_run::record::Plan;

use crate::metrics::{EvalRecord, TrainRecord};

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The loop is about to begin.
    Started {
        /// Steps done before, 0 for a new run.
        step: u64,
        /// Steps of the whole run.
        total_steps: u64,
        /// What the run was predicted to need.
        plan: Option<Plan>,
    },
    /// One optimizer step is done. Told after every step; must be cheap to ignore.
    Stepped {
        /// Steps done.
        step: u64,
    },
    /// A logging interval is over.
    Trained {
        /// Steps done.
        step: u64,
        /// Means over the interval.
        record: &'a TrainRecord,
        /// Predicted seconds to the end.
        seconds_left: f64,
    },
    /// Held-out evaluation begins.
    Evaluating {
        /// Steps done.
        step: u64,
    },
    /// Held-out evaluation.
    Evaluated {
        /// Steps done.
        step: u64,
        /// Its results.
        record: &'a EvalRecord,
    },
    /// A checkpoint is on disk.
    Saved {
        /// Steps done.
        step: u64,
    },
    /// Something worth a sentence: a checkpoint passed over, a collapse, a warning.
    Note {
        /// Steps done.
        step: u64,
        /// The sentence.
        message: &'a str,
    },
}

/// Whoever watches a run: a terminal, a log, a test.
pub trait Monitor {
    /// Told about everything, in order.
    fn on(&mut self, event: Event<'_>);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn on(&mut self, _: Event<'_>) {}
}
