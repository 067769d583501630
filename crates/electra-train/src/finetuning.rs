//! Parts of a fine-tuning recipe that every task has, each with the check of its values.
//!
//! A task's recipe has them as fields, and its `check` calls theirs.

use electra_model::Precision;
use electra_model::dropout::{DropoutSites, Network};
use electra_optim::{AdamConfig, Decay, Schedule, ScheduleError};
use electra_run::recipe::{RecipeError, Resolved};
use serde::{Deserialize, Serialize};

use crate::collapse::GuardConfig;

/// Learning rate over the run: the table `schedule`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Peak, of the head; what the layers below have of it is said elsewhere.
    pub learning_rate: f64,
    /// Share of all steps over which the rate rises, in `[0, 1)`.
    pub warmup: f64,
    /// The form of the rate's decay after the warmup.
    pub decay: Decay,
}

/// Dropout rates of fine-tuning, each in `[0, 1)`: the table `dropout`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierDropout {
    /// The rate on embeddings and hidden states.
    pub hidden: f64,
    /// The rate on attention probabilities.
    pub attention: f64,
    /// Before the linear layers of the head.
    pub classifier: f64,
}

/// Epochs and batches: the table `train`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the training data; the schedule covers all of them.
    pub epochs: usize,
    /// Stop after so many epochs without a better score on the development data, once one was above 0.
    /// Absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Windows of an optimizer step. The windows of a sentence that is longer than one are in the same
    /// step and count as one.
    pub batch_size: usize,
    /// Windows that go through the network at once; gradients of a step are summed over them.
    /// Absent: the whole batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch_size: Option<usize>,
    /// Train on the first so many sentences only. Absent: on all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_sentences: Option<usize>,
    /// Gradients longer than this are shortened to it, all together.
    pub max_grad_norm: f64,
    /// Type of the operands of matrix products; everything else is 32-bit.
    pub precision: Precision,
}

/// Passes over the data.
const MAX_EPOCHS: usize = 1_000_000;
/// Windows of a step.
const MAX_WINDOWS: usize = 1 << 20;
/// Sentences, and steps.
const MAX_SENTENCES: usize = 1_000_000_000_000;
/// The exponent of a decay.
const MAX_POWER: f64 = 1e3;
/// Rates and norms: what 32 bits can hold, and the square root of more.
const MAX_FLOAT: f64 = 1e30;
/// The advice about usual values.
const USUAL: &str = "see configs/ner/default.toml";

impl ScheduleConfig {
    /// The learning rate of a run of `total_steps`.
    #[must_use]
    pub fn over(&self, total_steps: u64) -> Schedule {
        let Self { learning_rate, warmup, decay } = *self;
        // A run has a step at the peak, however short it is.
        let warmup_steps = ((warmup * total_steps as f64).round() as u64).min(total_steps.saturating_sub(1));
        Schedule { peak: learning_rate, warmup_steps, total_steps, decay }
    }

    /// Refuses values that cannot be meant.
    ///
    /// # Errors
    /// The first such value.
    pub fn check<T>(&self, resolved: &Resolved<T>) -> Result<(), RecipeError> {
        resolved.above("schedule.learning_rate", self.learning_rate, 0.0, MAX_FLOAT)?;
        if !(0.0..1.0).contains(&self.warmup) {
            let message = format!("`schedule.warmup` is {}", self.warmup);
            let help = "expected a share of the steps, such as 0.1";
            return Err(resolved.error_at("schedule.warmup", message, help));
        }
        if let Err(error) = self.over(100).check() {
            let key = match error {
                ScheduleError::Share { .. } | ScheduleError::Cooldown { .. } => "schedule.decay.share",
                _ => "schedule.decay.power",
            };
            return Err(resolved.error_at(key, error.to_string(), USUAL));
        }
        if let Decay::Polynomial { power } = self.decay {
            resolved.within("schedule.decay.power", power, 0.0..=MAX_POWER)?;
        }
        Ok(())
    }
}

impl ClassifierDropout {
    /// The paper's rate everywhere (Clark et al. 2020, table 7).
    pub const PAPER: Self = Self { hidden: 0.1, attention: 0.1, classifier: 0.1 };

    /// Dropout of a training step; `seed` is a function of run and step.
    pub fn sites(&self, seed: u64) -> DropoutSites {
        DropoutSites::new(self.hidden, self.attention, seed, Network::Discriminator)
            .with_classifier(self.classifier)
    }

    /// Refuses values that cannot be meant.
    ///
    /// # Errors
    /// The first such value.
    pub fn check<T>(&self, resolved: &Resolved<T>) -> Result<(), RecipeError> {
        let rates = [("hidden", self.hidden), ("attention", self.attention), ("classifier", self.classifier)];
        for (name, rate) in rates {
            if !(0.0..1.0).contains(&rate) {
                let (key, help) = (format!("dropout.{name}"), "expected a rate of at least 0 and below 1");
                return Err(resolved.error_at(&key, format!("`{key}` is {rate}"), help));
            }
        }
        Ok(())
    }
}

impl TrainConfig {
    /// Windows that go through the network at once.
    #[must_use]
    pub fn micro_batch_size(&self) -> usize {
        self.micro_batch_size.unwrap_or(self.batch_size)
    }

    /// Refuses values that cannot be meant, of the guard too.
    ///
    /// # Errors
    /// The first such value.
    pub fn check<T>(&self, guard: GuardConfig, resolved: &Resolved<T>) -> Result<(), RecipeError> {
        resolved.above("train.max_grad_norm", self.max_grad_norm, 0.0, MAX_FLOAT)?;
        for (key, value, most) in [
            ("train.epochs", Some(self.epochs), MAX_EPOCHS),
            ("train.patience", self.patience, MAX_EPOCHS),
            ("train.batch_size", Some(self.batch_size), MAX_WINDOWS),
            ("train.micro_batch_size", self.micro_batch_size, MAX_WINDOWS),
            ("train.max_sentences", self.max_sentences, MAX_SENTENCES),
            ("guard.epochs", Some(guard.epochs), MAX_EPOCHS + 1),
        ] {
            if let Some(value) = value {
                resolved.within(key, value, 1..=most)?;
            }
        }
        resolved.within("guard.steps", guard.steps, 0..=MAX_SENTENCES as u64)
    }
}

/// Refuses a name that cannot be that of a folder.
///
/// # Errors
/// The name.
pub fn check_name<T>(name: &str, resolved: &Resolved<T>) -> Result<(), RecipeError> {
    if !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.') {
        return Ok(());
    }
    let message = format!("`{name}` cannot name a folder");
    Err(resolved.error_at("name", message, "use letters, digits and dashes"))
}

/// Refuses values of the optimizer that cannot be meant.
///
/// # Errors
/// The first such value.
pub fn check_optimizer<T>(optimizer: &AdamConfig, resolved: &Resolved<T>) -> Result<(), RecipeError> {
    optimizer
        .check()
        .map_err(|error| resolved.error_at(&format!("optimizer.{}", error.name), error.to_string(), USUAL))
}
