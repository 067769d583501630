//! The speed of full training steps: masking, both networks, backward, clip, Adam.

use std::ops::Range;
use std::time::Instant;

use burn::prelude::*;
use electra_kernels::{device_memory, products_without_tensor_cores};
use electra_model::{BatchData, Normalizer, Objective};
use electra_ranks::{Communicator, Network, Shares};
use electra_run::process;
use electra_run::quantile::quantile;
use electra_run::seed::{Purpose, derive, stream};
use electra_run::timing::Throughput;
use electra_text::SpecialIds;
use electra_train::Divergence;
use rand::RngExt;
use serde::Serialize;

use crate::exchange::gather_preparation;
use crate::mask::is_candidate;
use crate::recipe::Recipe;
use crate::snapshot;
use crate::step::{StepError, StepShare, optimizer_step_on};

/// Timings of training steps on full rows of random ids.
#[derive(Clone, Debug, Serialize)]
pub struct StepTimings {
    /// Tokens in a second.
    #[serde(flatten)]
    pub tokens_per_second: Throughput,
    /// 10^9 model floating-point operations in a second, by the median step.
    pub gflops: f64,
    /// The operations per second as a fraction of the measured peak, if it was measured.
    pub peak_fraction: Option<f64>,
    /// The most resident memory of the process, in units of 10^6 bytes.
    pub peak_rss_mb: f64,
    /// Memory of a card that the process has taken, in units of 10^6 bytes.
    pub device_memory_mb: Option<f64>,
    /// Matrix products that tensor cores might have computed and did not, of the whole run; see
    /// [`products_without_tensor_cores`].
    pub products_without_tensor_cores: u64,
    /// Rows of a step.
    pub batch_size: usize,
    /// Rows that go through the networks together.
    pub micro_batch_size: usize,
    /// Seconds of every timed step.
    pub step_seconds: Vec<f64>,
    /// Name of the device.
    pub device: String,
    /// The number of CPU threads of each process.
    pub threads: usize,
    /// What is known of several processes.
    #[serde(flatten)]
    pub of_ranks: Option<RanksTimings>,
}

/// Timings of several processes that share every step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RanksTimings {
    /// The number of processes.
    pub ranks: usize,
    /// Share of the time that the first of them spent in messages, waiting for the others among it.
    pub communication_fraction: f64,
    /// Bits of a second of a long message between the first and the last, in units of 10^9.
    pub gigabits: f64,
    /// Microseconds of an empty message between them.
    pub latency_us: f64,
}

/// The request for a benchmark of training steps.
#[derive(Clone, Debug)]
pub struct StepBench {
    /// The device, without autodiff.
    pub device: Device,
    /// The name of the device on the command line.
    pub device_name: String,
    /// The number of CPU threads.
    pub threads: usize,
    /// Steps before the clock starts.
    pub warmup: usize,
    /// Steps that are timed.
    pub steps: usize,
    /// Measured peak in floating-point operations per second.
    pub peak_flops: Option<f64>,
}

/// Times training steps of `recipe`, in its first stage if it has several, each on a fresh random batch;
/// making the batch counts.
///
/// # Errors
/// If the numbers go out of bounds.
pub fn bench_step(
    recipe: &Recipe,
    bench: &StepBench,
    on_step: impl FnMut(usize, f64),
) -> Result<StepTimings, Divergence> {
    let alone = Communicator::alone();
    bench_step_on(&alone, recipe, bench, on_step).map_err(|error| match error {
        StepError::Diverged(divergence) => divergence,
        StepError::Ranks(error) => unreachable!("one process: {error}"),
    })
}

/// As [`bench_step`], with several ranks that share every step; the times are those of this rank.
///
/// # Errors
/// As there, or if another rank has ended.
///
/// # Panics
/// If there are more ranks than micro-batches.
pub fn bench_step_on(
    communicator: &Communicator<'_>,
    recipe: &Recipe,
    bench: &StepBench,
    mut on_step: impl FnMut(usize, f64),
) -> Result<StepTimings, StepError> {
    assert!(bench.steps > 0, "a benchmark of 0 steps");
    let device = bench.device.clone().autodiff();
    let mut snapshot = snapshot::new(recipe, derive(recipe.seed, Purpose::Init, 0), &device);
    // Warmup would hide the update's cost only where the rate is exactly zero: begin past it.
    snapshot.progress.step = 1;
    let mut seconds = Vec::with_capacity(bench.steps);
    let without_before = products_without_tensor_cores();
    let shares = Shares::new(recipe.micro_batches(), communicator.size());
    let own = shares.of(communicator.rank());
    assert!(!own.is_empty(), "rank {} has no micro-batch", communicator.rank());
    let first_row = (own.start * recipe.micro_batch_size()) as u64;
    let network = match communicator.is_shared() {
        true => Some(Network::measure(communicator)?),
        false => None,
    };
    let mut communicated = 0.0;
    for i in 0..bench.warmup + bench.steps {
        // Whoever is late would be waited for in the step of another one.
        communicator.gather(Ok(Vec::new()))?;
        communicator.take_spent();
        let start = Instant::now();
        let batches = random_step(recipe, i as u64, own.clone());
        let counts: Vec<Normalizer> = batches.iter().map(Normalizer::counts).collect();
        let counts = gather_preparation(communicator, Ok(&counts), None)?.counts;
        let share = StepShare::of(&batches, first_row, shares, &counts);
        optimizer_step_on(communicator, &mut snapshot, share, recipe, &device, None)?;
        let _ = device.sync();
        if i >= bench.warmup {
            seconds.push(start.elapsed().as_secs_f64());
            communicated += communicator.take_spent().as_secs_f64();
            on_step(i - bench.warmup, seconds[i - bench.warmup]);
        }
    }
    let median = quantile(&seconds, 0.5);
    let (batch, length) = (recipe.train.batch_size, recipe.data.sequence_length);
    let flops = recipe.step_flops(1);
    Ok(StepTimings {
        tokens_per_second: Throughput::of(batch * length, &seconds),
        gflops: flops / median / 1e9,
        peak_fraction: bench.peak_flops.map(|peak| flops / median / (peak * communicator.size() as f64)),
        peak_rss_mb: process::peak_rss().map_or(f64::NAN, |bytes| bytes as f64 / 1e6),
        device_memory_mb: device_memory(&bench.device).map(|bytes| bytes as f64 / 1e6),
        products_without_tensor_cores: products_without_tensor_cores() - without_before,
        batch_size: batch,
        micro_batch_size: recipe.micro_batch_size(),
        device: bench.device_name.clone(),
        threads: bench.threads,
        of_ranks: network.map(|network| RanksTimings {
            ranks: communicator.size(),
            communication_fraction: communicated / seconds.iter().sum::<f64>(),
            gigabits: network.gigabits,
            latency_us: network.latency * 1e6,
        }),
        step_seconds: seconds,
    })
}

/// Some of the micro-batches of a step of full rows of random words.
fn random_step(recipe: &Recipe, step: u64, own: Range<usize>) -> Vec<BatchData> {
    let (micro, s, masking) = (recipe.micro_batch_size(), recipe.data.sequence_length, recipe.masking_at(1));
    let n = masking.slots(s);
    let vocab = recipe.model.vocab_size as u32;
    let special = SpecialIds { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 };
    let mut batches = Vec::new();
    for number in own {
        // A stream for each micro-batch, so that a rank makes its own alone.
        let number = step.wrapping_mul(recipe.micro_batches() as u64).wrapping_add(number as u64);
        let mut rng = stream(recipe.seed, Purpose::SpeedTest, number);
        let probability = masking.probability();
        let mut batch =
            BatchData { examples: micro, sequence_length: s, slots: n, probability, ..BatchData::default() };
        for _ in 0..micro {
            let mut ids: Vec<u32> = (0..s).map(|_| rng.random_range(5..vocab)).collect();
            (ids[0], ids[s - 1]) = (special.cls, special.sep);
            batch.push(
                &ids,
                |_| 0,
                special.pad,
                special.mask,
                &masking.choose(&ids, special, |_| false, n, &mut rng),
            );
            batch.uniforms.extend((0..n).map(|_| rng.random::<f32>()));
            if let Objective::Electric(_) = recipe.objective {
                batch.candidates.extend(ids.iter().map(|&id| f32::from(is_candidate(id, special))));
            }
            if recipe.objective.joint().is_some_and(|joint| !joint.proposals.is_learned()) {
                batch.proposals.extend((0..n).map(|_| rng.random_range(5..vocab as i32)));
            }
        }
        batches.push(batch);
    }
    batches
}
