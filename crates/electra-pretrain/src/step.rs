//! One optimizer step: the algorithm of Clark et al. 2020, §2.

use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_model::objective::StepDropout;
use electra_model::{BatchData, Electra, JointOutput, Normalizer, Pass, on_workers};
use electra_optim::{Clip, add_gradients};
use electra_run::seed::{Purpose, derive};
use electra_train::{Backward, Divergence, OptimizerConfig, StepLoss, apply_gradients};

use crate::metrics::MetricAccumulator;
use crate::recipe::{AverageConfig, Recipe};
use crate::scheme::from_generator;
use crate::snapshot::Snapshot;

/// Version of what a step takes beside the kernels: the order of rows, masks, samples, losses, clipping, the
/// optimizer and held-out evaluation. Raised with every change of them (`docs/decisions/0007`).
pub const TRAINING_VERSION: u32 = 1;

/// The measurements of one step.
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
    /// The weighted sum of the losses.
    pub total: f64,
    /// Masked language modelling.
    pub mlm: Option<f64>,
    /// Replaced token detection.
    pub rtd: Option<f64>,
    /// Prediction from corrupted text.
    pub prediction: Option<f64>,
}

/// The losses of a step where they were computed.
#[derive(Default)]
struct LossesOnDevice {
    /// Each adds to one of the step's losses.
    values: Vec<Tensor<1>>,
    sums: Vec<fn(&mut Losses) -> &mut f64>,
}

impl LossesOnDevice {
    /// Adds those of a micro-batch.
    fn add(&mut self, output: &JointOutput) {
        let prediction = output.prediction.as_ref().map(|prediction| &prediction.loss);
        self.push(Some(&output.total), |losses| &mut losses.total);
        self.push(output.mlm.as_ref(), |losses| losses.mlm.get_or_insert(0.0));
        self.push(output.rtd.as_ref(), |losses| losses.rtd.get_or_insert(0.0));
        self.push(prediction, |losses| losses.prediction.get_or_insert(0.0));
    }

    fn push(&mut self, loss: Option<&Tensor<1>>, sum: fn(&mut Losses) -> &mut f64) {
        if let Some(loss) = loss {
            self.values.push(loss.clone().inner());
            self.sums.push(sum);
        }
    }

    /// Adds up their numbers in the order of the micro-batches.
    fn added(sums: &[fn(&mut Losses) -> &mut f64], numbers: &[f64]) -> Losses {
        let mut losses = Losses::default();
        sums.iter().zip(numbers).for_each(|(sum, loss)| *sum(&mut losses) += loss);
        losses
    }
}

impl Losses {
    /// The losses that there are, with their names.
    fn parts(&self) -> Vec<(&'static str, f64)> {
        let parts = [("mlm", self.mlm), ("rtd", self.rtd), ("prediction", self.prediction)];
        parts.into_iter().filter_map(|(name, loss)| Some((name, loss?))).collect()
    }
}

/// One optimizer step over its micro-batches: the forward passes of the step's stage, the backward pass, and
/// [`apply_gradients`]. `accumulator`, if given, counts what the networks get right.
///
/// # Errors
/// A loss or gradient that is not finite; the snapshot is then as it was, but for a discriminator that this step
/// starts from the generator.
pub fn optimizer_step(
    snapshot: &mut Snapshot,
    micro_batches: &[BatchData],
    recipe: &Recipe,
    device: &Device,
    accumulator: Option<&mut MetricAccumulator>,
) -> Result<Step, Divergence> {
    on_workers(Pass::Training, device, || step(snapshot, micro_batches, recipe, device, accumulator))
}

fn step(
    snapshot: &mut Snapshot,
    micro_batches: &[BatchData],
    recipe: &Recipe,
    device: &Device,
    mut accumulator: Option<&mut MetricAccumulator>,
) -> Result<Step, Divergence> {
    let number = snapshot.step();
    if recipe.scheme.initialises(number) {
        snapshot.replace(|model| from_generator(model, recipe.model.generator.tie));
    }
    let learning_rate = recipe.learning_rate(number);
    let config = OptimizerConfig {
        adam: recipe.adam(),
        muon: recipe.optimizer.muon,
        max_grad_norm: recipe.optimizer.max_grad_norm,
        precision: recipe.train.precision,
    };
    let (losses, update) = apply_gradients(
        snapshot,
        config,
        |path| learning_rate * recipe.rate_factor(path),
        |model, loss_scale| {
            if let Some(accumulator) = &mut accumulator {
                **accumulator = MetricAccumulator::default();
            }
            let accumulator = accumulator.as_deref_mut();
            let (LossesOnDevice { values, sums }, gradients) =
                backward(model, number, micro_batches, recipe, device, loss_scale, accumulator);
            let sum = move |numbers: &[f64]| {
                let losses = LossesOnDevice::added(&sums, numbers);
                StepLoss { loss: losses.total, parts: losses.parts(), measured: losses }
            };
            Backward { losses: values, sum: Box::new(sum), gradients }
        },
    )?;
    if let Some(AverageConfig { decay, start_step }) = recipe.average
        && snapshot.step() >= start_step
    {
        snapshot.average(decay);
    }
    let tokens =
        micro_batches.iter().map(|b| b.attention_mask.iter().filter(|&&x| x > 0.0).count() as u64).sum();
    Ok(Step { losses, learning_rate, clip: update.clip, tokens, loss_scale: update.loss_scale })
}

/// Losses and gradients of step `number`, summed over its micro-batches; the gradients are those of
/// `loss_scale` times the loss.
fn backward(
    model: &Electra,
    number: u64,
    micro_batches: &[BatchData],
    recipe: &Recipe,
    device: &Device,
    loss_scale: f64,
    mut accumulator: Option<&mut MetricAccumulator>,
) -> (LossesOnDevice, GradientsParams) {
    let (normalizer, stage) = (Normalizer::over(micro_batches), recipe.scheme.stage(number));
    let (mut losses, mut gradients) = (LossesOnDevice::default(), GradientsParams::new());
    let mut first_row = 0;
    for (m, batch) in micro_batches.iter().enumerate() {
        let dropout = StepDropout {
            hidden: recipe.train.dropout,
            attention: recipe.attention_dropout(),
            seed: derive(recipe.seed, Purpose::Dropout, number),
            first_row,
        };
        first_row += batch.examples as u64;
        let on_device = batch.to_device(device);
        let output = recipe.objective.forward_in(stage, model, &on_device, normalizer, Some(dropout));
        losses.add(&output);
        if let Some(accumulator) = &mut accumulator {
            accumulator.add(batch, &output, normalizer);
        }
        let loss = output.into_total();
        let loss = if loss_scale == 1.0 { loss } else { loss * loss_scale };
        let own = GradientsParams::from_grads(loss.backward(), model);
        gradients = if m == 0 { own } else { add_gradients(model, gradients, own) };
    }
    (losses, gradients)
}
