//! Subject of a comparison: the experiment, or runs that no experiment states.

use crate::experiment::Contrast;
use crate::metric::{Catalogue, Metric};
use crate::standing::ArmContext;

/// Experiment whose arms are compared, as far as tables and tests need it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Name of the experiment.
    pub name: String,
    /// The question of the experiment.
    pub question: String,
    /// The prediction written before the start.
    pub prediction: String,
    /// The number that the verdict is about.
    pub metric: Metric,
    /// All numbers that results may have.
    pub metrics: Vec<Metric>,
    /// Equivalence margin in units of the metric, if one was stated before the runs.
    pub margin: Option<f64>,
    /// The arm to compare with.
    pub base_arm: String,
    /// All arms in their order.
    pub arms: Vec<String>,
    /// Pairs of them that are tested beside those with the base arm.
    pub contrasts: Vec<Contrast>,
    /// The loss from which on a generator is at the word frequencies, if it is stated.
    pub word_frequency_loss: Option<f64>,
    /// Planned seeds, budget, failed runs and derived quantities of the arms.
    pub known: ArmContext,
}

impl Subject {
    /// The subject of a comparison of runs that no experiment states: the first arm is the base arm.
    ///
    /// # Panics
    /// Without an arm.
    #[must_use]
    pub fn of_runs(
        name: &str,
        metric: Metric,
        metrics: &Catalogue,
        arms: Vec<String>,
        known: ArmContext,
    ) -> Self {
        assert!(!arms.is_empty(), "{name}: there is nothing to compare");
        Self {
            name: name.to_owned(),
            question: String::new(),
            prediction: String::new(),
            metric,
            metrics: metrics.all().to_vec(),
            margin: None,
            base_arm: arms[0].clone(),
            arms,
            contrasts: Vec::new(),
            word_frequency_loss: None,
            known,
        }
    }
}
