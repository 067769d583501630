//! A number of a run that a placeholder may ask for.

use crate::metric::{Catalogue, Metric};
use crate::record::ResultRecord;

/// The quantities that can be asked for, listed in the error about another one.
pub(super) const QUANTITIES: &str = "a quantity (rtd-auc, probe-f1, mlm-loss@1250, heldout.fake_rate, steps, tokens, flops, minutes, parameters, generator)";

/// A number of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Quantity {
    /// A metric at the end, or at a step of the curve.
    Metric(Metric, Option<u64>),
    /// A held-out number by its name in the log.
    Heldout(String),
    /// Optimizer steps.
    Steps,
    /// The number of tokens read.
    Tokens,
    /// Floating-point operations.
    Flops,
    /// Minutes of pretraining.
    Minutes,
    /// Parameters of both networks.
    Parameters,
    /// Parameters that the generator adds.
    Generator,
}

impl Quantity {
    /// From a word; none if it is none.
    #[must_use]
    pub(super) fn parse(word: &str, metrics: &Catalogue) -> Option<Self> {
        if let Some(key) = word.strip_prefix("heldout.") {
            return Some(Self::Heldout(key.to_owned()));
        }
        let (name, step) = match word.split_once('@') {
            Some((name, step)) => (name, Some(step.parse().ok()?)),
            None => (word, None),
        };
        if let Some(metric) = metrics.get(name) {
            return Some(Self::Metric(metric, step));
        }
        match word {
            "steps" => Some(Self::Steps),
            "tokens" => Some(Self::Tokens),
            "flops" => Some(Self::Flops),
            "minutes" => Some(Self::Minutes),
            "parameters" => Some(Self::Parameters),
            "generator" => Some(Self::Generator),
            _ => None,
        }
    }

    /// The value of the quantity in a run; `None` where it was not measured.
    #[must_use]
    pub(super) fn of(&self, run: &ResultRecord) -> Option<f64> {
        match self {
            Self::Metric(metric, None) => metric.of(run),
            Self::Metric(metric, Some(step)) => {
                let at = run.curve.step.iter().position(|other| other == step)?;
                *run.curve.columns.get(metric.key()?)?.get(at)?
            }
            Self::Heldout(key) => run.heldout.get(key).copied(),
            Self::Steps => Some(run.steps as f64),
            Self::Tokens => Some(run.tokens as f64),
            Self::Flops => Some(run.flops),
            Self::Minutes => Some(run.seconds / 60.0),
            Self::Parameters => Some(run.parameters.total as f64),
            Self::Generator => Some(run.parameters.generator as f64),
        }
    }

    /// Whether it follows from the recipe: a seed that failed takes nothing from it.
    #[must_use]
    pub(super) fn is_of_the_recipe(&self) -> bool {
        matches!(self, Self::Steps | Self::Tokens | Self::Flops | Self::Parameters | Self::Generator)
    }

    /// Decimals where nothing else is said.
    #[must_use]
    pub(super) fn decimals(&self) -> usize {
        match self {
            Self::Metric(metric, _) => metric.decimals(),
            Self::Heldout(_) => 3,
            Self::Minutes => 1,
            Self::Steps | Self::Tokens | Self::Flops | Self::Parameters | Self::Generator => 0,
        }
    }

    /// Whether less of it is better.
    #[must_use]
    pub(super) fn less_is_better(&self) -> bool {
        match self {
            Self::Metric(metric, _) => !metric.more_is_better(),
            Self::Heldout(key) => key.ends_with("loss") || key.ends_with("entropy"),
            Self::Steps | Self::Tokens | Self::Flops | Self::Minutes | Self::Parameters | Self::Generator => {
                true
            }
        }
    }
}
