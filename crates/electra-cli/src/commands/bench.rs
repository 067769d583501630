//! `electra bench`: how fast this machine trains.

use std::path::PathBuf;
use std::process::ExitCode;

use electra_pretrain::bench::{StepBench, bench_step};

use crate::commands::pretrain::{RecipeOptions, load_recipe};
use crate::device::use_threads;
use crate::failure::Failure;
use crate::gemm_peak;

/// Measure speed.
#[derive(clap::Subcommand)]
pub enum BenchCommand {
    /// Time full training steps: masking, both networks, sampling, backward, clip, Adam
    #[command(
        after_help = "Examples:\n  electra bench step configs/pretrain/small.toml --batch-size 16\n  electra bench step configs/pretrain/tiny.toml --set train.dropout=0 --json\n\nFLOPs count matrix products only, the vocabulary projection at masked slots only, and\ntraining as three times the forward pass."
    )]
    Step(StepArguments),
}

/// What to time.
#[derive(clap::Args)]
pub struct StepArguments {
    /// Recipe in TOML
    recipe: PathBuf,
    #[command(flatten)]
    with: RecipeOptions,
    /// Rows of a step [default: the recipe's]
    #[arg(long, value_name = "B")]
    batch_size: Option<usize>,
    /// Steps to time
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// Steps before the clock starts
    #[arg(long, default_value_t = 2)]
    warmup: usize,
    /// Print JSON and nothing else on standard output
    #[arg(long)]
    json: bool,
}

impl BenchCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If the recipe is wrong or the device not there.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let Self::Step(mut arguments) = self;
        let threads = use_threads(arguments.with.threads)?;
        if arguments.steps == 0 {
            return Err(Failure::new("--steps 0", "give at least 1"));
        }
        if let Some(batch) = arguments.batch_size {
            for key in ["batch_size", "micro_batch_size"] {
                arguments.with.overrides.push(format!("train.{key}={batch}"));
            }
        }
        let recipe = load_recipe(&arguments.recipe, &arguments.with.overrides)?.value;
        let device = arguments.with.device.open_with(recipe.train.precision)?;
        let bench = StepBench {
            peak_flops: Some(gemm_peak::measure(&device)),
            device,
            device_name: arguments.with.device.to_string(),
            threads,
            warmup: arguments.warmup,
            steps: arguments.steps,
        };
        let is_human = !arguments.json;
        let timings = bench_step(&recipe, &bench, |i, seconds| {
            if is_human {
                eprintln!("step {:>3}: {:.1} ms", i + 1, seconds * 1e3);
            }
        })?;
        if arguments.json {
            println!("{}", serde_json::to_string(&timings)?);
        } else {
            println!(
                "{:.0} tokens/s (best {:.0}), {:.1} GFLOP/s, {:.0} % of the GEMM peak, peak RSS {:.0} MB, {} with {} threads",
                timings.tokens_per_second.median,
                timings.tokens_per_second.best,
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
