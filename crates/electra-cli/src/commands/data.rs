//! `electra data`: text to shards.

mod build;
mod corpus;
mod error_report;
mod inspect;
mod json;
mod merge;
pub(super) mod meter;
mod output;
mod summary;
mod threads;
mod tokenizer;
mod verify;
pub(super) mod warnings;

use clap::Subcommand;

/// Text to shards.
#[derive(Subcommand)]
pub enum DataCommand {
    /// Train a WordPiece vocabulary; the same text gives the same vocabulary, byte by byte
    Tokenizer(tokenizer::TokenizerCommand),
    /// Build shards of token ids from text
    Build(build::BuildCommand),
    /// Join parts built with `data build --part i/n`; byte-identical to one build
    Merge(merge::MergeCommand),
    /// Show statistics and examples of a data folder
    Inspect(inspect::InspectCommand),
    /// Recompute every hash and every count of a data folder
    Verify(verify::VerifyCommand),
}

/// Runs one of the data commands.
///
/// # Errors
/// What the user can cause: each names the file, what was found and what to do.
pub fn run(command: DataCommand) -> miette::Result<()> {
    match command {
        DataCommand::Tokenizer(command) => command.run(),
        DataCommand::Build(command) => command.run(),
        DataCommand::Merge(command) => command.run(),
        DataCommand::Inspect(command) => command.run(),
        DataCommand::Verify(command) => command.run(),
    }
}
