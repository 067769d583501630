//! What a run will need, from its recipe and a short probe of its speed.

use burn::prelude::*;
use electra_model::flops::ParameterCount;
use electra_run::process;
use electra_run::record::Plan;
use electra_text::{DataSet, Split};
use serde::Serialize;

use crate::bench::{StepBench, bench_step};
use crate::recipe::Recipe;
use crate::scheme::Scheme;
use crate::step::Divergence;

/// Everything that can be said before launching.
#[derive(Clone, Debug, Serialize)]
pub struct Forecast {
    /// Parameters of the discriminator, and what the generator adds.
    pub parameters: [usize; 2],
    /// Floating-point operations of a step, the mean over all.
    pub flops_per_step: f64,
    /// Of the whole run.
    pub flops: f64,
    /// Bytes of one checkpoint: weights and two moments.
    pub checkpoint_mb: f64,
    /// Time, tokens, memory, disk.
    pub plan: Plan,
    /// Rows of the training data, if it is there.
    pub examples: Option<usize>,
}

/// What is known of the data that a run reads.
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
    /// Of a data folder.
    pub fn of(data: &DataSet) -> Self {
        let manifest = data.manifest();
        let (examples, heldout) = (data.split(Split::Train).len(), data.split(Split::HeldOut).len());
        let places = examples * manifest.row_shape().seq_len;
        Self { examples, heldout, fill: manifest.train.tokens as f64 / places.max(1) as f64 }
    }
}

/// Predicts a run of `recipe` on `device` from a few steps on random rows, as many at once
/// as a micro-batch has.
///
/// Evaluation is counted at a third of the cost of training on the same rows. Where nothing is
/// known of the data, its rows are taken as full and those held out as enough.
///
/// # Errors
/// If the probe goes out of bounds.
pub fn forecast(
    recipe: &Recipe,
    device: &Device,
    probe_steps: usize,
    data: Option<DataSize>,
) -> Result<Forecast, Divergence> {
    let bench = StepBench {
        device: device.clone(),
        device_name: String::new(),
        threads: 0,
        warmup: 1,
        steps: probe_steps,
        peak_flops: None,
    };
    let (batch, length, steps) = (recipe.train.batch_size, recipe.data.sequence_length, recipe.train.steps);
    // One micro-batch stands for all of a step; the update is counted with each of them.
    let micro = recipe.micro_batch_size();
    let seconds_of = |scheme: Scheme| -> Result<f64, Divergence> {
        let mut probed = recipe.clone();
        (probed.train.batch_size, probed.scheme) = (micro, scheme);
        let timings = bench_step(&probed, &bench, |_, _| {})?;
        Ok(batch as f64 / (timings.tokens_per_second.median / length as f64))
    };
    let train_seconds = match recipe.scheme {
        Scheme::TwoStage { generator_steps, initialise } => {
            let all_of = |generator_steps| Scheme::TwoStage { generator_steps, initialise };
            generator_steps as f64 * seconds_of(all_of(u64::MAX))?
                + (steps - generator_steps) as f64 * seconds_of(all_of(0))?
        }
        scheme => steps as f64 * seconds_of(scheme)?,
    };
    let step_seconds = train_seconds / steps as f64;
    let count = ParameterCount::of(&recipe.model, recipe.networks());
    let evaluations = steps.div_ceil(recipe.evaluate.every_steps) as f64;
    let most = recipe.evaluate.max_examples;
    let evaluated = data.map_or(most, |data| data.heldout.min(most)) as f64;
    let evaluation_seconds = evaluations * evaluated / batch as f64 * step_seconds / 3.0;
    let rows = steps * batch as u64;
    let checkpoint_mb = count.total() as f64 * 4.0 * 3.0 / 1e6;
    let log_mb = steps as f64 / recipe.log.every_steps as f64 * 1e-3;
    let kept = (recipe.checkpoint.keep_last + 1) as f64;
    Ok(Forecast {
        parameters: [count.discriminator, count.generator],
        flops_per_step: recipe.run_flops() / steps as f64,
        flops: recipe.run_flops(),
        checkpoint_mb,
        plan: Plan {
            seconds: train_seconds + evaluation_seconds,
            tokens: rows * length as u64,
            epochs: data.map_or(f64::NAN, |data| rows as f64 / data.examples as f64),
            tokens_per_second: (batch * length) as f64 * data.map_or(1.0, |data| data.fill) / step_seconds,
            peak_rss_mb: process::peak_rss().map_or(f64::NAN, |bytes| bytes as f64 / 1e6),
            disk_mb: kept * checkpoint_mb + checkpoint_mb / 3.0 + log_mb,
        },
        examples: data.map(|data| data.examples),
    })
}
