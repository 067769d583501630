//! A run folder as one HTML file that needs nothing else: no network, no script.

mod error;
mod health;
mod history;
mod panels;
mod published;
mod tables;

use std::fs;
use std::io;
use std::path::Path;

use electra_files::regular;
use electra_run::report::{Event, environment, events, render as rendered};
use electra_run::run_folder::planned_steps;
use electra_train::ancestors;
use serde::Serialize;

pub use error::ReportError;

use history::History;

/// The content of `report.html`.
#[derive(Serialize)]
struct Page {
    name: String,
    status: String,
    facts: Vec<tables::Fact>,
    verdict: health::Verdict,
    metrics: Option<Vec<tables::Metric>>,
    measured_on: Option<String>,
    /// None of a run on one data folder.
    sources: Option<Vec<tables::Source>>,
    /// None of a run without phases.
    phases: Option<Vec<tables::PhaseRow>>,
    plan: Option<Vec<tables::Planned>>,
    panels: Vec<panels::Panel>,
    has_published: bool,
    events: Vec<Event>,
    /// None if the file is missing: a run can be reported on without it, and the page says so.
    recipe: Option<String>,
    environment: Vec<(String, String)>,
}

/// The report on a run, finished or not, as HTML.
///
/// # Errors
/// If `run_folder` is not there, lacks `run.json` or `metrics.jsonl`, or one of them cannot be read.
pub fn render(run_folder: &Path) -> Result<String, ReportError> {
    match run_folder.metadata() {
        Ok(there) if there.is_dir() => {}
        Ok(_) => return Err(ReportError::File(run_folder.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ReportError::Absent(run_folder.to_owned()));
        }
        Err(source) => return Err(ReportError::Io { path: run_folder.to_owned(), source }),
    }
    for missing in ["run.json", "metrics.jsonl"] {
        if !run_folder.join(missing).is_file() {
            return Err(ReportError::Missing { folder: run_folder.to_owned(), missing: missing.to_owned() });
        }
    }
    let history = History::read(&run_folder.join("metrics.jsonl"))?;
    let run: serde_json::Value = {
        let path = run_folder.join("run.json");
        let text = regular::read_at_most(&path, regular::MAX_LOG_BYTES)
            .map_err(|source| ReportError::Io { path: path.clone(), source })?;
        serde_json::from_slice(&text).map_err(|source| ReportError::Damaged { path, source })?
    };
    let run = with_ancestors(run, run_folder);
    let recipe = regular::read_to_string(&run_folder.join("recipe.toml")).ok();
    let is_of_all_tokens = recipe.as_deref().is_none_or(detects_among_all_tokens);
    let page = Page {
        name: name_of(run_folder),
        status: tables::status(&history, recipe.as_deref().and_then(planned_steps)),
        facts: tables::facts(&history),
        verdict: health::verdict(&history, is_of_all_tokens),
        metrics: tables::metrics(&history),
        measured_on: tables::measured_on(&history),
        sources: tables::sources(&history),
        phases: tables::phases(&history),
        plan: tables::plan(&history, disk_use(run_folder)),
        panels: panels::all(&history, is_of_all_tokens),
        has_published: panels::shows_published(&history),
        events: events(&history.records),
        recipe,
        environment: environment(&run, &history.records, &["parameters", "flops_per_step"]),
    };
    let title = format!("{} · ELECTRA run", page.name);
    Ok(rendered(&title, "", include_str!("report/report.html"), &page))
}

/// What `run.json` says, and the weights that the run began with, by their hashes.
fn with_ancestors(mut run: serde_json::Value, folder: &Path) -> serde_json::Value {
    let ancestors = ancestors(folder);
    if let Some(described) = run.as_object_mut().filter(|_| !ancestors.is_empty()) {
        let by_model = ancestors.into_iter().map(|ancestor| (ancestor.model, ancestor.weights_hash.into()));
        described.insert("began_with".to_owned(), serde_json::Value::Object(by_model.collect()));
    }
    run
}

/// Whether a recipe's objective is the paper's; one that cannot be read counts as such.
fn detects_among_all_tokens(recipe: &str) -> bool {
    let kind = recipe.parse::<toml::Table>().ok().and_then(|recipe| {
        let kind = recipe.get("objective")?.get("kind")?.as_str()?;
        Some(kind.to_owned())
    });
    kind.is_none_or(|kind| kind == "replaced-token-detection")
}

/// The name of the folder, also for `.` and `..`.
fn name_of(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map_or_else(|| whole.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Bytes of all files in a folder. What cannot be read, or disappears meanwhile, does not count.
fn disk_use(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => disk_use(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    // Files with holes have any size.
    sizes.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests;
