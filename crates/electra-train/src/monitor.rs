//! Interface to whoever watches a run: a terminal, a log, a test.

/// Receiver of what every run reports. A task adds events of its own.
pub trait Monitor {
    /// One optimizer step is done. Called after every step; must be cheap to ignore.
    fn step_done(&mut self, _step: u64) {}

    /// A checkpoint of `step` is on disk.
    fn saved(&mut self, _step: u64) {}

    /// Called with a note after `step` steps: a checkpoint passed over, a collapse, a warning.
    fn note(&mut self, _step: u64, _message: &str) {}
}
