//! `electra report`: writes a run's report again.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use electra_files::durable;
use electra_ner::{SUMMARY, is_finetuning, render_report};

use crate::commands::pretrain::write_report;
use crate::failure::Failure;

/// Write a run's report.html: one file with curves, metrics and recipe.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  electra report runs/tiny
  electra report runs/wnut17/seed-1
  electra report runs/wnut17

Of a folder that `electra finetune` has written, every seed gets a report.")]
pub struct ReportCommand {
    /// Folder of a run of pretraining or fine-tuning, finished or not, or of several seeds
    run: PathBuf,
}

impl ReportCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If the folder is no run.
    pub fn run(self) -> Result<ExitCode, Failure> {
        for run in runs(&self.run)? {
            let path = if is_finetuning(&run) { write_tagger_report(&run) } else { write_report(&run) };
            println!("{}", path?.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The runs of several seeds, or the folder itself.
fn runs(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !folder.join(SUMMARY).is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|e| {
        Failure::new(format!("cannot read {}: {e}", folder.display()), "name a folder of runs")
    })?;
    let is_run = |path: &PathBuf| is_finetuning(path);
    let mut runs: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(is_run).collect();
    runs.sort();
    Ok(runs)
}

/// Writes `report.html` into the folder of a fine-tuning run.
///
/// # Errors
/// If it cannot be rendered or written.
pub fn write_tagger_report(run: &Path) -> Result<PathBuf, Failure> {
    let html = render_report(run)?;
    let path = run.join("report.html");
    durable::write(&path, html.as_bytes()).map_err(|e| Failure::of_file("write", &path, &e))?;
    Ok(path)
}
