//! Events of fine-tuning, for whoever watches it.

use serde::Serialize;

/// Event of fine-tuning, beside those of every run ([`electra_train::Monitor`]).
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The loop is about to begin.
    Started {
        /// The seed of the run.
        seed: u64,
        /// Steps done before, 0 for a new run.
        step: u64,
        /// Steps of an epoch.
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
        /// What it came to.
        record: &'a EpochRecord,
        /// Epochs of the whole run.
        epochs: usize,
        /// Predicted seconds to the end.
        seconds_left: f64,
    },
}

/// An epoch, as `metrics.jsonl` has it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean training loss of its words, with dropout.
    pub loss: f64,
    /// Share of the predicted entities of the development data that are correct.
    pub dev_precision: f64,
    /// Share of its entities that were found.
    pub dev_recall: f64,
    /// Micro F1, by the rules of conlleval.
    pub dev_f1: f64,
    /// Share of its tokens with the right tag.
    pub dev_token_accuracy: f64,
    /// Whether no earlier epoch was as good.
    pub is_best: bool,
    /// Of the last step, at the head.
    pub learning_rate: f64,
    /// Mean norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Words trained on in a second, evaluation left out; absent if the epoch was resumed after its last step.
    pub words_per_second: Option<f64>,
    /// Seconds of the evaluation.
    pub dev_seconds: f64,
    /// Resident memory at the end, in units of 10^6 bytes.
    pub rss_mb: Option<f64>,
}

/// Receiver of the events of fine-tuning: a terminal, a log, a test.
pub trait Monitor: electra_train::Monitor {
    /// Called for each event, in order.
    fn on(&mut self, event: Event<'_>);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl electra_train::Monitor for Silent {}

impl Monitor for Silent {
    fn on(&mut self, _: Event<'_>) {}
}
