//! The speed of a tagger: full training steps and forward passes on rows of random ids.

use std::time::Instant;

use burn::prelude::*;
use electra_kernels::Pass;
use electra_model::flops::ForwardFlops;
use electra_model::{Architecture, ModelConfig};
use electra_run::process;
use electra_run::quantile::quantile;
use electra_run::seed::{Purpose, stream};
use electra_run::timing::Throughput;
use electra_train::Divergence;
use rand::RngExt;
use serde::Serialize;

use crate::finetune::batches::TrainBatch;
use crate::finetune::snapshot;
use crate::finetune::step::Steps;
use crate::head::{HeadType, LabelledRows, WordLoss};
use crate::recipe::Recipe;
use crate::token_classifier::{TaggerShape, TokenClassifier};
use electra_annotations::{LabelScheme, LabelSet};
use electra_model::WindowBatchData;

/// Entity types of the tagger that is timed; four make the nine labels of CoNLL-2003.
const TYPES: [&str; 4] = ["LOC", "MISC", "ORG", "PER"];
/// The number of pieces out of five that begin a word: about what running English has.
const PIECES_OF_FIVE: usize = 4;

/// Which work of the tagger is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BenchTask {
    /// Full optimizer steps: forward, backward, clip, update.
    Train,
    /// Forward passes, their logits read.
    Infer,
}

/// Settings of a speed test of a tagger.
#[derive(Clone, Debug)]
pub struct TaggerBench {
    /// Which work of the tagger is timed.
    pub task: BenchTask,
    /// The device, without autodiff.
    pub device: Device,
    /// The name of the device on the command line.
    pub device_name: String,
    /// Number of CPU threads.
    pub threads: usize,
    /// Windows that go through the network together, `B`.
    pub batch_size: usize,
    /// Pieces of a window, `S`.
    pub length: usize,
    /// Repetitions before the clock starts.
    pub warmup: usize,
    /// Repetitions that are timed.
    pub repetitions: usize,
    /// Measured peak in floating-point operations per second.
    pub peak_flops: Option<f64>,
}

/// Timings of a tagger.
#[derive(Clone, Debug, Serialize)]
pub struct TaggerTimings {
    /// Tokens in a second, `[CLS]` and `[SEP]` included.
    #[serde(flatten)]
    pub tokens_per_second: Throughput,
    /// The latency of one repetition.
    pub milliseconds: Latency,
    /// 10^9 floating-point operations of matrix products in a second, by the median.
    pub gflops: f64,
    /// The operations per second as a fraction of the measured peak, if it was measured.
    pub peak_fraction: Option<f64>,
    /// The most resident memory of the process, in units of 10^6 bytes.
    pub peak_rss_mb: f64,
    /// Seconds of every repetition.
    #[serde(rename = "repetition_seconds")]
    pub seconds: Vec<f64>,
    /// Name of the device.
    pub device: String,
    /// Number of CPU threads.
    pub threads: usize,
}

/// Milliseconds of one repetition.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Time of the fastest repetition.
    pub best: f64,
    /// Median of all repetitions.
    pub median: f64,
    /// The 99th percentile: one of a hundred repetitions is slower.
    pub p99: f64,
}

/// Times a tagger of these sizes with nothing learned; `recipe` has dropout and optimizer.
///
/// # Errors
/// If the numbers go out of bounds.
///
/// # Panics
/// If nothing is to be timed, the rows are longer than the position table, or the recipe's rates
/// do not fit the encoder.
pub fn bench_tagger(
    sizes: &ModelConfig,
    recipe: &Recipe,
    bench: &TaggerBench,
    mut on_repetition: impl FnMut(usize, f64),
) -> Result<TaggerTimings, Divergence> {
    let TaggerBench { batch_size: b, length: s, repetitions, .. } = *bench;
    assert!(b > 0 && repetitions > 0, "{repetitions} repetitions of {b} windows");
    assert!(s <= sizes.max_position_embeddings, "windows of {s} of {}", sizes.max_position_embeddings);
    let labels = LabelSet::new(TYPES, LabelScheme::Iob2);
    let shape = TaggerShape { config: sizes, labels: &labels, head: HeadType::Linear };
    let forward = forward_flops(sizes, b, s, labels.len());

    let mut seconds = Vec::with_capacity(repetitions);
    let mut keep = |i: usize, elapsed: f64| {
        if i >= bench.warmup {
            seconds.push(elapsed);
            on_repetition(i - bench.warmup, elapsed);
        }
    };
    let all = bench.warmup + repetitions;
    let flops = match bench.task {
        BenchTask::Train => {
            let device = bench.device.clone().autodiff();
            let precision = recipe.train.precision;
            let rates = recipe.rates.of(sizes.num_hidden_layers).expect("rates that fit the sizes");
            let tagger = TokenClassifier::init(shape, recipe.seed, &device, precision);
            let mut snapshot = snapshot::start(tagger, &rates);
            let loss = WordLoss::new(recipe.loss.word.clone(), vec![1.0; labels.len()]);
            let schedule = recipe.schedule.over(all as u64 + 1);
            let steps = Steps { recipe, loss, rates, schedule, device: &device };
            for i in 0..all {
                let batch = random_batch(sizes, b, s, labels.len(), i as u64);
                let start = Instant::now();
                steps.take(&mut snapshot, &[batch])?;
                let _ = device.sync();
                keep(i, start.elapsed().as_secs_f64());
            }
            3.0 * forward
        }
        BenchTask::Infer => {
            let tagger = TokenClassifier::init(shape, recipe.seed, &bench.device, recipe.train.precision);
            for i in 0..all {
                let batch = random_batch(sizes, b, s, labels.len(), i as u64).data;
                let start = Instant::now();
                let logits = tagger.logits(Pass::Prediction, &batch, &bench.device);
                let elapsed = start.elapsed().as_secs_f64();
                assert_eq!(logits.len(), batch.words() * labels.len());
                keep(i, elapsed);
            }
            forward
        }
    };
    let milliseconds = |q: f64| 1e3 * quantile(&seconds, q);
    let median = quantile(&seconds, 0.5);
    Ok(TaggerTimings {
        tokens_per_second: Throughput::of(b * s, &seconds),
        milliseconds: Latency { best: milliseconds(0.0), median: milliseconds(0.5), p99: milliseconds(0.99) },
        gflops: flops / median / 1e9,
        peak_fraction: bench.peak_flops.map(|peak| flops / median / peak),
        peak_rss_mb: process::peak_rss().map_or(f64::NAN, |bytes| bytes as f64 / 1e6),
        seconds,
        device: bench.device_name.clone(),
        threads: bench.threads,
    })
}

/// Matrix products of a forward pass: the discriminator's encoder and the linear layer on words.
fn forward_flops(sizes: &ModelConfig, b: usize, s: usize, labels: usize) -> f64 {
    let words = (b * (s * PIECES_OF_FIVE).div_ceil(5)) as f64;
    ForwardFlops::of(sizes, Architecture::ELECTRA, b, s, 0).discriminator
        + 2.0 * words * (sizes.hidden_size * labels) as f64
}

/// Full windows of random pieces with random labels; a function of `number`.
fn random_batch(sizes: &ModelConfig, b: usize, s: usize, labels: usize, number: u64) -> TrainBatch {
    let mut rng = stream(0, Purpose::SpeedTest, number);
    let mut data = WindowBatchData::new(s);
    let first_pieces: Vec<usize> = (1..s - 1).filter(|at| at % 5 < PIECES_OF_FIVE).collect();
    let mut sentences = Vec::new();
    for _ in 0..b {
        let ids: Vec<u32> = (0..s).map(|_| rng.random_range(0..sizes.vocab_size as u32)).collect();
        let first = data.words();
        data.push(&ids, &first_pieces, 0);
        let rows: Vec<usize> = (first..data.words()).collect();
        let labels = rows.iter().map(|_| rng.random_range(0..labels)).collect();
        sentences.push(LabelledRows { rows, labels });
    }
    let targets = sentences.iter().flat_map(|sentence| &sentence.labels).map(|&label| Some(label)).collect();
    TrainBatch { data, first_window: 0, first_word: 0, targets, numbers: (0..b).collect(), sentences }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> ModelConfig {
        serde_json::from_value(serde_json::json!({
            "vocab_size": 40, "embedding_size": 16, "max_position_embeddings": 128, "type_vocab_size": 2,
            "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
            "initializer_range": 0.02,
            "generator": { "tie": "embeddings", "width": 0.5, "depth": 0.5 },
        }))
        .unwrap()
    }

    #[test]
    fn both_tasks_give_as_many_timings_as_asked_for() {
        let sizes = sizes();
        let recipe = Recipe::load(None, &[]).unwrap().value;
        for (task, warmup) in [(BenchTask::Train, 1), (BenchTask::Infer, 0)] {
            let bench = TaggerBench {
                task,
                device: Device::flex(),
                device_name: "flex".into(),
                threads: 1,
                batch_size: 2,
                length: 10,
                warmup,
                repetitions: 3,
                peak_flops: Some(1e9),
            };
            let mut told = Vec::new();
            let timings = bench_tagger(&sizes, &recipe, &bench, |i, _| told.push(i)).unwrap();
            assert_eq!((timings.seconds.len(), told), (3, vec![0, 1, 2]));
            assert!(timings.milliseconds.best <= timings.milliseconds.median);
            assert!(timings.milliseconds.median <= timings.milliseconds.p99);
        }
    }

    #[test]
    fn the_work_of_small_is_that_of_its_encoder() {
        // 32 x 128 tokens through 12 blocks of width 256: 2 T (128 H + 12 (4 H^2 + 2 S H + 8 H^2)).
        let (t, h, s) = (4096.0, 256.0, 128.0);
        let blocks = 2.0 * t * (128.0 * h + 12.0 * (4.0 * h * h + 2.0 * s * h + 8.0 * h * h));
        let mut sizes = sizes();
        (sizes.embedding_size, sizes.hidden_size, sizes.num_hidden_layers) = (128, 256, 12);
        sizes.intermediate_size = 1024;
        let head = forward_flops(&sizes, 32, 128, 9) - blocks;
        assert_eq!(head, 2.0 * 32.0 * 103.0 * 256.0 * 9.0);
    }
}
