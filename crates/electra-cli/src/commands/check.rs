//! `electra check`: what is wrong with data, before anything learns from it.

pub mod findings;
mod folds;
mod ner;
mod suspects;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;

/// Check data before anything learns from it.
#[derive(Subcommand)]
pub enum CheckCommand {
    /// Labelled sentences: schemes, types, invalid tags, lengths, duplicates, leaks between files
    Ner(ner::CheckNer),
}

/// The spelling of earlier versions, `electra ner check`.
#[derive(Subcommand)]
pub enum NerCommand {
    /// Labelled sentences: schemes, types, invalid tags, lengths, duplicates, leaks between files
    Check(ner::CheckNer),
}

impl CheckCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// What the user can cause: each names the file, what was found and what to do.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let Self::Ner(command) = self;
        command.run()
    }
}

impl NerCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// Those of `electra check ner`.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let Self::Check(command) = self;
        command.run()
    }
}
