//! The constants of Adam with decoupled weight decay: without bias correction as ELECTRA's reference has it, or with
//! it, as PyTorch's AdamW.

use electra_kernels::AdamStep;
use serde::{Deserialize, Serialize};

/// The hyperparameters of [`Adam`](crate::Adam).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// The decay of the first moment, the average of gradients, in `[0, 1)`.
    pub beta_1: f64,
    /// The decay of the second moment, the average of squared gradients, in `[0, 1)`.
    pub beta_2: f64,
    /// The number that is added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled weight decay: `learning_rate * weight_decay` of the parameter is taken away at
    /// each update, except where [`has_weight_decay`](crate::has_weight_decay) says no.
    pub weight_decay: f64,
    /// Whether the averages are divided by the weight of the gradients that they have seen. The
    /// reference does not; with it the rule is exactly PyTorch's AdamW.
    pub bias_correction: bool,
}

/// A hyperparameter out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error, miette::Diagnostic)]
#[error("{name} of the optimizer is {found}, expected {expected}")]
pub struct AdamConfigError {
    /// The name of the hyperparameter.
    pub name: &'static str,
    /// The value that was asked for.
    pub found: f64,
    /// The values that are possible.
    pub expected: &'static str,
}

impl AdamConfig {
    /// The paper's constants for pretraining (Clark et al. 2020, table 6) in the reference's form,
    /// without bias correction.
    pub const ELECTRA: Self =
        Self { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-6, weight_decay: 0.01, bias_correction: false };

    /// PyTorch's AdamW with the constants that transformers fine-tunes with: corrected for bias,
    /// without weight decay.
    pub const ADAMW: Self =
        Self { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay: 0.0, bias_correction: true };

    /// Checks that every hyperparameter is in its range.
    pub fn check(&self) -> Result<(), AdamConfigError> {
        let share = |x: f64| (0.0..1.0).contains(&x);
        let positive = |x: f64| x > 0.0 && x <= 1.0;
        let not_negative = |x: f64| (0.0..=1000.0).contains(&x);
        let shares = "a number of at least 0 and below 1";
        for (name, found, good, expected) in [
            ("beta_1", self.beta_1, share(self.beta_1), shares),
            ("beta_2", self.beta_2, share(self.beta_2), shares),
            ("epsilon", self.epsilon, positive(self.epsilon), "a number above 0 and at most 1"),
            ("weight_decay", self.weight_decay, not_negative(self.weight_decay), "a number from 0 to 1000"),
        ] {
            if !good {
                return Err(AdamConfigError { name, found, expected });
            }
        }
        Ok(())
    }

    /// The hyperparameters of the update number `updates` (from 1) of one parameter.
    ///
    /// With bias correction, `m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)` is written as
    /// `sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps * sqrt(1 - b2^t))`, so that both rules are
    /// one operation with different constants.
    pub(crate) fn update(
        &self,
        learning_rate: f64,
        weight_decay: f64,
        updates: u64,
        gradient_scale: f64,
    ) -> AdamStep {
        let Self { beta_1, beta_2, epsilon, .. } = *self;
        let uncorrected = AdamStep { learning_rate, beta_1, beta_2, epsilon, weight_decay, gradient_scale };
        if !self.bias_correction {
            return uncorrected;
        }
        let weight_1 = 1.0 - beta_1.powf(updates as f64);
        let root_2 = (1.0 - beta_2.powf(updates as f64)).sqrt();
        AdamStep {
            learning_rate: learning_rate * root_2 / weight_1,
            epsilon: epsilon * root_2,
            weight_decay: weight_decay * weight_1 / root_2,
            ..uncorrected
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_without_meaning_are_refused_by_name() {
        let good = AdamConfig::ELECTRA;
        assert_eq!(good.check(), Ok(()));
        assert_eq!(AdamConfig { beta_1: 0.0, weight_decay: 0.0, ..good }.check(), Ok(()));
        for (config, name) in [
            (AdamConfig { beta_1: 1.0, ..good }, "beta_1"),
            (AdamConfig { beta_2: -0.1, ..good }, "beta_2"),
            (AdamConfig { epsilon: 0.0, ..good }, "epsilon"),
            (AdamConfig { weight_decay: f64::INFINITY, ..good }, "weight_decay"),
        ] {
            let error = config.check().unwrap_err();
            assert_eq!(error.name, name);
            assert!(error.to_string().contains("expected a"), "{error}");
        }
        assert!(AdamConfig { epsilon: f64::NAN, ..good }.check().is_err());
    }

    #[test]
    fn a_step_number_does_not_matter_without_bias_correction() {
        let config = AdamConfig::ELECTRA;
        assert_eq!(config.update(0.1, 0.01, 1, 0.5), config.update(0.1, 0.01, 1_000_000, 0.5));
    }

    #[test]
    fn adamw_moves_its_first_step_by_the_learning_rate_whatever_the_gradient() {
        assert_eq!(AdamConfig::ADAMW.check(), Ok(()));
        for gradient in [1e-4, 1.0, 1e4] {
            let step = AdamConfig::ADAMW.update(0.01, 0.0, 1, 1.0);
            let (m, v) = (0.1 * gradient, 0.001 * gradient * gradient);
            let moved = step.learning_rate * m / (v.sqrt() + step.epsilon);
            // 1e-8 beside a gradient of 1e-4.
            assert!((moved / 0.01 - 1.0).abs() < 1.1e-4, "{moved}");
        }
    }

    #[test]
    fn bias_correction_fades_with_the_number_of_updates() {
        let config = AdamConfig { bias_correction: true, ..AdamConfig::ELECTRA };
        let first = config.update(1.0, 0.01, 1, 1.0);
        // sqrt(1 - 0.999) / (1 - 0.9) = 0.316228.
        assert!((first.learning_rate - 0.316_228).abs() < 1e-6, "{}", first.learning_rate);
        assert!((first.learning_rate * first.weight_decay - 0.01).abs() < 1e-17);
        let late = config.update(1.0, 0.01, 100_000, 1.0);
        assert_eq!(late, AdamConfig::ELECTRA.update(1.0, 0.01, 100_000, 1.0));
    }
}
