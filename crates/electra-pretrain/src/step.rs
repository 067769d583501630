//! One optimizer step: the algorithm of Clark et al. 2020, §2.

use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_kernels::read;
use electra_model::objective::StepDropout;
use electra_model::{BatchData, Electra, JointOutput, Normalizer, Pass, on_workers};
use electra_optim::Clip;
use electra_ranks::{Communicator, RankError, Shares};
use electra_run::seed::{Purpose, derive};
use electra_train::{Backward, Divergence, OptimizerConfig, StepLoss, try_apply_gradients};

use crate::exchange::gather_micro_batches;
use crate::gradient_sum::GradientSums;
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

    /// The losses of all micro-batches where those of this rank alone were computed: as numbers, of which `numbers`
    /// are the losses of every rank. The micro-batches have the same losses in the same order.
    fn of_all(self, own: usize, numbers: &[f64], device: &Device) -> Self {
        let of_one = &self.sums[..self.sums.len() / own];
        let sums = of_one.iter().copied().cycle().take(numbers.len()).collect();
        // They were numbers of 32 bits before.
        let floats: Vec<f32> = numbers.iter().map(|&number| number as f32).collect();
        Self { values: vec![Tensor::from_floats(&floats[..], device)], sums }
    }

    /// Their numbers, in the order of the micro-batches.
    fn numbers(&self) -> Vec<f64> {
        read(Tensor::cat(self.values.clone(), 0)).iter::<f64>().collect()
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

/// The micro-batches of a step that a rank computes, and what it knows of the others.
#[derive(Clone, Copy, Debug)]
pub struct StepShare<'a> {
    /// The micro-batches of this rank, in order.
    pub own: &'a [BatchData],
    /// Rows of the step before them.
    pub first_row: u64,
    /// The shares of all ranks.
    pub shares: Shares,
    /// The divisors of the losses, counted over all micro-batches of the step.
    pub normalizer: Normalizer,
    /// Real tokens of all micro-batches.
    pub tokens: u64,
}

impl<'a> StepShare<'a> {
    /// All micro-batches of a step, in one process.
    pub fn whole(micro_batches: &'a [BatchData]) -> Self {
        let counts: Vec<Normalizer> = micro_batches.iter().map(Normalizer::counts).collect();
        let shares = Shares::new(micro_batches.len(), 1);
        Self::of(micro_batches, 0, shares, &counts)
    }

    /// The micro-batches `own` of a rank, where those of all ranks have these counts.
    pub fn of(own: &'a [BatchData], first_row: u64, shares: Shares, counts: &[Normalizer]) -> Self {
        let tokens = counts.iter().map(|counts| counts.rtd as u64).sum();
        Self { own, first_row, shares, normalizer: Normalizer::of_counts(counts.iter().copied()), tokens }
    }
}

/// An error of a step.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum StepError {
    /// The numbers went out of bounds.
    #[error("{0}")]
    Diverged(
        #[from]
        #[diagnostic_source]
        Divergence,
    ),
    /// Another rank has ended.
    #[error("{0}")]
    Ranks(
        #[from]
        #[diagnostic_source]
        RankError,
    ),
}

/// One optimizer step over its micro-batches, in one process: the forward passes of the step's stage, the backward
/// pass, and [`apply_gradients`](electra_train::apply_gradients). `accumulator`, if given, counts what the networks
/// get right.
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
    let (alone, share) = (Communicator::alone(), StepShare::whole(micro_batches));
    let step = optimizer_step_on(&alone, snapshot, share, recipe, device, accumulator);
    step.map_err(|error| match error {
        StepError::Diverged(divergence) => divergence,
        StepError::Ranks(error) => unreachable!("one process: {error}"),
    })
}

/// One optimizer step of several ranks, each of which computes its share of the micro-batches and makes the same
/// update.
///
/// # Errors
/// As [`optimizer_step`], on every rank; or if another rank has ended.
pub fn optimizer_step_on(
    communicator: &Communicator<'_>,
    snapshot: &mut Snapshot,
    share: StepShare<'_>,
    recipe: &Recipe,
    device: &Device,
    accumulator: Option<&mut MetricAccumulator>,
) -> Result<Step, StepError> {
    on_workers(Pass::Training, device, || step(communicator, snapshot, share, recipe, device, accumulator))
}

fn step(
    communicator: &Communicator<'_>,
    snapshot: &mut Snapshot,
    share: StepShare<'_>,
    recipe: &Recipe,
    device: &Device,
    mut accumulator: Option<&mut MetricAccumulator>,
) -> Result<Step, StepError> {
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
    let (losses, update) = try_apply_gradients::<_, _, _, StepError>(
        snapshot,
        config,
        |path| learning_rate * recipe.rate_factor(path),
        |model, loss_scale| {
            if let Some(accumulator) = &mut accumulator {
                **accumulator = MetricAccumulator::default();
            }
            let accumulator = accumulator.as_deref_mut();
            let (LossesOnDevice { values, sums }, gradients) =
                backward(communicator, model, number, share, recipe, device, loss_scale, accumulator)?;
            let sum = move |numbers: &[f64]| {
                let losses = LossesOnDevice::added(&sums, numbers);
                StepLoss { loss: losses.total, parts: losses.parts(), measured: losses }
            };
            Ok(Backward { losses: values, sum: Box::new(sum), gradients })
        },
    )?;
    if let Some(AverageConfig { decay, start_step }) = recipe.average
        && snapshot.step() >= start_step
    {
        snapshot.average(decay);
    }
    let tokens = share.tokens;
    Ok(Step { losses, learning_rate, clip: update.clip, tokens, loss_scale: update.loss_scale })
}

/// Losses and gradients of step `number`, summed over the micro-batches of all ranks; the gradients are those of
/// `loss_scale` times the loss.
#[allow(clippy::too_many_arguments, reason = "a step is a function of all of these")]
fn backward(
    communicator: &Communicator<'_>,
    model: &Electra,
    number: u64,
    share: StepShare<'_>,
    recipe: &Recipe,
    device: &Device,
    loss_scale: f64,
    accumulator: Option<&mut MetricAccumulator>,
) -> Result<(LossesOnDevice, GradientsParams), StepError> {
    let (normalizer, stage) = (share.normalizer, recipe.scheme.stage(number));
    let order = recipe.gradient_sum_of(share.shares.leaves());
    let (mut losses, mut sums) =
        (LossesOnDevice::default(), GradientSums::new(order, communicator, share.shares, model));
    // Of each micro-batch alone, where there are other ranks: all of them add up in the order of the whole step.
    let mut counted = Vec::new();
    let mut first_row = share.first_row;
    for batch in share.own {
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
        if accumulator.is_some() {
            let mut of_batch = MetricAccumulator::default();
            of_batch.add(batch, &output, normalizer);
            counted.push(of_batch);
        }
        let loss = output.into_total();
        let loss = if loss_scale == 1.0 { loss } else { loss * loss_scale };
        sums.push(GradientsParams::from_grads(loss.backward(), model));
    }
    if communicator.is_shared() {
        let all = gather_micro_batches(communicator, &losses.numbers(), &counted)?;
        losses = losses.of_all(share.own.len(), &all.losses, &device.clone().inner());
        counted = all.counted;
    }
    if let Some(accumulator) = accumulator {
        counted.into_iter().for_each(|of_batch| accumulator.merge(of_batch));
    }
    Ok((losses, sums.finish()?))
}
