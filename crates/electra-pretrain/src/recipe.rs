//! The recipe of a pretraining run.

mod check;
mod data;
mod gradient_sum;
mod micro_batch;
mod of_step;
mod phase;

use electra_model::warm_start::PositionGrowth;
use electra_model::{Architecture, ModelConfig, Objective, Precision};
use electra_optim::{AdamConfig, Decay, MuonConfig};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::mask::Masking;
use crate::mask_rate::MaskRate;
use crate::scheme::Scheme;

pub use check::check;
pub use data::{DataConfig, SourceConfig};
pub use gradient_sum::GradientSum;
pub use micro_batch::MicroBatchSize;
pub(crate) use micro_batch::{TOKENS_ON_CPU, divisors_downwards};
pub use of_step::Course;
pub use phase::{PhaseConfig, PhaseData, PhaseMasking, PhaseSchedule};

/// Keys of a recipe that have no influence on the weights a run ends with: where things lie, and
/// what is measured, saved and told on the way. They may change when a run goes on; the data is
/// known by its content. See `docs/decisions/0007-what-makes-a-run-the-same.md`.
pub const FREE_KEYS: &[&str] = &[
    "name",
    "data.path",
    "data.sources.path",
    "phases.data.path",
    "phases.data.sources.path",
    "evaluate",
    "checkpoint",
    "log",
];

/// A complete recipe. All but its [free keys](FREE_KEYS) decides the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Recipe {
    /// Names the run folder unless `--run` does.
    pub name: String,
    /// Every random number of the run follows from it.
    pub seed: u64,
    /// The data to train on.
    pub data: DataConfig,
    /// Sizes of the networks.
    pub model: ModelConfig,
    /// What becomes of weights that the run begins with. Absent, and without a meaning, where it begins with none.
    #[serde(default, skip_serializing_if = "InitConfig::is_default")]
    pub init: InitConfig,
    /// The training objective.
    pub objective: Objective,
    /// In what order the networks learn it. Absent: both at every step.
    #[serde(default, skip_serializing_if = "Scheme::is_joint")]
    pub scheme: Scheme,
    /// Which positions the generator fills in.
    pub masking: Masking,
    /// The share of masked tokens over the run. Absent: that of `masking`.
    #[serde(default, skip_serializing_if = "MaskRate::is_constant")]
    pub mask_rate: MaskRate,
    /// The settings of the optimizer.
    pub optimizer: OptimizerConfig,
    /// Learning rate over the run.
    pub schedule: ScheduleConfig,
    /// An average of the weights beside them. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<AverageConfig>,
    /// Batches and steps.
    pub train: TrainConfig,
    /// Held-out evaluation.
    pub evaluate: EvaluateConfig,
    /// The settings of checkpoints.
    pub checkpoint: CheckpointConfig,
    /// Metrics on the way.
    pub log: LogConfig,
    /// The phases of the run, one after another. Absent: the run has one, which is the recipe itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseConfig>,
}

impl<'de> Deserialize<'de> for Recipe {
    /// Reads a recipe and adds up the steps of its phases, where it leaves that to the program.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut recipe = Self::deserialize(deserializer)?;
        if recipe.train.steps == ABSENT_STEPS {
            recipe.train.steps = phase::steps_of(&recipe.phases);
        }
        Ok(recipe)
    }
}

impl Serialize for Recipe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

/// Steps that nobody has written: more than a recipe can write.
const ABSENT_STEPS: u64 = u64::MAX;

fn absent_steps() -> u64 {
    ABSENT_STEPS
}

/// What becomes of the weights that a run begins with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitConfig {
    /// The start of positions beyond those that were learned.
    #[serde(default, skip_serializing_if = "PositionGrowth::is_nearest")]
    pub positions: PositionGrowth,
}

impl InitConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The settings of the optimizer.
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
    /// Muon for the matrices of encoder layers. Absent: Adam for all parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muon: Option<MuonConfig>,
}

/// The exponential moving average of weights: `average = decay * average + (1 - decay) * weights` after each step
/// (Polyak and Juditsky 1992; in this form Tarvainen and Valpola 2017, §2).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AverageConfig {
    /// Share of the average that a step leaves.
    pub decay: f64,
    /// Steps after which the average begins, as the weights that there are then.
    pub start_step: u64,
}

/// Learning rate over the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// The peak of the learning rate.
    pub learning_rate: f64,
    /// Steps of linear warmup.
    pub warmup_steps: u64,
    /// The form of the decay after the warmup.
    pub decay: Decay,
    /// Factor on the learning rate of the generator's own parameters: what it shares with the discriminator has the
    /// rate itself. The factor on its loss cannot stand for it: but for clipping and for what is
    /// shared, Adam's updates do not depend on that.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub generator_factor: f64,
}

fn one() -> f64 {
    1.0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_one(factor: &f64) -> bool {
    *factor == 1.0
}

/// Batches and steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Optimizer steps of the run. Where there are phases: the sum of theirs, which may be left out.
    #[serde(default = "absent_steps")]
    pub steps: u64,
    /// Rows of an optimizer step.
    pub batch_size: usize,
    /// Rows that go through the networks at once; gradients of a step are summed over them.
    /// `"auto"`: as many as the device computes well, decided when the run begins. Absent: the whole batch. On Flex
    /// the sum is the gradient of the whole batch but for rounding,
    /// dropout included, also on cards; on `ndarray` each micro-batch has dropout masks of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch_size: Option<MicroBatchSize>,
    /// The order in which the gradients of more than two micro-batches are added up. Absent: one after the other, as
    /// programs did that knew no other order; a run that begins with the command line has it stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_sum: Option<GradientSum>,
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

/// The settings of checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointConfig {
    /// Steps between checkpoints; the last step is always saved.
    pub every_steps: u64,
    /// The number of latest checkpoints that are kept, beside the best.
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
    /// Factor on that rate for the parameter at `path`.
    pub fn rate_factor(&self, path: &str) -> f64 {
        if path.starts_with("generator.") { self.schedule.generator_factor } else { 1.0 }
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

    /// Rows that go through the networks at once. Where the recipe leaves them to the program, and nobody has
    /// [decided](crate::micro_batches::with_micro_batches) on a device, those of a CPU.
    pub fn micro_batch_size(&self) -> usize {
        match self.train.micro_batch_size {
            None => self.train.batch_size,
            Some(MicroBatchSize::Rows(rows)) => rows,
            Some(MicroBatchSize::Auto) => {
                micro_batch::rows_on_cpu(self.train.batch_size, self.data.sequence_length)
            }
        }
    }

    /// Micro-batches of a step.
    pub fn micro_batches(&self) -> usize {
        self.train.batch_size / self.micro_batch_size()
    }

    /// The order in which the gradients of a step's micro-batches are added up.
    pub fn gradient_sum(&self) -> GradientSum {
        self.gradient_sum_of(self.micro_batches())
    }

    /// The order in which the gradients of so many micro-batches are added up.
    pub(crate) fn gradient_sum_of(&self, micro_batches: usize) -> GradientSum {
        match self.train.gradient_sum {
            // Two have one sum.
            _ if micro_batches <= 2 => GradientSum::Tree,
            Some(order) => order,
            None => GradientSum::Fold,
        }
    }

    /// The networks and heads that are trained.
    pub fn architecture(&self) -> Architecture {
        let baseline = self.scheme == Scheme::Adversarial {};
        Architecture { baseline, ..self.objective.architecture() }
    }

    /// Masked slots `N` of a held-out row.
    pub fn slots(&self) -> usize {
        self.masking.slots(self.data.sequence_length)
    }
}
