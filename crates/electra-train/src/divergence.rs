//! Divergence: numbers of a run that went out of bounds.

use electra_optim::NonFiniteGradients;
use thiserror::Error;

/// Divergence of a run, with the step it was seen at.
#[derive(Clone, Debug, PartialEq, Error, miette::Diagnostic)]
pub enum Divergence {
    /// A gradient that is infinite or not a number.
    #[error("step {step}: {source}")]
    Gradient {
        /// Steps done before.
        step: u64,
        /// The parameters concerned.
        #[diagnostic_source]
        source: NonFiniteGradients,
    },
    /// A loss that is infinite or not a number.
    #[error("step {step}: the loss is {loss}{}", in_brackets(.parts))]
    Loss {
        /// Steps done before.
        step: u64,
        /// The value of the loss.
        loss: f64,
        /// The losses that it is the sum of, with their names; none where it has no parts.
        parts: Vec<(&'static str, f64)>,
    },
    /// A loss above that of an untrained model, long after the start.
    #[error("step {step}: the loss is {loss:.2}, above the {untrained:.2} of an untrained model")]
    Risen {
        /// The number of steps done.
        step: u64,
        /// Mean over the last logging interval.
        loss: f64,
        /// Loss of a model that has learned nothing.
        untrained: f64,
    },
}

fn in_brackets(parts: &[(&'static str, f64)]) -> String {
    let parts: Vec<String> = parts.iter().map(|(name, loss)| format!("{name} {loss}")).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}
