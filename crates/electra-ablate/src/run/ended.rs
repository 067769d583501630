//! Runs that have come to an end: finished ones with their numbers, and diverged ones.

use std::collections::BTreeMap;

use electra_run::record::HeldoutMeasure;

use super::described::RunDescription;
use crate::record::Curve;

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedRun {
    /// The description of the run.
    pub described: RunDescription,
    /// The numbers of the last evaluation.
    pub heldout: BTreeMap<String, f64>,
    /// The held-out rows of the evaluation; `None` in runs of older programs, which read the first rows.
    pub measure: Option<HeldoutMeasure>,
    /// The losses of all evaluations, thinned.
    pub curve: Curve,
    /// Seconds of training that the log has seen.
    pub seconds: f64,
}

/// A run that diverged.
#[derive(Clone, Debug, PartialEq)]
pub struct DivergedRun {
    /// The description of the run.
    pub described: RunDescription,
    /// Steps that were done.
    pub step: u64,
}
