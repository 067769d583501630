//! `electra plan`: what a recipe will need, before launching it.

use std::path::PathBuf;
use std::process::ExitCode;

use electra_kernels::DeviceName;
use electra_pretrain::TrainError;
use electra_pretrain::phases::{RunData, unseen_ids_of_run};
use electra_pretrain::plan::{DataSize, Forecast, Machine, PhaseForecast, forecast_on};
use electra_pretrain::recipe::GradientSum;
use electra_ranks::Network;
use electra_run::process;
use electra_run::record::{duration, thousands};

use crate::commands::pretrain::{
    InitOptions, RecipeOptions, check_memory, decide_micro_batches_for, load_recipe_on, micro_batch_lines,
};
use crate::device::use_threads;
use crate::failure::{self, Failure};
use crate::limits;

/// Say what a recipe will need before launching it.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  electra plan configs/pretrain/small.toml
  electra plan configs/pretrain/tiny.toml --set train.batch_size=64 --json
  electra plan configs/pretrain/small-phases.toml
  electra plan configs/pretrain/continue.toml --init runs/tiny
  electra plan configs/pretrain/small.toml --ranks 4 --bandwidth 25 --latency 20

Bandwidth and latency are what electra bench step says under mpirun (docs/distributed.md).")]
pub struct PlanCommand {
    /// Recipe in TOML
    recipe: PathBuf,
    #[command(flatten)]
    with: RecipeOptions,
    #[command(flatten)]
    weights: InitOptions,
    /// Training steps to time
    #[arg(long, alias = "probe-steps", default_value_t = 3)]
    timed_steps: usize,
    /// Processes that share every step, each on a machine like this one
    #[arg(long, value_name = "N", default_value_t = 1)]
    ranks: usize,
    /// Speed of the network between them, in 10^9 bits a second
    #[arg(long, value_name = "GBIT", default_value_t = 10.0)]
    bandwidth: f64,
    /// Time of an empty message between them, in microseconds
    #[arg(long, value_name = "US", default_value_t = 50.0)]
    latency: f64,
    /// Print JSON and nothing else on standard output
    #[arg(long)]
    json: bool,
}

/// The network that options describe.
///
/// # Errors
/// Numbers that no network has.
pub fn network(bandwidth: f64, latency: f64) -> Result<Network, Failure> {
    let is_one = (1e-6..=1e6).contains(&bandwidth) && (0.0..=1e9).contains(&latency);
    if !is_one {
        return Err(Failure::new(
            format!("--bandwidth {bandwidth} --latency {latency} is no network"),
            "give 10^9 bits a second, such as --bandwidth 10, and microseconds, such as --latency 50",
        ));
    }
    Ok(Network { gigabits: bandwidth, latency: latency * 1e-6 })
}

impl PlanCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If the recipe is wrong or the device not there.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let threads = use_threads(self.with.threads)?;
        let weights = self.weights.open()?;
        let recipe = load_recipe_on(&self.recipe, &self.with.overrides, weights.as_ref(), None)?;
        limits::within("--ranks", self.ranks, 1, MAX_RANKS)?;
        let (recipe, micro_batches) = decide_micro_batches_for(self.ranks, recipe, self.with.device, None)?;
        let recipe = recipe.value;
        if let Some(weights) = &weights {
            weights.check_recipe(&recipe)?;
        }
        let device = self.with.device.open_with(recipe.train.precision)?;
        limits::within("--timed-steps", self.timed_steps, 1, limits::MAX_TIMED)?;
        check_memory(&recipe, self.with.device)?;
        // A plan is also of use before the data is built.
        let data = RunData::open(&recipe);
        let sizes = data.as_ref().map_or(vec![], DataSize::of_run);
        if let (Some(weights), Ok(data)) = (&weights, &data) {
            weights.check_data(data.first().first())?;
        }
        for warning in data.iter().flat_map(|data| unseen_ids_of_run(&recipe, data)) {
            eprintln!("warning: {warning}");
        }
        for phase in recipe.phases() {
            let micro_batches = phase.recipe.micro_batches();
            if self.ranks > micro_batches {
                let phase = (phase.of > 1).then_some(phase.number);
                let error = TrainError::TooManyRanks { ranks: self.ranks, micro_batches, phase };
                return Err(failure::training(error));
            }
        }
        let machine = Machine { ranks: self.ranks, network: Some(network(self.bandwidth, self.latency)?) };
        let mut f = forecast_on(machine, &recipe, &device, self.timed_steps, &sizes)?;
        let micro_batch_lines = micro_batch_lines(&recipe, &micro_batches);
        if let (true, Some((_, choice))) = (recipe.phases.is_empty(), micro_batches.first()) {
            f.micro_batches = Some(*choice);
        }
        for (phase, choice) in micro_batches {
            if let Some(phase) = f.phases.get_mut(phase) {
                phase.micro_batches = Some(choice);
            }
        }
        if let Ok(data) = &data {
            let mut uses = data.uses(&recipe);
            if recipe.phases.is_empty() {
                f.sources = uses.swap_remove(0);
            } else {
                f.phases.iter_mut().zip(uses).for_each(|(phase, uses)| phase.sources = uses);
            }
        }
        if self.json {
            crate::output::json_out(&f).map_err(Failure::of_json)?;
            return Ok(ExitCode::SUCCESS);
        }
        let row = |name: &str, value: String| println!("{name:<14} {value}");
        if let Some(weights) = &weights {
            row("begins with", weights.in_words());
        }
        let [discriminator, generator] =
            [f.parameters.discriminator, f.parameters.generator].map(|n| thousands(n as u64));
        row("parameters", format!("{discriminator} discriminator + {generator} generator"));
        if f.phases.is_empty() {
            row(
                "steps",
                format!(
                    "{} of {} x {} tokens",
                    thousands(recipe.train.steps),
                    recipe.train.batch_size,
                    recipe.data.sequence_length
                ),
            );
        } else {
            row("steps", format!("{} in {} phases", thousands(recipe.train.steps), f.phases.len()));
        }
        f.phases.iter().for_each(|phase| row(&format!("phase {}", phase.phase), in_words(phase)));
        micro_batch_lines.into_iter().for_each(|line| row("micro-batches", line));
        if let Some(held) = f.gradient_sums {
            let order = match held.order {
                GradientSum::Tree => "along a tree",
                GradientSum::Fold => "one after the other",
            };
            let mb = thousands(held.mb.ceil() as u64);
            row("gradients", format!("added up {order}: {} at once, {mb} MB", held.buffers));
        }
        row("tokens", thousands(f.plan.tokens));
        match &data {
            Ok(_) => row("epochs", epochs_in_words(&f, &sizes)),
            Err(error) => row("epochs", format!("unknown: {error}")),
        }
        let of_phases = f.phases.iter().map(|phase| (format!("phase {}, ", phase.phase), &phase.sources));
        for (phase, sources) in std::iter::once((String::new(), &f.sources)).chain(of_phases) {
            for source in sources {
                row(
                    "source",
                    format!(
                        "{phase}{}: {:.2} % of the rows, its {} read {:.2} times",
                        source.path,
                        100.0 * source.share,
                        thousands(source.examples as u64),
                        source.repeats
                    ),
                );
            }
        }
        row("arithmetic", format!("{:.3e} FLOP a step, {:.3e} in all", f.flops_per_step, f.flops));
        row(
            "speed",
            format!(
                "{} tokens/s without padding on {} with {threads} threads",
                thousands(f.plan.tokens_per_second as u64),
                self.with.device
            ),
        );
        if let Some(ranks) = f.ranks {
            row(
                "ranks",
                format!(
                    "{}: a step of {:.3} s computing and {:.3} s messages at {} Gbit/s and {} microseconds, {:.2} times as \
                     fast as one",
                    ranks.ranks,
                    ranks.computation_seconds,
                    ranks.communication_seconds,
                    self.bandwidth,
                    self.latency,
                    ranks.speedup
                ),
            );
        }
        row("time", duration(f.plan.seconds));
        if let Some(advice) = long_run_advice(self.with.device, recipe.train.steps, f.plan.seconds) {
            row("instead", advice);
        }
        let total =
            process::total_memory().map_or(String::new(), |b| format!(" of {} MB", thousands(b / 1_000_000)));
        row("memory", format!("{} MB{total}", thousands(f.plan.peak_rss_mb as u64)));
        let free = process::free_disk(std::path::Path::new("."))
            .map_or(String::new(), |b| format!(" of {} MB free here", thousands(b / 1_000_000)));
        row("disk", format!("{} MB{free}", thousands(f.plan.disk_mb.ceil() as u64)));
        Ok(ExitCode::SUCCESS)
    }
}

/// A phase of a forecast in one line.
fn in_words(phase: &PhaseForecast) -> String {
    let PhaseForecast { batch_size, sequence_length, masking_probability, learning_rate, .. } = phase;
    format!(
        "{} steps of {batch_size} x {sequence_length} tokens, masking {masking_probability}, learning rate up to \
         {learning_rate:.2e}: {} tokens, {:.3e} FLOP, {}",
        thousands(phase.steps),
        thousands(phase.tokens),
        phase.flops,
        duration(phase.seconds)
    )
}

/// Epochs: the number of times that a run reads its data.
fn epochs_in_words(f: &Forecast, sizes: &[DataSize]) -> String {
    let of_data = |size: &DataSize| {
        format!("over {} rows, {:.1} % full", thousands(size.examples as u64), 100.0 * size.fill)
    };
    match (&f.phases[..], sizes) {
        ([], [size]) => format!("{:.2} {}", f.plan.epochs, of_data(size)),
        (phases, sizes) => {
            let of_phase = |(phase, size): (&PhaseForecast, &DataSize)| {
                format!("{:.2} in phase {} {}", phase.epochs, phase.phase, of_data(size))
            };
            phases.iter().zip(sizes).map(of_phase).collect::<Vec<_>>().join("; ")
        }
    }
}

/// Processes that share a step.
const MAX_RANKS: usize = 1 << 20;
/// Seconds of the longest run that somebody may want to wait for: a month.
const MAX_WAIT_SECONDS: f64 = 30.0 * 86_400.0;

/// The advice for a run that takes longer than a month.
fn long_run_advice(device: DeviceName, steps: u64, seconds: f64) -> Option<String> {
    if seconds <= MAX_WAIT_SECONDS {
        return None;
    }
    let done = thousands((steps as f64 * MAX_WAIT_SECONDS / seconds) as u64);
    let smaller = "fewer or smaller steps (train.steps, train.batch_size, data.sequence_length)";
    let device = match device {
        DeviceName::Wgpu | DeviceName::Cuda(_) => format!("a faster GPU, or {smaller}"),
        DeviceName::Flex | DeviceName::Ndarray => {
            let gpus = [DeviceName::Cuda(0), DeviceName::Wgpu];
            let gpu = match gpus.into_iter().find(|gpu| gpu.is_compiled_in()) {
                Some(gpu) => format!("--device {gpu}"),
                None => "built with `cargo build --release --features cuda`, or wgpu".to_owned(),
            };
            format!(
                "a GPU ({gpu}); a recipe for CPUs, of which configs/pretrain/mini.toml takes about an hour; or {smaller}"
            )
        }
    };
    Some(format!("{device}: a month here is {done} of {} steps", thousands(steps)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_longer_than_a_month_is_advised_against() {
        assert_eq!(long_run_advice(DeviceName::Flex, 1_000, MAX_WAIT_SECONDS), None);
        let advice = long_run_advice(DeviceName::Flex, 10_000, 10.0 * MAX_WAIT_SECONDS).unwrap();
        assert!(advice.contains("GPU (") && advice.contains("mini.toml"), "{advice}");
        assert!(advice.ends_with("a month here is 1,000 of 10,000 steps"), "{advice}");
        let advice = long_run_advice(DeviceName::Cuda(0), 10_000, 10.0 * MAX_WAIT_SECONDS).unwrap();
        assert!(advice.starts_with("a faster GPU, or fewer or smaller steps"), "{advice}");
    }
}
