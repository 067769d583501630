//! The forecast of a run's time and memory, from its recipe and a short speed test.

mod data_size;
mod phases;
mod ranks;

use burn::prelude::*;
use electra_model::flops::ParameterCount;
use electra_ranks::buffers;
use electra_run::process;
use electra_run::record::Plan;
use electra_train::Divergence;
use serde::Serialize;

use crate::least_memory::saved_bytes;
use crate::micro_batches::MicroBatchChoice;
use crate::mixture::SourceUse;
use crate::recipe::{GradientSum, Recipe};

pub use data_size::DataSize;
pub use phases::PhaseForecast;
pub use ranks::{Machine, RanksForecast};

use phases::forecast_phase;

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
    /// Each phase; empty where the recipe names none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseForecast>,
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
    /// Those of a recipe, of its phase that holds most; `None` where a step has one micro-batch.
    pub fn of(recipe: &Recipe) -> Option<Self> {
        let of_phases = recipe.phases().into_iter().filter_map(|phase| Self::of_phase(&phase.recipe));
        of_phases.reduce(|most, other| if other.buffers > most.buffers { other } else { most })
    }

    fn of_phase(recipe: &Recipe) -> Option<Self> {
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

/// Predicts a run of `recipe` on `device` from a few steps on random rows, as many at once
/// as a micro-batch has. `data` is the size of the data of each phase, empty where nothing is known of it.
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
    data: &[DataSize],
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
    data: &[DataSize],
) -> Result<Forecast, Divergence> {
    let mut phases = Vec::new();
    for (index, phase) in recipe.phases().iter().enumerate() {
        let size = data.get(index).copied();
        phases.push(forecast_phase(machine, recipe, phase, device, timed_steps, size)?);
    }
    let steps = recipe.train.steps;
    let sum = |of_phase: fn(&PhaseForecast) -> f64| phases.iter().map(of_phase).sum::<f64>();
    let train_seconds = sum(|phase| phase.seconds);
    let count = ParameterCount::of(&recipe.model, recipe.architecture());
    // Whichever phase it is in, an evaluation reads rows of the last one, and the last step of each is evaluated.
    let last = &phases[phases.len() - 1];
    let every = recipe.evaluate.every_steps;
    let evaluations: u64 = phases
        .iter()
        .map(|phase| {
            let end = phase.first_step.saturating_add(phase.steps);
            end / every - phase.first_step / every + u64::from(!end.is_multiple_of(every))
        })
        .sum();
    let most = recipe.evaluate.max_examples;
    let evaluated = data.last().map_or(most, |data| data.heldout.min(most)) as f64;
    let evaluation_seconds =
        evaluations as f64 * evaluated / last.batch_size as f64 * last.step_seconds / 3.0;
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
            tokens: recipe.tokens_read(steps),
            epochs: sum(|phase| phase.epochs),
            tokens_per_second: sum(|phase| phase.filled_tokens) / train_seconds,
            // The speed test has one micro-batch, and so one gradient. It has gone through all phases.
            peak_rss_mb: process::peak_rss().map_or(f64::NAN, |bytes| bytes as f64 / 1e6) + sums_mb,
            disk_mb: kept * checkpoint_mb + final_mb + log_mb,
        },
        micro_batches: None,
        gradient_sums,
        ranks: RanksForecast::mean(&phases),
        examples: (phases.len() == 1).then(|| data.first().map(|data| data.examples)).flatten(),
        sources: vec![],
        phases: if recipe.phases.is_empty() { vec![] } else { phases },
    })
}
