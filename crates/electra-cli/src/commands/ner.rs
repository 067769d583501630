//! `electra ner`: labelled sentences.

mod check;
mod findings;
mod reading;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;

/// Named entity recognition.
#[derive(Subcommand)]
pub enum NerCommand {
    /// Look a data set over: schemes, types, invalid tags, lengths, duplicates, leaks
    Check(check::CheckCommand),
}

/// Runs one of the commands.
///
/// # Errors
/// What the user can cause: each names the file, what was found and what to do.
pub fn run(command: NerCommand) -> Result<ExitCode, Failure> {
    match command {
        NerCommand::Check(command) => command.run(),
    }
}
