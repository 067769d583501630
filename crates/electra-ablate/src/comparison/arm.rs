//! Summary of an arm over its seeds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metric::Metric;
use crate::record::Parameters;
use crate::standing::{ArmStatus, Pairs};
use crate::statistics::equivalence::Equivalence;
use crate::statistics::{Paired, Sample};

/// Summary of an arm over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmSummary {
    /// Name of the arm, as the experiment file has it.
    pub name: String,
    /// The seeds whose runs are finished.
    pub seeds: Vec<u64>,
    /// Steps of a run.
    pub steps: u64,
    /// Floating-point operations of a run.
    pub flops: f64,
    /// Number of parameters of generator and discriminator.
    pub parameters: Parameters,
    /// Mean and deviation of every number that was measured.
    pub metrics: BTreeMap<Metric, Sample>,
    /// Seeds of fine-tuning that found nothing in any epoch, which the mean of F1 counts with their 0.
    pub found_nothing: usize,
    /// Fine-tuning seeds in all, over the seeds of pretraining.
    pub fine_tuned: usize,
    /// Against the base arm, paired by seed; none for the base arm itself.
    pub paired: Option<Paired>,
    /// The means of both over those seeds.
    pub pairs: Option<Pairs>,
    /// The probability after Holm's correction over all tests.
    pub p_holm: Option<f64>,
    /// The test of equivalence to the base arm, where a margin was stated.
    pub equivalence: Option<Equivalence>,
    /// Seconds of pretraining; none where every run failed.
    pub seconds: Option<Sample>,
    /// Held-out values over steps, mean over seeds.
    pub curve: MeanCurve,
    /// Missing and failed seeds, budget, shared runs, and quantities that differ unnamed.
    #[serde(flatten)]
    pub standing: ArmStatus,
}

/// Values over steps, mean over the seeds that have the step.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MeanCurve {
    /// Steps, ascending.
    pub step: Vec<u64>,
    /// The mean curve of each measured number.
    pub columns: BTreeMap<String, Vec<Option<f64>>>,
}
