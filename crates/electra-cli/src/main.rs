//! `electra`: pretrains ELECTRA from scratch and uses what it learned.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

// First: its macros stand for those of the standard library in all that follows.
#[macro_use]
mod output;

mod commands;
mod device;
mod failure;
mod gemm_peak;
mod limits;
mod watch;
mod watchdog;

use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser};
use electra_kernels::CacheLineAllocator;

#[global_allocator]
static MEMORY: CacheLineAllocator = CacheLineAllocator;

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
struct Arguments {
    #[command(subcommand)]
    command: commands::Command,
}

fn parse() -> Result<Arguments, clap::Error> {
    // Without this help has colours wherever `CI` is set, also on terminals that know no escapes.
    let colour = if output::has_colours(true) { ColorChoice::Auto } else { ColorChoice::Never };
    Arguments::from_arg_matches(&Arguments::command().color(colour).try_get_matches()?)
}

fn main() -> ExitCode {
    // Activations come and go with every step; returned to the system, they would cost page faults.
    electra_kernels::keep_freed_memory();
    limits::end_with_a_sentence();
    failure::choose_look();
    let arguments = match parse() {
        Ok(arguments) => arguments,
        Err(error) => return failure::usage(error),
    };
    let end = commands::end_with_driver()
        .and_then(|()| Ok(watchdog::start()?))
        .and_then(|()| commands::run(arguments.command));
    match end {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
