//! What a pretraining recipe says.

use std::path::PathBuf;

use electra_model::flops::ForwardFlops;
use electra_model::{ModelConfig, Networks, Objective, Precision, TieMode};
use electra_optim::{AdamConfig, Decay, Schedule};
use electra_run::recipe::{RecipeError, Resolved};
use serde::{Deserialize, Serialize};

use crate::mask::Masking;
use crate::scheme::Scheme;

/// Keys of a recipe that have no influence on the weights a run ends with: where things lie, and
/// what is measured, saved and told on the way. They may change when a run goes on; the data is
/// known by its content. See `docs/decisions/0007-what-makes-a-run-the-same.md`.
pub const FREE_KEYS: &[&str] = &["name", "data.path", "evaluate", "checkpoint", "log"];

/// A complete recipe. All but its [free keys](FREE_KEYS) decides the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Names the run folder unless `--run` does.
    pub name: String,
    /// Every random number of the run follows from it.
    pub seed: u64,
    /// What is read.
    pub data: DataConfig,
    /// Sizes of the networks.
    pub model: ModelConfig,
    /// What is learned.
    pub objective: Objective,
    /// In what order the networks learn it. Absent: both at every step.
    #[serde(default, skip_serializing_if = "Scheme::is_joint")]
    pub scheme: Scheme,
    /// Which positions the generator fills in.
    pub masking: Masking,
    /// How gradients become updates.
    pub optimizer: OptimizerConfig,
    /// Learning rate over the run.
    pub schedule: ScheduleConfig,
    /// Batches and steps.
    pub train: TrainConfig,
    /// Held-out evaluation.
    pub evaluate: EvaluateConfig,
    /// Saved states.
    pub checkpoint: CheckpointConfig,
    /// Metrics on the way.
    pub log: LogConfig,
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Folder that `electra data build` wrote.
    pub path: PathBuf,
    /// Tokens of a row, special tokens included; that of the folder.
    pub sequence_length: usize,
}

/// How gradients become updates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Decay of the average of gradients.
    pub beta_1: f64,
    /// Decay of the average of squared gradients.
    pub beta_2: f64,
    /// Added to the root of the second average.
    pub epsilon: f64,
    /// Decoupled weight decay of matrices and tables.
    pub weight_decay: f64,
    /// Whether the averages are corrected for their start at zero; the reference does not.
    pub bias_correction: bool,
    /// Gradients longer than this are shortened to it, all together.
    pub max_grad_norm: f64,
}

/// Learning rate over the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Peak.
    pub learning_rate: f64,
    /// Steps of linear warmup.
    pub warmup_steps: u64,
    /// How it falls.
    pub decay: Decay,
}

/// Batches and steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Optimizer steps of the run.
    pub steps: u64,
    /// Rows of an optimizer step.
    pub batch_size: usize,
    /// Rows that go through the networks at once; gradients of a step are summed over them.
    /// Absent: the whole batch. On Flex the sum is the gradient of the whole batch but for rounding,
    /// dropout included; on other devices each micro-batch has dropout masks of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch_size: Option<usize>,
    /// Dropout on hidden states of both networks.
    pub dropout: f64,
    /// Dropout on attention probabilities. Absent: that of hidden states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention_dropout: Option<f64>,
    /// Type of the operands of matrix products; everything else is 32-bit.
    ///
    /// With `f16` every step starts with a loss scale of 1024. One whose gradient overflows is
    /// computed again with half of that, down to 1, each time at the cost of a step; the scale is
    /// never raised, so what is below 6e-11 of a gradient is lost. `bf16` has the range of `f32`.
    pub precision: Precision,
}

/// Held-out evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluateConfig {
    /// Steps between evaluations; the last step is always evaluated.
    pub every_steps: u64,
    /// Held-out rows that an evaluation reads at most, spread evenly over all of them.
    pub max_examples: usize,
}

/// Saved states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointConfig {
    /// Steps between checkpoints; the last step is always saved.
    pub every_steps: u64,
    /// How many of the last are kept, beside the best.
    pub keep_last: usize,
}

/// Metrics on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Steps that one logged line averages over.
    pub every_steps: u64,
    /// Steps between histograms of weights for TensorBoard.
    pub histogram_every_steps: u64,
}

impl Recipe {
    /// The learning-rate schedule of a stage of so many steps; with the scheme "joint" of the run.
    pub fn schedule(&self, total_steps: u64) -> Schedule {
        let ScheduleConfig { learning_rate, warmup_steps, decay } = self.schedule;
        Schedule { peak: learning_rate, warmup_steps, total_steps, decay }
    }

    /// Learning rate of the step after `step` others.
    pub fn learning_rate(&self, step: u64) -> f64 {
        let stages = self.scheme.stages(self.train.steps);
        let (first, steps) = stages.into_iter().rfind(|stage| stage.0 <= step).expect("a stage begins at 0");
        self.schedule(steps).at(step - first)
    }

    /// Whether the learning rate of the stage that `step` steps are done in has been at its peak.
    pub fn is_warm(&self, step: u64) -> bool {
        let stages = self.scheme.stages(self.train.steps);
        let first = stages.into_iter().map(|stage| stage.0).rfind(|&first| first < step).unwrap_or(0);
        step - first > self.schedule.warmup_steps
    }

    /// Floating-point operations of the step after `step` others.
    pub fn step_flops(&self, step: u64) -> f64 {
        let (batch, length) = (self.train.batch_size, self.data.sequence_length);
        let flops = ForwardFlops::of(&self.model, self.networks(), batch, length, self.slots());
        flops.training_step(self.scheme.stage(step))
    }

    /// Floating-point operations of all steps.
    pub fn run_flops(&self) -> f64 {
        let stages = self.scheme.stages(self.train.steps);
        stages.into_iter().map(|(first, steps)| self.step_flops(first) * steps as f64).sum()
    }

    /// The optimizer's constants.
    pub fn adam(&self) -> AdamConfig {
        let o = &self.optimizer;
        AdamConfig {
            beta_1: o.beta_1,
            beta_2: o.beta_2,
            epsilon: o.epsilon,
            weight_decay: o.weight_decay,
            bias_correction: o.bias_correction,
        }
    }

    /// Dropout rate on attention probabilities.
    pub fn attention_dropout(&self) -> f64 {
        self.train.attention_dropout.unwrap_or(self.train.dropout)
    }

    /// Rows that go through the networks at once.
    pub fn micro_batch_size(&self) -> usize {
        self.train.micro_batch_size.unwrap_or(self.train.batch_size)
    }

    /// The networks and heads that are trained.
    pub fn networks(&self) -> Networks {
        let baseline = self.scheme == Scheme::Adversarial {};
        Networks { baseline, ..self.objective.networks() }
    }

    /// Masked slots `N` of a row.
    pub fn slots(&self) -> usize {
        self.masking.slots(self.data.sequence_length)
    }
}

/// Refuses values that contradict each other, pointing at the culprit.
///
/// # Errors
/// The first contradiction.
pub fn check(resolved: &Resolved<Recipe>) -> Result<(), RecipeError> {
    let r = &resolved.value;
    let fail = |key: &str, message: String, help: &str| {
        // What begins with a verb speaks of the key.
        let verbs =
            ["is ", "needs ", "has no ", "shares ", "draws ", "cannot ", "differs ", "stands ", "comes out "];
        let speaks_of_key = verbs.iter().any(|verb| message.starts_with(verb));
        let message = if speaks_of_key { format!("`{key}` {message}") } else { message };
        Err(resolved.error_at(key, message, help))
    };
    if let Err(error) = r.model.validate() {
        let help = match r.model.generator.tie {
            TieMode::All => {
                "sizes of the generator are the discriminator's where all is tied: leave them out, or set width and depth to 1"
            }
            _ => "configs/pretrain/small.toml has the paper's sizes",
        };
        return fail(&format!("model.{}", error.key), error.message, help);
    }
    if r.name.is_empty() || r.name.contains(['/', '\\']) || r.name.starts_with('.') {
        return fail("name", format!("`{}` cannot name a folder", r.name), "use letters, digits and dashes");
    }
    let (length, positions) = (r.data.sequence_length, r.model.max_position_embeddings);
    if length < 8 {
        return fail(
            "data.sequence_length",
            format!("rows of {length} tokens"),
            "8 is the least, 128 is usual",
        );
    }
    if length > positions {
        return fail(
            "data.sequence_length",
            format!("rows of {length} tokens do not fit a position table of {positions} rows"),
            "lower data.sequence_length, or raise model.max_position_embeddings",
        );
    }
    let p = r.masking.probability();
    if !(p > 0.0 && p < 1.0) {
        return fail(
            "masking.probability",
            format!("is {p}"),
            "expected a share above 0 and below 1, such as 0.15",
        );
    }
    if let Masking::Google { mask_token_share, .. } = r.masking
        && !(0.0..=1.0).contains(&mask_token_share)
    {
        return fail(
            "masking.mask_token_share",
            format!("is {mask_token_share}"),
            "expected a share from 0 to 1",
        );
    }
    if let Masking::Span { end_probability, max_length, .. } = r.masking {
        if !(end_probability > 0.0 && end_probability <= 1.0) {
            return fail(
                "masking.end_probability",
                format!("is {end_probability}"),
                "expected a number above 0 and at most 1, such as 0.2",
            );
        }
        if max_length == 0 {
            return fail("masking.max_length", "is 0".into(), "expected at least 1 token, such as 10");
        }
    }
    if let Some(joint) = r.objective.joint() {
        for (key, weight) in [
            ("generator_weight", joint.generator_weight),
            ("discriminator_weight", joint.discriminator_weight),
        ] {
            if !(weight.is_finite() && weight >= 0.0) {
                return fail(
                    &format!("objective.{key}"),
                    format!("is {weight}"),
                    "expected a number of at least 0",
                );
            }
        }
        if let Objective::Electric(_) = r.objective {
            if !joint.proposals.is_learned() {
                let message = "is not \"learned\", but Electric has a generator of its own";
                return fail("objective.proposals", message.into(), "remove the key");
            }
            if joint.disallow_correct {
                let message = "draws from another distribution than the one that Electric weighs noise by";
                return fail("objective.disallow_correct", message.into(), "set it to false");
            }
            if r.model.generator.tie == TieMode::All {
                let message =
                    "shares an encoder that reads in both directions, but Electric needs two towers";
                return fail("model.generator.tie", message.into(), "use \"embeddings\" or \"none\"");
            }
        }
        let weighs_samples = if let Objective::Electric(_) = r.objective { "Electric" } else { "a reward" };
        let needs_samples =
            matches!(r.objective, Objective::Electric(_)) || r.scheme == Scheme::Adversarial {};
        if needs_samples && matches!(r.masking, Masking::Google { .. }) {
            let message = format!(
                "is \"google\", which may draw two samples for one token, but {weighs_samples} weighs each alone"
            );
            return fail("masking.kind", message, "use \"without-replacement\"");
        }
        let temperature = joint.temperature;
        if !(temperature.is_finite() && temperature > 0.0) {
            return fail("objective.temperature", format!("is {temperature}"), "expected a number above 0");
        }
    }
    if let Err(error) = r.adam().check() {
        return fail(
            &format!("optimizer.{}", error.name),
            error.to_string(),
            "see configs/pretrain/small.toml",
        );
    }
    let norm = r.optimizer.max_grad_norm;
    if !(norm.is_finite() && norm > 0.0) {
        return fail("optimizer.max_grad_norm", format!("is {norm}"), "expected a number above 0");
    }
    if let Some((key, message, help)) = r.scheme.contradiction(r) {
        return fail(key, message, help);
    }
    for (_, steps) in r.scheme.stages(r.train.steps) {
        let Err(error) = r.schedule(steps).check() else { continue };
        use electra_optim::ScheduleError as E;
        let (key, help) = match error {
            E::Peak { .. } => ("schedule.learning_rate", "expected a rate above 0, such as 5e-4"),
            E::NoSteps => ("train.steps", "expected at least 1 step"),
            E::Warmup { .. } => {
                ("schedule.warmup_steps", "the schedule covers the steps of a stage, by default train.steps")
            }
            E::Power { .. } => ("schedule.decay.power", "expected a power above 0; 1 is linear"),
        };
        return fail(key, error.to_string(), help);
    }
    let (batch, micro) = (r.train.batch_size, r.micro_batch_size());
    if batch == 0 {
        return fail("train.batch_size", "is 0".into(), "expected at least 1 row");
    }
    if micro == 0 || !batch.is_multiple_of(micro) {
        return fail(
            "train.micro_batch_size",
            format!("train.micro_batch_size {micro} does not divide train.batch_size {batch}"),
            "use a divisor of the batch size",
        );
    }
    for (key, rate) in [("dropout", r.train.dropout), ("attention_dropout", r.attention_dropout())] {
        if !(0.0..1.0).contains(&rate) {
            return fail(
                &format!("train.{key}"),
                format!("is {rate}"),
                "expected a rate of at least 0 and below 1",
            );
        }
    }
    for (key, value) in [
        ("evaluate.every_steps", r.evaluate.every_steps),
        ("evaluate.max_examples", r.evaluate.max_examples as u64),
        ("checkpoint.every_steps", r.checkpoint.every_steps),
        ("checkpoint.keep_last", r.checkpoint.keep_last as u64),
        ("log.every_steps", r.log.every_steps),
        ("log.histogram_every_steps", r.log.histogram_every_steps),
    ] {
        if value == 0 {
            return fail(key, "is 0".into(), "expected at least 1");
        }
    }
    Ok(())
}
