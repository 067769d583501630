//! `electra ablate`: trains every arm of an experiment with every seed, and compares them.

mod check_probes;
mod child;
mod driver;
mod driver_process;
mod dry_run;
mod job;
mod judging;
mod metric;
mod probe;
mod progress;
mod recipes;
mod replacement_source;
mod setup;
mod slurm;
mod stage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use electra_ablate::experiment::{EXPERIMENT, Seeds};
use electra_ablate::table;
use electra_run::interrupt::Interrupt;
use electra_run::lock::{Lock, LockError};
use electra_run::process;

use crate::commands::compare;
use crate::commands::pretrain::report_interruption;
use crate::device::{self, DeviceName, MAX_THREADS};
use crate::failure::{self, Failure};
use crate::ranks::refuse_several;
use crate::watch::Display;
use driver::Driver;
pub use driver_process::end_with_driver;
pub(super) use probe::recipe_hash;
pub(super) use recipes::Recipes;
use setup::Setup;

/// Train every arm of an experiment with every seed, and compare them.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  electra ablate experiments/001-generator-size --dry-run
  electra ablate experiments/001-generator-size --jobs 2 --threads 1
  electra ablate experiments/001-generator-size/experiment.toml --seeds 1..3
  electra ablate experiments/001-generator-size --emit slurm > array.sh

The file names a base recipe, arms that differ from it, seeds and, if wanted, a probe: fine-tuning of every \
pretrained model, which is looked over before the first step and by --dry-run, as is whether arms will have \
the metric that compares them. Each run is a process of its own in OUT/runs/HASH, where the hash is that of \
recipe, data and versions of the code; what remains of it is a file in results/ beside the experiment, and \
report.html compares them all. The experiment may be renamed; an arm that is edited needs runs of its own.

When the runs are finished, each discriminator is judged as `electra eval detection` does it, on text that \
is corrupted alike for all arms: with samples of the base arm's generator of the same seed, and from the \
frequencies of words. Results of older programs get these figures where their runs are still there.

The same command again skips what is finished and goes on with what was cut, by kill -9 as well. Ctrl-C and \
SIGTERM reach the runs, which save, and end with exit code 75. A run that fails is listed at the end, with \
exit code 1, and the others go on. One that diverges leaves a file in results/ as well, until it succeeds: \
means say of how many seeds they are. --dry-run also tells what differs between arms beside what they name.")]
pub struct Ablate {
    /// Experiment in TOML, or the folder of an experiment.toml
    experiment: PathBuf,
    /// Runs at the same time [default: 1; with --emit as many as the scheduler has room for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Seeds instead of the file's: 1..6 is six of them, 1,4,9 three
    #[arg(long, value_name = "SEEDS")]
    seeds: Option<Seeds>,
    /// Print a script for another scheduler that runs the same arms, and run nothing
    #[arg(long, value_enum, value_name = "SCHEDULER", conflicts_with = "only")]
    emit: Option<Scheduler>,
    /// Print arms, sizes, steps and predicted hours, and run nothing
    #[arg(long, conflicts_with_all = ["emit", "only"])]
    dry_run: bool,
    /// Stop at the first run that fails; the others save
    #[arg(long, conflicts_with_all = ["emit", "dry_run"])]
    fail_fast: bool,
    /// Folder of the runs [default: runs/NAME, with the experiment's name]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// CPU threads of each run [default: all cores divided by --jobs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MAX_THREADS as i64))]
    threads: Option<u16>,
    #[arg(long, default_value = "flex", help = device::HELP)]
    device: DeviceName,
    /// Do the run with this number alone, from 0: a task of an array job
    #[arg(long, value_name = "INDEX")]
    only: Option<usize>,
}

/// The scheduler that runs the arms in place of this command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scheduler {
    /// An array job of Slurm
    Slurm,
}

impl Ablate {
    /// Runs the command.
    ///
    /// # Errors
    /// If the experiment is wrong, or its folders cannot be used.
    pub fn run(self) -> Result<ExitCode, Failure> {
        for path in [Some(&self.experiment), self.out.as_ref()].into_iter().flatten() {
            failure::utf8(path, "the commands of its runs")?;
        }
        refuse_several("an experiment")?;
        let experiment = file_of(&self.experiment)?;
        let jobs = self.jobs.map_or(1, usize::from);
        let threads = self.threads.map_or_else(|| (process::cpu_count() / jobs).max(1), usize::from);
        let setup = Setup::load(&experiment, self.seeds.as_ref(), self.out, threads, self.device)?;
        if let Some(Scheduler::Slurm) = self.emit {
            setup.check_probes(&[])?;
            let script = slurm::script(&setup, self.seeds.as_ref(), self.jobs)?;
            crate::output::bytes_out(script.as_bytes());
            return Ok(ExitCode::SUCCESS);
        }
        if self.dry_run {
            return dry_run::print(&setup, jobs);
        }
        setup.check_data()?;
        let found = setup.check_results()?;
        setup.check_probes(&found)?;
        let indices = match self.only {
            None => (0..setup.plan.jobs.len()).collect(),
            Some(index) if index < setup.plan.jobs.len() => vec![index],
            Some(index) => {
                let help = format!("the experiment has runs 0 to {}", setup.plan.jobs.len() - 1);
                return Err(Failure::new(format!("--only {index}"), help));
            }
        };
        let interrupt = Interrupt::listen().map_err(Failure::of_system)?;
        electra_files::disk::create_folders(&setup.out)
            .map_err(|e| Failure::of_file("create", &setup.out, &e))?;
        // Tasks of an array share the folder: each has the lock of its run alone.
        let _lock = match self.only {
            None => Some(Lock::acquire(&setup.out.join("lock")).map_err(in_use)?),
            Some(_) => None,
        };
        let ended = Driver::new(&setup, &interrupt, jobs, self.fail_fast, indices, &found).run()?;
        if self.only.is_none() {
            let comparison = compare::of_experiment(&setup.file)?;
            println!("{}", table::text(&comparison));
            let path = compare::write_report(&comparison, &setup.file.folder().join(compare::REPORT))?;
            eprintln!("Report: {}", path.display());
        }
        for failed in &ended.failed {
            eprintln!("\nfailed: {}, log: {}\n{}", failed.name, failed.log.display(), failed.error);
        }
        if ended.interrupted {
            return Ok(report_interruption(Display::Lines));
        }
        if ended.failed.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        let message = format!("{} of {} failed", ended.failed.len(), table::with_noun(ended.of, "run"));
        Err(Failure::new(message, "the same command tries them again, and skips what is finished"))
    }
}

/// The file of an experiment that was named by itself or by its folder.
fn file_of(path: &Path) -> Result<PathBuf, Failure> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let file = path.join(EXPERIMENT);
    if file.is_file() {
        return Ok(file);
    }
    let message = format!("{} is a folder without {EXPERIMENT}", path.display());
    Err(Failure::new(message, "name the file of an experiment, or the folder that holds it"))
}

/// The folder is that of `--out` here.
fn in_use(error: LockError) -> Failure {
    Failure::of_out(&error)
}
