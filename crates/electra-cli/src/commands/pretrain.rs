//! `electra pretrain`: runs a recipe to its end, from wherever it stands.

mod init_options;
mod micro_batches;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use electra_files::durable;
use electra_files::shown::shell_word;
use electra_kernels::{KEEPS_KERNELS, card};
use electra_pretrain::least_memory::LeastMemory;
use electra_pretrain::plan::{DataSize, Machine, forecast_on};
use electra_pretrain::recipe::{self, Recipe};
use electra_pretrain::report;
use electra_pretrain::{Environment, Estimate, InitialWeights, RunEnd, RunSetup, TrainError, pretrain_on};
use electra_ranks::Communicator;
use electra_run::interrupt::Interrupt;
use electra_run::recipe::{Resolved, attribute_to_override, load};

use crate::device::{self, DeviceName, use_threads};
use crate::failure::{self, Failure};
use crate::gemm_peak;
use crate::limits;
use crate::output;
use crate::ranks::{self, agreed};
use crate::watch;

pub use init_options::{InitOptions, load_recipe_on, run_of};
pub use micro_batches::{
    decide_for as decide_micro_batches_for, decide_on as decide_micro_batches_on, lines as micro_batch_lines,
};

/// Pretrain a recipe, or go on with it.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  electra pretrain configs/pretrain/tiny.toml --run runs/tiny
  electra pretrain configs/pretrain/small.toml --set train.batch_size=64 \\
    --set schedule.learning_rate=3e-4
  electra pretrain configs/pretrain/continue.toml --init runs/tiny \\
    --set data.path=data/domain --run runs/domain
  mpirun -n 4 electra pretrain configs/pretrain/small.toml --run runs/small
  electra pretrain configs/pretrain/continue.toml \\
    --init electra-small-discriminator --init-generator electra-small-generator \\
    --set data.path=data/domain --run runs/domain

With --init the recipe may leave out [model], or keys of it: the sizes are those of the weights. What the \
weights lack starts as the recipe has it; init.json in the run folder lists every tensor. The run has its own \
schedule, from step 0 on, and the data has to be built with the tokenizer of the weights or with one that \
extends it (data tokenizer --extend). A run that goes on needs no --init; another one is refused.

A recipe may have [[phases]], as configs/pretrain/small-phases.toml has short rows first and long ones at \
the end: one run with one curve, which goes on in the middle and across the seam. See docs/recipes.md.

The same command again goes on where the run stands; name, data.path, [evaluate], [checkpoint] and [log] of \
the recipe may have changed by then. Ctrl-C and SIGTERM finish the step, save and exit with 75; a second \
Ctrl-C ends at once and loses the steps since the last checkpoint.

Built with the feature mpi, several processes (mpirun -n N, srun --mpi=pmix) share every step and end with the \
weights of one; see docs/distributed.md.")]
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
        let interrupt = Interrupt::listen().map_err(Failure::of_system)?;
        let ranks = ranks::join(&interrupt)?;
        let communicator = Communicator::new(&*ranks);
        ranks::code_of(&communicator, self.run_on(&communicator, &interrupt))
    }

    fn run_on(self, communicator: &Communicator<'_>, interrupt: &Interrupt) -> Result<ExitCode, Failure> {
        let Loaded { threads, weights, recipe, run } = agreed(communicator, self.load())?;
        let (recipe, micro_batches) =
            decide_micro_batches_on(communicator, recipe, self.with.device, Some(&run))?;
        if self.display != watch::Display::Quiet {
            for line in micro_batch_lines(&recipe.value, &micro_batches) {
                eprintln!("micro-batches: {line}");
            }
        }
        let display = if communicator.is_first() { self.display } else { watch::Display::Quiet };
        let mut monitor = agreed(communicator, watch::monitor(display, interrupt, &run))?;
        let notice = "timing a few steps to predict the run (--no-plan skips this)";
        let begin = Begin {
            speed_test_notice: (!self.no_plan).then_some(notice),
            verify_data: !self.no_verify,
            display,
            weights,
        };
        let device = self.with.device;
        let outcome =
            train_on(communicator, &recipe, device, threads, run.clone(), begin, interrupt, &mut *monitor);
        drop(monitor);
        if communicator.is_first() && outcome.as_ref().is_err_and(Failure::is_divergence) {
            // The error is worth more than a report that fails.
            let _ = write_report(&run);
        }
        let ended = outcome?;
        let said = if communicator.is_first() { self.tell_end(&run, &recipe.value, ended) } else { Ok(()) };
        // A launcher ends all as soon as the first of them ends.
        agreed(communicator, said)?;
        Ok(match ended {
            RunEnd::Finished => ExitCode::SUCCESS,
            RunEnd::Interrupted => ExitCode::from(failure::INTERRUPTED),
        })
    }

    /// Writes the report, and says how the run has ended.
    fn tell_end(&self, run: &Path, recipe: &Recipe, ended: RunEnd) -> Result<(), Failure> {
        write_report(run)?;
        match ended {
            RunEnd::Finished if self.display != watch::Display::Quiet => {
                eprintln!("\nDone. Report: {}", run.join("report.html").display());
                if recipe.architecture().detects() {
                    let model = shell_word(&run.display().to_string());
                    eprintln!("Next: electra detect --model {model} \"The quick brown fox\"");
                }
            }
            RunEnd::Finished => {}
            RunEnd::Interrupted => {
                report_interruption(self.display);
            }
        }
        Ok(())
    }

    fn load(&self) -> Result<Loaded, Failure> {
        let threads = use_threads(self.with.threads)?;
        let folder = self.run.as_deref();
        let weights = self.weights.open_for_run(folder, &self.recipe)?;
        let recipe = load_recipe_on(&self.recipe, &self.with.overrides, weights.as_ref(), folder)?;
        let run = self.run.clone().unwrap_or_else(|| run_of(&recipe.value.name));
        Ok(Loaded { threads, weights, recipe, run })
    }
}

/// The settings of a run that each rank reads for itself: threads, initial weights, recipe and folder.
struct Loaded {
    threads: usize,
    weights: Option<InitialWeights>,
    recipe: Resolved<Recipe>,
    run: PathBuf,
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

/// Runs a resolved recipe in one process.
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
    train_on(&Communicator::alone(), recipe, device_name, threads, run, begin, interrupt, monitor)
}

/// Runs a resolved recipe on the ranks that there are.
#[allow(clippy::too_many_arguments, reason = "a run is a function of all of these")]
fn train_on(
    communicator: &Communicator<'_>,
    recipe: &Resolved<Recipe>,
    device_name: DeviceName,
    threads: usize,
    run: PathBuf,
    begin: Begin,
    interrupt: &Interrupt,
    monitor: &mut dyn electra_pretrain::Monitor,
) -> Result<RunEnd, Failure> {
    let r = &recipe.value;
    let opened = check_memory(r, device_name)
        .and_then(|()| device_name.open_with(r.train.precision).map_err(Failure::from));
    let device = agreed(communicator, opened)?;
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
    let to_pretrain_error = |error: TrainError| {
        ranks::speak_for_first(communicator, &error);
        failure::training(error)
    };
    let claim =
        RunSetup::take_on(communicator, recipe, &environment, begin.weights).map_err(to_pretrain_error)?;
    let plan = match begin.speed_test_notice.filter(|_| communicator.is_first() && !claim.has_begun()) {
        Some(notice) => {
            if begin.display != watch::Display::Quiet {
                eprintln!("{notice}");
            }
            let size = DataSize::of_run(claim.data());
            let forecast =
                forecast_on(Machine { ranks: communicator.size(), network: None }, r, &device, 3, &size);
            forecast
                .map(|forecast| Some(forecast.plan))
                .map_err(|divergence| failure::training(divergence.into()))
        }
        None => Ok(None),
    };
    let plan = agreed(communicator, plan)?;
    // Of the first rank alone, whose log it is for.
    let peak = communicator.is_first().then(|| gemm_peak::measure(&device, r.train.precision));
    let foreseen = Estimate { peak_flops: peak, plan };
    pretrain_on(communicator, recipe, &environment, claim, foreseen, interrupt, monitor)
        .map_err(to_pretrain_error)
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
