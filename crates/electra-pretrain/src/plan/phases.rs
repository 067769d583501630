//! The forecast of the training of one phase.

use burn::prelude::*;
use electra_train::Divergence;
use serde::Serialize;

use super::data_size::DataSize;
use super::ranks::{Machine, RanksForecast};
use crate::bench::{StepBench, bench_step};
use crate::mask_rate::MaskRate;
use crate::micro_batches::MicroBatchChoice;
use crate::mixture::SourceUse;
use crate::phases::Phase;
use crate::recipe::Recipe;
use crate::scheme::Scheme;

/// The forecast of one phase of a run that has several.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseForecast {
    /// Its number, from 1.
    pub phase: usize,
    /// The first step of the run that belongs to it.
    pub first_step: u64,
    /// Its steps.
    pub steps: u64,
    /// Tokens of a row.
    pub sequence_length: usize,
    /// Rows of a step.
    pub batch_size: usize,
    /// Rows that go through the networks at once.
    pub micro_batch_size: usize,
    /// The reason for them, where the recipe leaves them to the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batches: Option<MicroBatchChoice>,
    /// Share of masked tokens at its first step.
    pub masking_probability: f64,
    /// The greatest learning rate of its steps.
    pub learning_rate: f64,
    /// Tokens that it reads, padding counted.
    pub tokens: u64,
    /// The epochs that it reads of its data; null where that is not there.
    pub epochs: f64,
    /// Floating-point operations of all of its steps.
    pub flops: f64,
    /// Seconds of its training, without evaluations.
    pub seconds: f64,
    /// Seconds of a step.
    pub step_seconds: f64,
    /// Rows of its training data, if it is there.
    pub examples: Option<usize>,
    /// The use of each source of its mixture; empty for one data folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceUse>,
    /// The step of several processes, where there are.
    #[serde(skip)]
    pub ranks: Option<RanksForecast>,
    /// Tokens without padding.
    #[serde(skip)]
    pub(super) filled_tokens: f64,
    /// Seconds of a step in one process.
    #[serde(skip)]
    pub(super) of_one: f64,
}

/// Times steps of each kind that a phase has.
pub(super) fn forecast_phase(
    machine: Machine,
    recipe: &Recipe,
    phase: &Phase,
    device: &Device,
    timed_steps: usize,
    data: Option<DataSize>,
) -> Result<PhaseForecast, Divergence> {
    let bench = StepBench {
        device: device.clone(),
        device_name: String::new(),
        threads: 0,
        warmup: 1,
        steps: timed_steps,
        peak_flops: None,
    };
    let r = &phase.recipe;
    let (batch, length, steps) = (r.train.batch_size, r.data.sequence_length, phase.steps);
    // One micro-batch stands for all of a step; the update is counted with each of them.
    let micro = r.micro_batch_size();
    let (mut seconds, mut flops) = (0.0, 0.0);
    let is_of_phase = |first: u64| (phase.first_step..phase.end_step()).contains(&first);
    for (first, of_part) in recipe.parts().into_iter().filter(|part| is_of_phase(part.0)) {
        let mut timed = Recipe { phases: vec![], ..r.clone() };
        (timed.train.batch_size, timed.scheme) = (micro, Scheme::of_stage(recipe.scheme.stage(first)));
        (timed.masking, timed.mask_rate) = (recipe.masking_at(first), MaskRate::default());
        if let Some(average) = &mut timed.average {
            average.start_step = 1;
        }
        let timings = bench_step(&timed, &bench, |_, _| {})?;
        let of_step = batch as f64 / (timings.tokens_per_second.median / length as f64);
        seconds += of_part as f64 * of_step;
        flops += recipe.step_flops(first) * of_part as f64;
    }
    let of_one = seconds / steps as f64;
    let ranks = machine.forecast(r, of_one);
    let step_seconds = ranks.map_or(of_one, |ranks| ranks.step_seconds);
    let rows = phase.rows(steps);
    let tokens = rows.saturating_mul(length as u64);
    Ok(PhaseForecast {
        phase: phase.number,
        first_step: phase.first_step,
        steps,
        sequence_length: length,
        batch_size: batch,
        micro_batch_size: micro,
        micro_batches: None,
        masking_probability: recipe.masking_at(phase.first_step).probability(),
        learning_rate: greatest_rate(recipe, phase),
        tokens,
        epochs: data.map_or(f64::NAN, |data| rows as f64 / data.examples as f64),
        flops,
        seconds: step_seconds * steps as f64,
        step_seconds,
        examples: data.map(|data| data.examples),
        sources: vec![],
        ranks,
        filled_tokens: tokens as f64 * data.map_or(1.0, |data| data.fill),
        of_one,
    })
}

/// The greatest learning rate of a phase: after a warmup, that of its peak.
fn greatest_rate(recipe: &Recipe, phase: &Phase) -> f64 {
    let peaks = recipe.courses().into_iter().map(|course| course.first_step + course.schedule.warmup_steps);
    let inside = peaks.filter(|step| (phase.first_step..phase.end_step()).contains(step));
    let rates = inside.chain([phase.first_step, phase.end_step() - 1]).map(|step| recipe.learning_rate(step));
    rates.fold(0.0, f64::max)
}

impl RanksForecast {
    /// The step of a run on average over the steps of all phases; none for one process.
    pub(super) fn mean(phases: &[PhaseForecast]) -> Option<Self> {
        let first = phases.first()?.ranks?;
        let steps: f64 = phases.iter().map(|phase| phase.steps as f64).sum();
        let mean = |of_phase: &dyn Fn(&PhaseForecast, Self) -> f64| {
            let sums =
                phases.iter().filter_map(|phase| Some(phase.steps as f64 * of_phase(phase, phase.ranks?)));
            sums.sum::<f64>() / steps
        };
        if phases.len() == 1 {
            return Some(first);
        }
        let step_seconds = mean(&|_, ranks| ranks.step_seconds);
        Some(Self {
            computation_seconds: mean(&|_, ranks| ranks.computation_seconds),
            communication_seconds: mean(&|_, ranks| ranks.communication_seconds),
            step_seconds,
            speedup: mean(&|phase, _| phase.of_one) / step_seconds,
            ..first
        })
    }
}
