//! The command line and its verbs, one file each.

mod ablate;
mod bench;
mod check;
mod compare;
mod convert;
mod data;
mod demo;
mod detect;
mod doctor;
mod eval;
mod export;
mod finetune;
mod import;
mod man;
pub mod metrics;
mod plan;
mod predict;
mod pretrain;
mod quantities;
mod reading;
mod report;
#[cfg(feature = "serve")]
mod serve;

use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::failure::{self, Failure};

pub use ablate::end_with_driver;

/// Pretrain ELECTRA from scratch: a small generator replaces tokens, a discriminator learns to
/// tell which.
#[derive(Parser)]
#[command(
    name = "electra",
    version,
    propagate_version = true,
    after_help = "Start here:
  electra demo                    everything once, on embedded text, in minutes
  electra plan configs/pretrain/tiny.toml
  electra pretrain configs/pretrain/tiny.toml --run runs/tiny

Exit codes: 0 done, 1 error, 2 usage, 4 training diverged, 75 interrupted (same command goes on)"
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

/// Reads the arguments of the process.
///
/// # Errors
/// What clap says of them; help and version are such an error too.
pub fn parse() -> Result<Arguments, clap::Error> {
    // Without this help has colours wherever `CI` is set, also on terminals that know no escapes.
    let colour = if crate::output::has_colours(true) { ColorChoice::Auto } else { ColorChoice::Never };
    Arguments::from_arg_matches(&Arguments::command().color(colour).try_get_matches()?)
}

/// The commands of `electra`.
#[derive(Subcommand)]
pub enum Command {
    /// Everything once, on embedded text: pretrain, detect replaced words, fine-tune a tagger
    Demo(demo::Demo),
    /// Text to shards: train a vocabulary, build, merge, inspect, verify
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Look data over before anything learns from it
    #[command(subcommand)]
    Check(check::CheckCommand),
    /// Convert data from one tool's format to another's
    #[command(subcommand)]
    Convert(convert::ConvertCommand),
    /// Pretrain a recipe, or go on with it
    Pretrain(pretrain::Pretrain),
    /// Say what a recipe will need before launching it
    Plan(plan::PlanCommand),
    /// Fine-tune a pretrained model, or go on with it
    #[command(subcommand)]
    Finetune(finetune::FinetuneCommand),
    /// Show which tokens of a text look replaced
    Detect(detect::Detect),
    /// Score predictions of names, or discriminators on one corrupted text
    #[command(subcommand)]
    Eval(eval::EvalCommand),
    /// Find entities in text of any length with a fine-tuned tagger
    Predict(predict::Predict),
    /// Serve taggers over HTTP, with JSON answers and a page to look at
    #[cfg(feature = "serve")]
    Serve(serve::Serve),
    /// Refuse to serve: this build lacks the feature `serve`
    #[cfg(not(feature = "serve"))]
    #[command(hide = true, disable_help_flag = true)]
    Serve {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        _rest: Vec<std::ffi::OsString>,
    },
    /// Write a run as other libraries read it
    #[command(subcommand)]
    Export(export::ExportCommand),
    /// Read a model of other libraries
    #[command(subcommand)]
    Import(import::ImportCommand),
    // The spelling of earlier versions; `check` takes its place.
    /// Check labelled sentences (electra check ner)
    #[command(subcommand, hide = true)]
    Ner(check::NerCommand),
    /// Train every arm of an experiment with every seed
    Ablate(ablate::Ablate),
    /// Compare arms of an experiment, or runs
    Compare(compare::Compare),
    /// Write a run's report.html
    Report(report::ReportCommand),
    /// Measure speed
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Look at this machine: devices, memory, speed, what is missing
    Doctor(doctor::Doctor),
    /// Print completions for a shell
    #[command(after_help = "Example:
  electra completions bash > ~/.local/share/bash-completion/completions/electra")]
    Completions {
        /// Shell to complete for
        shell: clap_complete::Shell,
    },
    /// Write manual pages, one for each command
    Man(man::ManPages),
}

/// Runs a command.
///
/// # Errors
/// Whatever the user should know.
pub fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Demo(command) => command.run(),
        Command::Data(command) => data::run(command).map_err(failure::data).map(|()| ExitCode::SUCCESS),
        Command::Pretrain(command) => command.run(),
        Command::Plan(command) => command.run(),
        Command::Finetune(command) => command.run(),
        Command::Detect(command) => command.run(),
        Command::Eval(command) => command.run(),
        Command::Predict(command) => command.run(),
        #[cfg(feature = "serve")]
        Command::Serve(command) => command.run(),
        #[cfg(not(feature = "serve"))]
        Command::Serve { .. } => Err(Failure::new(
            "this program was built without the HTTP service",
            "build it with the feature serve, which is on by default: `cargo build --release --features serve`",
        )),
        Command::Export(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Convert(command) => command.run(),
        Command::Ner(command) => command.run(),
        Command::Ablate(command) => command.run(),
        Command::Compare(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "electra", &mut script);
            crate::output::bytes_out(&script);
            Ok(ExitCode::SUCCESS)
        }
        Command::Man(command) => command.run(Arguments::command()),
    }
}
