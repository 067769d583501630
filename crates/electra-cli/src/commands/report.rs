//! `electra report`: writes a run's report again.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::commands::pretrain::write_report;
use crate::failure::Failure;

/// Write a run's report.html: one file with curves, metrics and recipe.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  electra report runs/tiny")]
pub struct ReportCommand {
    /// Run folder, finished or not
    run: PathBuf,
}

impl ReportCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If the folder is no run.
    pub fn run(self) -> Result<ExitCode, Failure> {
        println!("{}", write_report(&self.run)?.display());
        Ok(ExitCode::SUCCESS)
    }
}
