//! One optimizer step: the algorithm of Clark et al. 2020, §2.

use std::fmt;

use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_model::objective::StepDropout;
use electra_model::{BatchData, JointOutput, Normalizer, Pass, on_workers};
use electra_optim::{Adam, Clip, NonFiniteGradients, add_gradients, clip_by_global_norm};
use electra_run::seed::{Purpose, derive};
use thiserror::Error;

use crate::metrics::MetricAccumulator;
use crate::recipe::Recipe;
use crate::scheme::from_generator;
use crate::snapshot::Snapshot;

/// Version of what a step takes beside the kernels: the order of rows, masks, samples, losses, clipping, the
/// optimizer and held-out evaluation. Raised with every change of them (`docs/decisions/0007`).
pub const TRAINING_VERSION: u32 = 1;

/// What one step measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Weighted sum of the losses, and what the objective has of them.
    pub losses: Losses,
    /// Learning rate of the update.
    pub learning_rate: f64,
    /// Norm of the gradient and how it was clipped.
    pub clip: Clip,
    /// Real tokens of the batch.
    pub tokens: u64,
    /// Factor on the loss with which the gradient stayed finite; see [`optimizer_step`].
    pub loss_scale: f64,
}

/// The losses of a step; None is what the objective does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// Weighted sum.
    pub total: f64,
    /// Masked language modelling.
    pub mlm: Option<f64>,
    /// Replaced token detection.
    pub rtd: Option<f64>,
    /// Prediction from corrupted text.
    pub prediction: Option<f64>,
}

impl Losses {
    fn add(&mut self, output: &JointOutput) {
        let add = |sum: &mut Option<f64>, loss: Option<&Tensor<1>>| {
            if let Some(loss) = loss {
                *sum.get_or_insert(0.0) += loss.clone().into_scalar::<f64>();
            }
        };
        self.total += output.total.clone().into_scalar::<f64>();
        add(&mut self.mlm, output.mlm.as_ref());
        add(&mut self.rtd, output.rtd.as_ref());
        add(&mut self.prediction, output.prediction.as_ref().map(|prediction| &prediction.loss));
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("mlm", self.mlm), ("rtd", self.rtd), ("prediction", self.prediction)];
        let parts = parts.iter().filter_map(|(name, loss)| Some(format!("{name} {}", (*loss)?)));
        write!(f, "{} ({})", self.total, parts.collect::<Vec<_>>().join(", "))
    }
}

/// How training went wrong, with the step it was seen at.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Divergence {
    /// A gradient that is no number.
    #[error("step {step}: {source}")]
    Gradient {
        /// Steps done before.
        step: u64,
        /// Which parameters.
        source: NonFiniteGradients,
    },
    /// A loss that is no number.
    #[error("step {step}: the loss is {losses}")]
    Loss {
        /// Steps done before.
        step: u64,
        /// The sum and its parts.
        losses: Losses,
    },
    /// A loss above that of an untrained model, long after the start.
    #[error("step {step}: the loss is {loss:.2}, above the {untrained:.2} of an untrained model")]
    Risen {
        /// Steps done.
        step: u64,
        /// Mean over the last logging interval.
        loss: f64,
        /// Loss of a model that has learned nothing.
        untrained: f64,
    },
}

/// The forward passes of the step's stage, one backward pass, clip and update, over the micro-batches of the step.
/// `tally` counts what the networks get right, if anybody wants to know.
///
/// In 16-bit IEEE floats a gradient may overflow that is finite in others: the step is then
/// computed again with half of the [loss scale](electra_model::Precision::loss_scale), down to 1.
/// Every step begins with the whole one, so nothing has to be remembered from step to step.
///
/// # Errors
/// A loss or gradient that is no number; the snapshot is then as it was, but for a second network that
/// this step starts from the first.
pub fn optimizer_step(
    snapshot: &mut Snapshot,
    micro_batches: &[BatchData],
    recipe: &Recipe,
    device: &Device,
    tally: Option<&mut MetricAccumulator>,
) -> Result<Step, Divergence> {
    on_workers(Pass::Training, device, || step(snapshot, micro_batches, recipe, device, tally))
}

fn step(
    snapshot: &mut Snapshot,
    micro_batches: &[BatchData],
    recipe: &Recipe,
    device: &Device,
    mut tally: Option<&mut MetricAccumulator>,
) -> Result<Step, Divergence> {
    let number = snapshot.step;
    if recipe.scheme.initialises(number) {
        snapshot.replace(|model| from_generator(model, recipe.model.generator.tie));
    }
    let mut loss_scale = recipe.train.precision.loss_scale();
    let (sums, clip) = loop {
        if let Some(tally) = &mut tally {
            **tally = MetricAccumulator::default();
        }
        let sums = add_up(snapshot, micro_batches, recipe, device, loss_scale, tally.as_deref_mut());
        if !sums.losses.total.is_finite() {
            return Err(Divergence::Loss { step: number, losses: sums.losses });
        }
        let max_norm = recipe.optimizer.max_grad_norm * loss_scale;
        match clip_by_global_norm(snapshot.model(), &sums.gradients, max_norm) {
            Ok(clip) => break (sums, Clip { norm: clip.norm / loss_scale, scale: clip.scale / loss_scale }),
            Err(_) if loss_scale > 1.0 => loss_scale /= 2.0,
            Err(source) => return Err(Divergence::Gradient { step: number, source }),
        }
    };
    let learning_rate = recipe.learning_rate(number);
    let adam = Adam { config: recipe.adam() };
    snapshot.update(|model, state| adam.step(state, model, sums.gradients, |_| learning_rate, clip.scale));
    let tokens =
        micro_batches.iter().map(|b| b.attention_mask.iter().filter(|&&x| x > 0.0).count() as u64).sum();
    Ok(Step { losses: sums.losses, learning_rate, clip, tokens, loss_scale })
}

/// Sums over the micro-batches of a step; the gradients are `loss_scale` times too long.
struct Sums {
    losses: Losses,
    gradients: GradientsParams,
}

fn add_up(
    snapshot: &Snapshot,
    micro_batches: &[BatchData],
    recipe: &Recipe,
    device: &Device,
    loss_scale: f64,
    mut tally: Option<&mut MetricAccumulator>,
) -> Sums {
    let (normalizer, stage) = (Normalizer::over(micro_batches), recipe.scheme.stage(snapshot.step));
    let mut sums = Sums { losses: Losses::default(), gradients: GradientsParams::new() };
    let mut first_row = 0;
    for (m, batch) in micro_batches.iter().enumerate() {
        let dropout = StepDropout {
            hidden: recipe.train.dropout,
            attention: recipe.attention_dropout(),
            seed: derive(recipe.seed, Purpose::Dropout, snapshot.step),
            first_row,
        };
        first_row += batch.examples as u64;
        let on_device = batch.to_device(device);
        let output =
            recipe.objective.forward_in(stage, snapshot.model(), &on_device, normalizer, Some(dropout));
        sums.losses.add(&output);
        if let Some(tally) = &mut tally {
            tally.add(batch, &output, normalizer);
        }
        let loss = output.into_total() * loss_scale;
        let own = GradientsParams::from_grads(loss.backward(), snapshot.model());
        sums.gradients = if m == 0 { own } else { add_gradients(snapshot.model(), sums.gradients, own) };
    }
    sums
}
