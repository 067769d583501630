//! Events of a pretraining run, for whoever watches it.

use electra_run::record::Plan;

use crate::metrics::{EvalRecord, TrainRecord};

/// Event of pretraining, beside those of every run ([`electra_train::Monitor`]).
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The loop is about to begin.
    Started {
        /// Steps done before, 0 for a new run.
        step: u64,
        /// Steps of the whole run.
        total_steps: u64,
        /// The predicted needs of the run.
        plan: Option<Plan>,
    },
    /// A logging interval is over.
    Trained {
        /// The number of steps done.
        step: u64,
        /// Means over the interval.
        record: &'a TrainRecord,
        /// Predicted seconds to the end.
        seconds_left: f64,
    },
    /// Held-out evaluation begins.
    Evaluating {
        /// The number of steps done.
        step: u64,
    },
    /// Held-out evaluation.
    Evaluated {
        /// The number of steps done.
        step: u64,
        /// The record of the evaluation.
        record: &'a EvalRecord,
    },
}

/// Receiver of the events of a pretraining run: a terminal, a log, a test.
pub trait Monitor: electra_train::Monitor {
    /// Called for each event, in order.
    fn on(&mut self, event: Event<'_>);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SilentMonitor;

impl electra_train::Monitor for SilentMonitor {}

impl Monitor for SilentMonitor {
    fn on(&mut self, _: Event<'_>) {}
}
