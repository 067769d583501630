//! `electra pretrain`: runs a recipe to its end, from wherever it stands.

mod init_options;
mod micro_batches;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use electra_files::durable;
use electra_files::shown::shell_word;
use electra_kernels::{KEEPS_KERNELS, card};
use electra_pretrain::least_memory::LeastMemory;
use electra_pretrain::plan::{DataSize, forecast};
use electra_pretrain::recipe::{self, Recipe};
use electra_pretrain::report;
use electra_pretrain::{Environment, Estimate, InitialWeights, RunEnd, RunSetup, pretrain};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::{Resolved, attribute_to_override, load};

use crate::device::{self, DeviceName, use_threads};
use crate::failure::{self, Failure};
use crate::gemm_peak;
use crate::limits;
use crate::output;
use crate::watch;

pub use init_options::{InitOptions, load_recipe_on, run_of};
pub use micro_batches::{decide as decide_micro_batches, in_words as micro_batches_in_words};

/// Pretrain a recipe, or go on with it.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  electra pretrain configs/pretrain/tiny.toml --run runs/tiny
  electra pretrain configs/pretrain/small.toml --set train.batch_size=64 \\
    --set schedule.learning_rate=3e-4
  electra pretrain configs/pretrain/continue.toml --init runs/tiny \\
    --set data.path=data/domain --run runs/domain
  electra pretrain configs/pretrain/continue.toml \\
    --init electra-small-discriminator --init-generator electra-small-generator \\
    --set data.path=data/domain --run runs/domain

With --init the recipe may leave out [model], or keys of it: the sizes are those of the weights. What the \
weights lack starts as the recipe has it; init.json in the run folder lists every tensor. The run has its own \
schedule, from step 0 on, and the data has to be built with the tokenizer of the weights or with one that \
extends it (data tokenizer --extend). A run that goes on needs no --init; another one is refused.

The same command again goes on where the run stands; name, data.path, [evaluate], [checkpoint] and [log] of \
the recipe may have changed by then. Ctrl-C and SIGTERM finish the step, save and exit with 75; a second \
Ctrl-C ends at once and loses the steps since the last checkpoint.")]
pub struct Pretrain {
    /// Recipe in TOML, such as configs/pretrain/tiny.toml
    pub recipe: PathBuf,
    #[command(flatten)]
    pub with: RecipeOptions,
    #[command(flatten)]
    pub weights: InitOptions,
    /// Run folder [default: runs/NAME, with the recipe's name]
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Display of the run's progress
    #[arg(long, value_enum, default_value_t = watch::Display::Auto)]
    pub display: watch::Display,
    /// Start without predicting time and memory first
    #[arg(long)]
    pub no_plan: bool,
    /// Start without recomputing the hashes of the data
    #[arg(long)]
    pub no_verify: bool,
}

/// Options of every command on a recipe.
#[derive(clap::Args)]
pub struct RecipeOptions {
    /// Change a value of the recipe (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    #[arg(long, default_value = "flex", help = device::HELP)]
    pub device: DeviceName,
    /// CPU threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// Loads and checks a recipe.
///
/// # Errors
/// With the caret under the offending text.
pub fn load_recipe(path: &Path, overrides: &[String]) -> Result<Resolved<Recipe>, Failure> {
    let read = |overrides: &[String]| {
        let resolved: Resolved<Recipe> = load(path, overrides)?;
        recipe::check(&resolved)?;
        Ok(resolved)
    };
    attribute_to_override(overrides, read).map_err(failure::recipe)
}

/// Refuses a recipe that needs more memory than there is.
///
/// # Errors
/// What it needs, and what there is.
pub fn check_memory(recipe: &Recipe, device: DeviceName) -> Result<(), Failure> {
    limits::memory(&format!("the recipe {:?}", recipe.name), LeastMemory::of(recipe).total(), device)
}

impl Pretrain {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever keeps the run from going on.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let threads = use_threads(self.with.threads)?;
        let folder = self.run.as_deref();
        let weights = self.weights.open_for_run(folder, &self.recipe)?;
        let recipe = load_recipe_on(&self.recipe, &self.with.overrides, weights.as_ref(), folder)?;
        let run = self.run.unwrap_or_else(|| run_of(&recipe.value.name));
        let (recipe, micro_batches) = decide_micro_batches(recipe, self.with.device, Some(&run))?;
        if let Some(choice) = micro_batches
            && self.display != watch::Display::Quiet
        {
            eprintln!("micro-batches: {}", micro_batches_in_words(choice));
        }
        let interrupt = Interrupt::listen().map_err(Failure::of_system)?;
        let mut monitor = watch::monitor(self.display, &interrupt, &run)?;
        let notice = "timing a few steps to predict the run (--no-plan skips this)";
        let begin = Begin {
            speed_test_notice: (!self.no_plan).then_some(notice),
            verify_data: !self.no_verify,
            display: self.display,
            weights,
        };
        let outcome =
            train(&recipe, self.with.device, threads, run.clone(), begin, &interrupt, &mut *monitor);
        drop(monitor);
        if outcome.as_ref().is_err_and(Failure::is_divergence) {
            // The error is worth more than a report that fails.
            let _ = write_report(&run);
        }
        let ended = outcome?;
        write_report(&run)?;
        match ended {
            RunEnd::Finished => {
                if self.display != watch::Display::Quiet {
                    eprintln!("\nDone. Report: {}", run.join("report.html").display());
                    if recipe.value.architecture().detects() {
                        let model = shell_word(&run.display().to_string());
                        eprintln!("Next: electra detect --model {model} \"The quick brown fox\"");
                    }
                }
                Ok(ExitCode::SUCCESS)
            }
            RunEnd::Interrupted => Ok(report_interruption(self.display)),
        }
    }
}

/// Says that a run was interrupted, if anybody reads it, and gives the exit code for that.
pub fn report_interruption(display: watch::Display) -> ExitCode {
    if display != watch::Display::Quiet {
        let _ = output::try_line_err(format_args!("\nInterrupted and saved. The same command goes on."));
    }
    ExitCode::from(failure::INTERRUPTED)
}

/// The preparation of a run before its first step.
#[derive(Clone, Debug)]
pub struct Begin {
    /// The line that announces the speed test from which time and memory of a new run are predicted; `None` for no
    /// prediction.
    pub speed_test_notice: Option<&'static str>,
    /// Recompute the hashes of the data.
    pub verify_data: bool,
    /// The display of the run's progress.
    pub display: watch::Display,
    /// The weights that the run begins with.
    pub weights: Option<InitialWeights>,
}

/// Runs a resolved recipe.
///
/// # Errors
/// Whatever keeps the run from going on.
pub fn train(
    recipe: &Resolved<Recipe>,
    device_name: DeviceName,
    threads: usize,
    run: PathBuf,
    begin: Begin,
    interrupt: &Interrupt,
    monitor: &mut dyn electra_pretrain::Monitor,
) -> Result<RunEnd, Failure> {
    let r = &recipe.value;
    check_memory(r, device_name)?;
    let device = device_name.open_with(r.train.precision)?;
    let environment = Environment {
        device: device.clone(),
        device_name: device_name.to_string(),
        threads,
        run,
        program_version: concat!("electra ", env!("CARGO_PKG_VERSION")).into(),
        verify_data: begin.verify_data,
    };
    if card(&device).is_some() && begin.display != watch::Display::Quiet {
        let again = if KEEPS_KERNELS { "the first time" } else { "in every process" };
        eprintln!(
            "kernels for {device_name} are compiled when they are first used, which takes a while {again}"
        );
    }
    // Before anything that takes time: the folder may be in use.
    let claim = RunSetup::take_with(recipe, &environment, begin.weights).map_err(failure::training)?;
    let plan = match begin.speed_test_notice.filter(|_| !claim.has_begun()) {
        Some(notice) => {
            if begin.display != watch::Display::Quiet {
                eprintln!("{notice}");
            }
            let forecast = forecast(r, &device, 3, Some(DataSize::of(claim.data())));
            Some(forecast.map_err(|divergence| failure::training(divergence.into()))?.plan)
        }
        None => None,
    };
    let foreseen = Estimate { peak_flops: Some(gemm_peak::measure(&device, r.train.precision)), plan };
    pretrain(recipe, &environment, claim, foreseen, interrupt, monitor).map_err(failure::training)
}

/// Writes `report.html` into a run folder.
///
/// # Errors
/// If it cannot be rendered or written.
pub fn write_report(run: &Path) -> Result<PathBuf, Failure> {
    let html = report::render(run)?;
    let path = run.join("report.html");
    durable::write(&path, html.as_bytes()).map_err(|e| Failure::of_file("write", &path, &e))?;
    Ok(path)
}
