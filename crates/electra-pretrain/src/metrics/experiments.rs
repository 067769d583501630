//! The scalars that experiments compare.

use electra_model::{Architecture, GeneratorKind, HeadKind, Objective};

/// All of them, in the order of tables. A row has the key of one of [`METRICS`](super::table::METRICS).
pub const EXPERIMENT_METRICS: &[ExperimentMetric] = &[
    ExperimentMetric::new("rtd_auc", "AUC", 3, Output::Detection, Task::Replaced)
        .not_by_token()
        .at_most_1()
        .beside_finetuning("own AUC"),
    ExperimentMetric::new("rtd_loss", "RTD loss", 4, Output::Detection, Task::Replaced),
    ExperimentMetric::new("rtd_loss_over_entropy", "rtd/H(q)", 3, Output::Detection, Task::Replaced)
        .not_by_token(),
    ExperimentMetric::new("prediction_loss", "prediction loss", 3, Output::Prediction, Task::Replaced),
    ExperimentMetric::new("mlm_loss", "MLM loss", 3, Output::Masked, Task::Masked)
        .beside_finetuning("generator's loss"),
    ExperimentMetric::new("mlm_loss_per_byte", "MLM loss a byte", 4, Output::Masked, Task::MaskedText),
    ExperimentMetric::new("loss", "total loss", 3, Output::Together, Task::Sum),
];

/// The way in which experiments compare a metric.
#[derive(Clone, Copy, Debug)]
pub struct ExperimentMetric {
    /// The key of the metric.
    pub key: &'static str,
    /// The title of the metric in tables.
    pub title: &'static str,
    /// Decimals in tables.
    pub digits: usize,
    /// Whether it is a cost of each token, so that it depends on what the vocabulary calls a token.
    pub is_by_token: bool,
    /// The output of the networks that the metric measures.
    pub output: Output,
    /// The task that its value depends on beside the model.
    pub task: Task,
    /// The greatest difference that two runs can have, where there is one.
    pub greatest_difference: Option<f64>,
    /// The title of the metric where it is correlated with fine-tuning; `None` where it is not.
    pub beside_finetuning: Option<&'static str>,
}

/// Which output of a run a metric is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The predictions at masked positions.
    Masked,
    /// Which tokens are taken for replaced ones.
    Detection,
    /// The original tokens that are read from corrupted text.
    Prediction,
    /// All that is trained together.
    Together,
}

impl Output {
    /// Whether a run of this objective has it, with these networks.
    #[must_use]
    pub fn applies_to(self, objective: &Objective, networks: Architecture) -> bool {
        let is_mlm = matches!(objective, Objective::Mlm {});
        match self {
            Self::Masked => is_mlm || networks.generator != GeneratorKind::None,
            Self::Detection => networks.head == HeadKind::ReplacedToken,
            Self::Prediction => !is_mlm && networks.head != HeadKind::ReplacedToken,
            // A single loss is not added up.
            Self::Together => !is_mlm,
        }
    }
}

/// The task that a metric is measured on: what its value depends on beside the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The masked positions.
    Masked,
    /// The masked positions, counted in bytes of text.
    MaskedText,
    /// The tokens that the generator beside it has replaced.
    Replaced,
    /// All of that, and the weights of the losses.
    Sum,
}

impl Task {
    /// The name of the task in experiments.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::MaskedText => "masked-text",
            Self::Replaced => "replaced",
            Self::Sum => "sum",
        }
    }
}

impl ExperimentMetric {
    const fn new(key: &'static str, title: &'static str, digits: usize, output: Output, task: Task) -> Self {
        Self {
            key,
            title,
            digits,
            is_by_token: !matches!(task, Task::MaskedText),
            output,
            task,
            greatest_difference: None,
            beside_finetuning: None,
        }
    }

    /// Marks the metric as a share or a ratio, which no vocabulary changes.
    const fn not_by_token(mut self) -> Self {
        self.is_by_token = false;
        self
    }

    /// Marks the metric as one that is never below 0 or above 1.
    const fn at_most_1(mut self) -> Self {
        self.greatest_difference = Some(1.0);
        self
    }

    /// Marks the metric as a measure that may stand for the success of fine-tuning: experiments correlate the
    /// two.
    const fn beside_finetuning(mut self, name: &'static str) -> Self {
        self.beside_finetuning = Some(name);
        self
    }
}

/// The way in which experiments compare the metric of a key; `None` where they do not.
#[must_use]
pub fn experiment_metric(key: &str) -> Option<&'static ExperimentMetric> {
    EXPERIMENT_METRICS.iter().find(|row| row.key == key)
}

#[cfg(test)]
mod tests {
    use super::super::table::metric;
    use super::*;

    #[test]
    fn experiments_compare_what_evaluations_measure_each_once() {
        for row in EXPERIMENT_METRICS {
            assert!(metric(row.key).is_evaluated(), "{}", row.key);
            assert_eq!(
                EXPERIMENT_METRICS.iter().filter(|other| other.key == row.key).count(),
                1,
                "{}",
                row.key
            );
        }
    }
}
