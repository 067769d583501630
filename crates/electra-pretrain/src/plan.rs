//! The forecast of a run's time and memory, from its recipe and a short speed test.

mod ranks;

use burn::prelude::*;
use electra_model::flops::ParameterCount;
use electra_ranks::buffers;
use electra_run::process;
use electra_run::record::Plan;
use electra_text::Split;
use electra_train::Divergence;
use serde::Serialize;

use crate::bench::{StepBench, bench_step};
use crate::least_memory::saved_bytes;
use crate::mask_rate::MaskRate;
use crate::micro_batches::MicroBatchChoice;
use crate::mixture::{Mixture, SourceUse};
use crate::recipe::{GradientSum, Recipe};
use crate::scheme::Scheme;

pub use ranks::{Machine, RanksForecast};

/// The forecast of a run: all that can be said before it starts.
#[derive(Clone, Debug, Serialize)]
pub struct Forecast {
    /// The numbers of parameters.
    pub parameters: Parameters,
    /// Floating-point operations of a step, the mean over all.
    pub flops_per_step: f64,
    /// The operations of the whole run.
    pub flops: f64,
    /// Size of one checkpoint: weights, what the optimizer keeps of them, and their average, if there is one.
    pub checkpoint_mb: f64,
    /// Time, tokens, memory, disk.
    pub plan: Plan,
    /// The rows of a micro-batch and the reason for them, where the recipe leaves them to the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batches: Option<MicroBatchChoice>,
    /// The sums of gradients that are held at once, where a step has several micro-batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_sums: Option<GradientSumsHeld>,
    /// The step of several processes, where there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranks: Option<RanksForecast>,
    /// Rows of the training data, if it is there.
    pub examples: Option<usize>,
    /// The use of each source of a mixture; empty for one data folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceUse>,
}

/// The sums of gradients that are held at once while a step's micro-batches are added up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GradientSumsHeld {
    /// The order in which they are added up.
    pub order: GradientSum,
    /// Sums, or gradients of one micro-batch, that are there at once.
    pub buffers: usize,
    /// Their size, in units of 10^6 bytes.
    pub mb: f64,
}

impl GradientSumsHeld {
    /// Those of a recipe; `None` where a step has one micro-batch.
    pub fn of(recipe: &Recipe) -> Option<Self> {
        let (order, micro_batches) = (recipe.gradient_sum(), recipe.micro_batches());
        let buffers = match order {
            GradientSum::Tree => buffers(0..micro_batches),
            GradientSum::Fold => 2,
        };
        let parameters = ParameterCount::of(&recipe.model, recipe.architecture()).total();
        let mb = buffers as f64 * parameters as f64 * 4e-6;
        (micro_batches > 1).then_some(Self { order, buffers, mb })
    }
}

/// Parameters of both networks, with the keys of the first line of a run's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Parameters {
    /// The parameters of the discriminator.
    pub discriminator: usize,
    /// The parameters that the generator adds.
    pub generator: usize,
    /// The parameters of both networks.
    pub total: usize,
}

impl From<ParameterCount> for Parameters {
    fn from(count: ParameterCount) -> Self {
        let ParameterCount { discriminator, generator } = count;
        Self { discriminator, generator, total: count.total() }
    }
}

/// The size of the data that a run reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DataSize {
    /// Rows of the training data.
    pub examples: usize,
    /// Rows of the held-out data.
    pub heldout: usize,
    /// Part of the training rows that is tokens; the rest is padding.
    pub fill: f64,
}

impl DataSize {
    /// The size of the data of a recipe.
    pub fn of(data: &Mixture) -> Self {
        Self { examples: data.rows(Split::Train), heldout: data.rows(Split::HeldOut), fill: data.fill() }
    }
}

/// Predicts a run of `recipe` on `device` from a few steps on random rows, as many at once
/// as a micro-batch has.
///
/// Evaluation is counted at a third of the cost of training on the same rows. Where nothing is
/// known of the data, its rows are taken as full and those held out as enough.
///
/// # Errors
/// If the speed test diverges.
pub fn forecast(
    recipe: &Recipe,
    device: &Device,
    timed_steps: usize,
    data: Option<DataSize>,
) -> Result<Forecast, Divergence> {
    forecast_on(Machine { ranks: 1, network: None }, recipe, device, timed_steps, data)
}

/// As [`forecast`], for several processes, each on a machine like this one.
///
/// # Errors
/// As there.
pub fn forecast_on(
    machine: Machine,
    recipe: &Recipe,
    device: &Device,
    timed_steps: usize,
    data: Option<DataSize>,
) -> Result<Forecast, Divergence> {
    let bench = StepBench {
        device: device.clone(),
        device_name: String::new(),
        threads: 0,
        warmup: 1,
        steps: timed_steps,
        peak_flops: None,
    };
    let (batch, length, steps) = (recipe.train.batch_size, recipe.data.sequence_length, recipe.train.steps);
    // One micro-batch stands for all of a step; the update is counted with each of them.
    let micro = recipe.micro_batch_size();
    let mut train_seconds = 0.0;
    for (first, of_part) in recipe.parts() {
        let mut timed = recipe.clone();
        (timed.train.batch_size, timed.scheme) = (micro, Scheme::of_stage(recipe.scheme.stage(first)));
        (timed.masking, timed.mask_rate) = (recipe.masking_at(first), MaskRate::default());
        if let Some(average) = &mut timed.average {
            average.start_step = 1;
        }
        let timings = bench_step(&timed, &bench, |_, _| {})?;
        let seconds = batch as f64 / (timings.tokens_per_second.median / length as f64);
        train_seconds += of_part as f64 * seconds;
    }
    let of_one = train_seconds / steps as f64;
    let of_ranks = machine.forecast(recipe, of_one);
    let step_seconds = of_ranks.map_or(of_one, |ranks| ranks.step_seconds);
    let train_seconds = step_seconds * steps as f64;
    let count = ParameterCount::of(&recipe.model, recipe.architecture());
    let evaluations = steps.div_ceil(recipe.evaluate.every_steps) as f64;
    let most = recipe.evaluate.max_examples;
    let evaluated = data.map_or(most, |data| data.heldout.min(most)) as f64;
    let evaluation_seconds = evaluations * evaluated / batch as f64 * step_seconds / 3.0;
    let rows = steps * batch as u64;
    let checkpoint_mb = saved_bytes(recipe) as f64 / 1e6;
    let gradient_sums = GradientSumsHeld::of(recipe);
    let sums_mb = gradient_sums.map_or(0.0, |held| held.mb * (1.0 - 1.0 / held.buffers as f64));
    let log_mb = steps as f64 / recipe.log.every_steps as f64 * 1e-3;
    let kept = (recipe.checkpoint.keep_last + 1) as f64;
    // The final weights, and their average.
    let final_mb = count.total() as f64 * if recipe.average.is_some() { 8e-6 } else { 4e-6 };
    Ok(Forecast {
        parameters: count.into(),
        flops_per_step: recipe.run_flops() / steps as f64,
        flops: recipe.run_flops(),
        checkpoint_mb,
        plan: Plan {
            seconds: train_seconds + evaluation_seconds,
            tokens: rows * length as u64,
            epochs: data.map_or(f64::NAN, |data| rows as f64 / data.examples as f64),
            tokens_per_second: (batch * length) as f64 * data.map_or(1.0, |data| data.fill) / step_seconds,
            // The speed test has one micro-batch, and so one gradient.
            peak_rss_mb: process::peak_rss().map_or(f64::NAN, |bytes| bytes as f64 / 1e6) + sums_mb,
            disk_mb: kept * checkpoint_mb + final_mb + log_mb,
        },
        micro_batches: None,
        gradient_sums,
        ranks: of_ranks,
        examples: data.map(|data| data.examples),
        sources: vec![],
    })
}
