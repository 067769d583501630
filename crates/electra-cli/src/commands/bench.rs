//! `electra bench`: how fast this machine trains and tags.

use std::path::PathBuf;
use std::process::ExitCode;

use electra_model::flops::activation_bytes;
use electra_model::shapes;
use electra_ner::{BenchTask, TaggerBench, bench_tagger};
use electra_pretrain::bench::{StepBench, bench_step_on};
use electra_pretrain::{Recipe, TrainError};
use electra_ranks::{Communicator, Slowed};
use electra_run::interrupt::Interrupt;

use crate::commands::finetune::load_ner_recipe;
use crate::commands::plan::network;
use crate::commands::pretrain::{
    InitOptions, RecipeOptions, check_memory, decide_micro_batches_for, load_recipe_on,
};
use crate::device::use_threads;
use crate::failure::{self, Failure};
use crate::gemm_peak;
use crate::limits;
use crate::ranks;

/// Measure speed.
#[derive(clap::Subcommand)]
pub enum BenchCommand {
    /// Time full training steps: masking, both networks, sampling, backward, clip, Adam
    #[command(after_help = "Examples:
  electra bench step configs/pretrain/small.toml --batch-size 16
  electra bench step configs/pretrain/tiny.toml --set train.dropout=0 --json
  electra bench step configs/pretrain/continue.toml --init runs/tiny
  mpirun -n 2 electra bench step configs/pretrain/small.toml --json

GFLOP/s are those of the matrix products alone, the vocabulary projection at masked slots only, and training \
as three times the forward pass. The GEMM peak is the fastest matrix product that this device computes in the \
same precision, of burn's and of those that the networks use, timed beside it: the share of it says how much \
of a step is multiplication at full speed. Both are single measurements, and vary with what else the machine \
does.")]
    Step(StepArguments),
    /// Time a tagger: fine-tuning steps, forward passes, or the answer to one sentence
    #[command(after_help = "Examples:
  electra bench ner configs/pretrain/small.toml --task train
  electra bench ner configs/pretrain/small.toml --task latency --json

Nine labels, rows of random ids, four of five pieces begin a word. `train` and `infer` take 32 rows of 128, \
`latency` one of 32; --batch-size and --length change that. A fine-tuning step has dropout and optimizer of \
configs/ner/default.toml; --set changes them. GFLOP/s and GEMM peak: see electra bench step --help.")]
    #[command(alias = "tagger")]
    Ner(NerArguments),
}

/// Arguments of `electra bench step`.
#[derive(clap::Args)]
pub struct StepArguments {
    /// Recipe in TOML
    recipe: PathBuf,
    #[command(flatten)]
    with: RecipeOptions,
    #[command(flatten)]
    weights: InitOptions,
    /// Rows of a step [default: the recipe's]
    #[arg(long, value_name = "B")]
    batch_size: Option<usize>,
    /// Phase to time, of a recipe that has several
    #[arg(long, value_name = "N", default_value_t = 1)]
    phase: usize,
    /// Steps to time
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// Steps before the clock starts
    #[arg(long, default_value_t = 2)]
    warmup: usize,
    /// Slow messages between processes down to so many 10^9 bits a second
    #[arg(long, value_name = "GBIT")]
    bandwidth: Option<f64>,
    /// Let every message between processes take so many microseconds longer
    #[arg(long, value_name = "US")]
    latency: Option<f64>,
    /// Print JSON and nothing else on standard output
    #[arg(long)]
    json: bool,
}

/// Arguments of `electra bench ner`.
#[derive(clap::Args)]
pub struct NerArguments {
    /// Pretraining recipe in TOML, of which the discriminator's sizes are taken
    sizes: PathBuf,
    /// Task to time
    #[arg(long, value_enum, default_value_t = TaggerTask::Train)]
    task: TaggerTask,
    #[command(flatten)]
    with: RecipeOptions,
    #[command(flatten)]
    weights: InitOptions,
    /// Rows that go through the network together [default: 32, of latency 1]
    #[arg(long, value_name = "B")]
    batch_size: Option<usize>,
    /// Pieces of a row [default: 128, of latency 32]
    #[arg(long, value_name = "S")]
    length: Option<usize>,
    /// Repetitions to time [default: 10, of latency 500]
    #[arg(long, value_name = "N")]
    repetitions: Option<usize>,
    /// Repetitions before the clock starts [default: 2, of latency 20]
    #[arg(long, value_name = "N")]
    warmup: Option<usize>,
    /// Print JSON and nothing else on standard output
    #[arg(long)]
    json: bool,
}

/// The task of a tagger that is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TaggerTask {
    /// Fine-tuning steps: forward, backward, clip, update
    Train,
    /// Forward passes over full batches
    Infer,
    /// One sentence at a time
    Latency,
}

impl BenchCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If the recipe is wrong or the device not there.
    pub fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Step(arguments) => arguments.run(),
            Self::Ner(arguments) => arguments.run(),
        }
    }
}

impl StepArguments {
    fn run(self) -> Result<ExitCode, Failure> {
        // One that is interrupted has nothing to save.
        let ranks = ranks::join(&Interrupt::default())?;
        match (self.bandwidth, self.latency) {
            (None, None) => {
                let communicator = Communicator::new(&*ranks);
                ranks::code_of(&communicator, self.run_on(&communicator))
            }
            (bandwidth, latency) => {
                let slow = network(bandwidth.unwrap_or(1e6), latency.unwrap_or(0.0))?;
                let slowed = Slowed::new(ranks, slow);
                let communicator = Communicator::new(&slowed);
                ranks::code_of(&communicator, self.run_on(&communicator))
            }
        }
    }

    fn run_on(self, communicator: &Communicator<'_>) -> Result<ExitCode, Failure> {
        let arguments = self;
        let threads = use_threads(arguments.with.threads)?;
        limits::within("--steps", arguments.steps, 1, limits::MAX_TIMED)?;
        limits::within("--warmup", arguments.warmup, 0, limits::MAX_TIMED)?;
        let weights = arguments.weights.open()?;
        let load =
            |overrides: &[String]| load_recipe_on(&arguments.recipe, overrides, weights.as_ref(), None);
        let mut overrides = arguments.with.overrides.clone();
        if let Some(batch) = arguments.batch_size {
            // What is wrong with the recipe is said below, with this batch.
            let has_phases = load(&overrides).is_ok_and(|recipe| !recipe.value.phases.is_empty());
            let of_phase = format!("phases.{}", arguments.phase.saturating_sub(1));
            let table = if has_phases { of_phase } else { "train".to_owned() };
            // Whole in one process; each of several has a micro-batch at least.
            let micro = if communicator.is_shared() { "auto".to_owned() } else { batch.to_string() };
            overrides.push(format!("{table}.batch_size={batch}"));
            overrides.push(format!("{table}.micro_batch_size={micro}"));
        }
        let recipe = load(&overrides)?;
        limits::within("--phase", arguments.phase, 1, recipe.value.phases.len().max(1))?;
        let recipe =
            decide_micro_batches_for(communicator.size(), recipe, arguments.with.device, None)?.0.value;
        let phase = recipe.phases().swap_remove(arguments.phase - 1);
        let recipe = Recipe { phases: vec![], ..phase.recipe };
        let (ranks, micro_batches) = (communicator.size(), recipe.micro_batches());
        if ranks > micro_batches {
            return Err(failure::training(TrainError::TooManyRanks { ranks, micro_batches, phase: None }));
        }
        if let Some(weights) = &weights {
            weights.check_recipe(&recipe)?;
        }
        check_memory(&recipe, arguments.with.device)?;
        let device = arguments.with.device.open_with(recipe.train.precision)?;
        let bench = StepBench {
            peak_flops: None,
            device: device.clone(),
            device_name: arguments.with.device.to_string(),
            threads,
            warmup: arguments.warmup,
            steps: arguments.steps,
        };
        let is_human = !arguments.json;
        let timings = bench_step_on(communicator, &recipe, &bench, |i, seconds| {
            if is_human {
                eprintln!("step {:>3}: {:.1} ms", i + 1, seconds * 1e3);
            }
        });
        let mut timings = timings.map_err(|error| failure::training(error.into()))?;
        // Afterwards: its products would count as memory of the steps.
        let peak = gemm_peak::measure(&device, recipe.train.precision) * communicator.size() as f64;
        timings.peak_fraction = Some(timings.gflops * 1e9 / peak);
        if arguments.json {
            crate::output::json_line_out(&timings).map_err(Failure::of_json)?;
        } else {
            let of_card = timings.device_memory_mb.map(|mb| format!("device memory {mb:.0} MB, "));
            let without = match timings.products_without_tensor_cores {
                0 => String::new(),
                n => format!(", {n} products without tensor cores"),
            };
            let of_ranks = timings.of_ranks.map_or(String::new(), |ranks| {
                format!(
                    ", {} ranks: messages {:.1} % of the time, {:.2} Gbit/s and {:.0} microseconds between two",
                    ranks.ranks,
                    100.0 * ranks.communication_fraction,
                    ranks.gigabits,
                    ranks.latency_us
                )
            });
            println!(
                "{:.0} tokens/s (best {:.0}), {:.1} GFLOP/s, {:.0} % of the GEMM peak, peak RSS {:.0} MB, \
                 {}{} rows a step in micro-batches of {}, {} with {} threads{without}{of_ranks}",
                timings.tokens_per_second.median,
                timings.tokens_per_second.best,
                timings.gflops,
                timings.peak_fraction.unwrap_or(f64::NAN) * 100.0,
                timings.peak_rss_mb,
                of_card.unwrap_or_default(),
                timings.batch_size,
                timings.micro_batch_size,
                timings.device,
                timings.threads
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl NerArguments {
    fn run(self) -> Result<ExitCode, Failure> {
        let threads = use_threads(self.with.threads)?;
        let weights = self.weights.open()?;
        let sizes = load_recipe_on(&self.sizes, &[], weights.as_ref(), None)?.value.model;
        let recipe = load_ner_recipe(None, &self.with.overrides)?.value;
        let is_latency = self.task == TaggerTask::Latency;
        let or = |given: Option<usize>, otherwise: usize, of_latency: usize| {
            given.unwrap_or(if is_latency { of_latency } else { otherwise })
        };
        let device = self.with.device.open_with(recipe.train.precision)?;
        let bench = TaggerBench {
            task: if self.task == TaggerTask::Train { BenchTask::Train } else { BenchTask::Infer },
            peak_flops: Some(gemm_peak::measure(&device, recipe.train.precision)),
            device,
            device_name: self.with.device.to_string(),
            threads,
            batch_size: or(self.batch_size, 32, 1),
            length: or(self.length, 128, 32),
            warmup: or(self.warmup, 2, 20),
            repetitions: or(self.repetitions, 10, 500),
        };
        for (option, value, least) in [
            ("--repetitions", bench.repetitions, 1),
            ("--warmup", bench.warmup, 0),
            ("--batch-size", bench.batch_size, 1),
            ("--length", bench.length, 1),
        ] {
            limits::within(option, value, least, limits::MAX_TIMED)?;
        }
        let rows = sizes.max_position_embeddings;
        if !(3..=rows).contains(&bench.length) {
            return Err(Failure::new(
                format!("rows of {} pieces do not fit a position table of {rows} rows", bench.length),
                format!("give --length from 3 to {rows}"),
            ));
        }
        let tokens = bench.batch_size as u128 * bench.length as u128;
        let kept = match self.task {
            TaggerTask::Train => activation_bytes(&sizes.discriminator(), tokens, recipe.train.precision),
            TaggerTask::Infer | TaggerTask::Latency => 0,
        };
        let weights = 4 * u128::from(shapes::elements(&shapes::of_encoder(&sizes)));
        let needed = u64::try_from(weights + kept).unwrap_or(u64::MAX);
        limits::memory("a tagger of these sizes", needed, self.with.device)?;
        let tells_repetitions = !self.json && !is_latency;
        if let Err(error) = recipe.rates.of(sizes.num_hidden_layers) {
            return Err(Failure::new(error, "these rates do not fit the sizes that are timed"));
        }
        let timings = bench_tagger(&sizes, &recipe, &bench, |i, seconds| {
            if tells_repetitions {
                eprintln!("{:>3}: {:.1} ms", i + 1, seconds * 1e3);
            }
        })?;
        if self.json {
            crate::output::json_line_out(&timings).map_err(Failure::of_json)?;
        } else {
            println!(
                "{:.0} tokens/s (best {:.0}), {:.2} ms (best {:.2}, 99 % within {:.2}), {:.1} GFLOP/s, {:.0} % of the GEMM peak, peak RSS {:.0} MB, {} with {} threads",
                timings.tokens_per_second.median,
                timings.tokens_per_second.best,
                timings.milliseconds.median,
                timings.milliseconds.best,
                timings.milliseconds.p99,
                timings.gflops,
                timings.peak_fraction.unwrap_or(f64::NAN) * 100.0,
                timings.peak_rss_mb,
                timings.device,
                timings.threads
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
