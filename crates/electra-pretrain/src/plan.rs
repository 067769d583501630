//! The forecast of a run's time and memory, from its recipe and a short speed test.

use burn::prelude::*;
use electra_model::flops::{ParameterCount, activation_bytes};
use electra_model::{EncoderConfig, GeneratorKind};
use electra_run::process;
use electra_run::record::Plan;
use electra_text::Split;
use electra_train::Divergence;
use serde::Serialize;

use crate::bench::{StepBench, bench_step};
use crate::mask_rate::MaskRate;
use crate::mixture::{Mixture, SourceUse};
use crate::recipe::{MicroBatchChoice, Recipe};
use crate::scheme::Scheme;

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
    /// Rows of the training data, if it is there.
    pub examples: Option<usize>,
    /// What the run reads of each source of a mixture; none of one folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceUse>,
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

/// Memory without which a run on a CPU cannot take a single step. What it does need is more: only what is
/// there for certain is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeastMemory {
    /// Bytes for weights, what the optimizer keeps of them, their average and gradients.
    pub parameters: u64,
    /// Bytes for the rows of a step, and for what a micro-batch leaves for its backward pass.
    pub batch: u64,
}

impl LeastMemory {
    /// The least memory of a recipe that has been checked.
    pub fn of(recipe: &Recipe) -> Self {
        let parameters = ParameterCount::of(&recipe.model, recipe.architecture()).total() as u128;
        let stages = matches!(recipe.scheme, Scheme::TwoStage { .. });
        // Gradients of all parameters are there at once, where all learn.
        let gradients = if stages { 0 } else { parameters };
        let tokens = |rows: usize| rows as u128 * recipe.data.sequence_length as u128;
        let at_once = tokens(recipe.micro_batch_size());
        let kept = |encoder: EncoderConfig| activation_bytes(&encoder, at_once, recipe.train.precision);
        let discriminator = kept(recipe.model.discriminator());
        let generator = match recipe.architecture().generator {
            GeneratorKind::None => 0,
            GeneratorKind::Masked => kept(recipe.model.generator()),
            GeneratorKind::TwoTower => 2 * kept(recipe.model.generator()),
        };
        let activations = if stages { discriminator.max(generator) } else { discriminator + generator };
        // Ids as they were and masked, segments, and which are real.
        let rows = 4 * 4 * tokens(recipe.train.batch_size);
        let bytes = |count: u128| u64::try_from(count).unwrap_or(u64::MAX);
        Self { parameters: bytes(saved_bytes(recipe) + 4 * gradients), batch: bytes(rows + activations) }
    }

    /// The sum of both, in bytes.
    pub fn total(&self) -> u64 {
        self.parameters.saturating_add(self.batch)
    }
}

/// Bytes of a checkpoint of a recipe: weights and two moments of 32 bits, one momentum of what Muon updates, and the
/// average, if there is one.
fn saved_bytes(recipe: &Recipe) -> u128 {
    let count = ParameterCount::of(&recipe.model, recipe.architecture()).total() as u128;
    let of_muon = match recipe.optimizer.muon {
        Some(_) => ParameterCount::of_encoder_matrices(&recipe.model, recipe.architecture()) as u128,
        None => 0,
    };
    4 * (3 * count - of_muon + if recipe.average.is_some() { count } else { 0 })
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
    let step_seconds = train_seconds / steps as f64;
    let count = ParameterCount::of(&recipe.model, recipe.architecture());
    let evaluations = steps.div_ceil(recipe.evaluate.every_steps) as f64;
    let most = recipe.evaluate.max_examples;
    let evaluated = data.map_or(most, |data| data.heldout.min(most)) as f64;
    let evaluation_seconds = evaluations * evaluated / batch as f64 * step_seconds / 3.0;
    let rows = steps * batch as u64;
    let checkpoint_mb = saved_bytes(recipe) as f64 / 1e6;
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
            peak_rss_mb: process::peak_rss().map_or(f64::NAN, |bytes| bytes as f64 / 1e6),
            disk_mb: kept * checkpoint_mb + final_mb + log_mb,
        },
        micro_batches: None,
        examples: data.map(|data| data.examples),
        sources: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(overrides: &[&str]) -> Recipe {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        let text = include_str!("../configs/small.toml");
        let resolved = electra_run::recipe::load_str("small.toml", text, &overrides).unwrap();
        crate::recipe::check(&resolved).unwrap();
        resolved.value
    }

    #[test]
    fn an_average_is_one_copy_more_and_muon_keeps_one_of_matrices_less() {
        let bytes = |set: &[&str]| LeastMemory::of(&recipe(set)).parameters;
        let plain = bytes(&[]);
        assert_eq!(bytes(&["average={decay=0.9,start_step=1}"]) - plain, 14_196_219 * 4);
        let muon = "optimizer.muon={rate_factor=1.0,adjust_rate=\"original\",momentum=0.95,nesterov=true,weight_decay=0.1}";
        // Twelve layers of 256 and 1,024 inside, and of 64 and 256.
        let matrices = 12 * (4 * 256 * 256 + 2 * 256 * 1024) + 12 * (4 * 64 * 64 + 2 * 64 * 256);
        assert_eq!(plain - bytes(&[muon]), 4 * matrices);
        // A generator that warms up leaves gradients of all parameters in the steps after.
        assert_eq!(bytes(&["scheme={kind=\"generator-warmup\",generator_steps=10}"]), plain);
    }

    #[test]
    fn memory_grows_with_what_is_certain_to_be_there() {
        let small = LeastMemory::of(&recipe(&[]));
        // 14.2 million parameters four times.
        assert_eq!(small.parameters, 14_196_219 * 16);
        let [one, two] = ["1", "2"].map(|rows| {
            let batch = format!("train.batch_size={rows}");
            LeastMemory::of(&recipe(&[&batch, &format!("train.micro_batch_size={rows}")]))
        });
        // A row of 128 tokens: 12 blocks of 256 and 1,024 inside, and of 64 and 256.
        assert_eq!(one.batch, 128 * (16 + 12 * (4 * 256 + 8 * 1024) + 12 * (4 * 64 + 8 * 256)));
        assert_eq!((two.batch, two.parameters), (2 * one.batch, one.parameters));
        let huge = recipe(&[
            "model.hidden_size=65536",
            "model.num_hidden_layers=1024",
            "model.num_attention_heads=1024",
            "model.intermediate_size=262144",
            "model.max_position_embeddings=65536",
            "data.sequence_length=65536",
            "train.batch_size=1048576",
            "train.micro_batch_size=1048576",
            "train.steps=1",
            "schedule.warmup_steps=0",
        ]);
        assert_eq!(LeastMemory::of(&huge).total(), u64::MAX);
    }
}
