//! A fine-tuning run as one HTML file: learning curves, scores by type, confusion, and every
//! sentence in which something went wrong. It needs no network and no script.

mod calibration;
mod mistakes;

use std::io;
use std::path::{Path, PathBuf};

use electra_files::regular;
use electra_run::curve::{Curve, Series};
use electra_run::metric::{PanelLine, PanelPlan, panels};
use electra_run::record::{LogError, Record, read_metrics, thousands};
use electra_run::report::{Event, environment, events, render as rendered};
use serde::Serialize;
use serde_json::Value;

use crate::finetune::{PREDICTIONS_DEV, PREDICTIONS_TEST, SCORES};
use crate::metrics::METRICS;
use electra_annotations::{
    Confusion, Evaluation, EvaluationSettings, Interval, Predictions, PredictionsError, TypeScores, evaluate,
    percent_of,
};

use calibration::CalibrationPage;
use mistakes::{ErrorGroup, groups};

/// An error of reporting on a run.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ReportError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    #[diagnostic(help("name a folder that `electra finetune` has written"))]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Underlying error.
        source: io::Error,
    },
    /// The log cannot be read.
    #[error("{0}")]
    Log(
        #[from]
        #[diagnostic_source]
        LogError,
    ),
    /// Predictions cannot be read.
    #[error("{source}")]
    #[diagnostic(help("the `electra finetune` command that made the run writes the file again"))]
    Predictions {
        /// Underlying error.
        #[diagnostic_source]
        source: PredictionsError,
    },
    /// Predictions are missing at the end.
    #[error("{path} has {found} sentences, and {expected} were scored")]
    #[diagnostic(help("the `electra finetune` command that made the run writes the file again"))]
    Torn {
        /// Path of the file.
        path: PathBuf,
        /// Number of its sentences.
        found: usize,
        /// Sentences that were scored.
        expected: u64,
    },
}

/// The content of the page.
#[derive(Serialize)]
struct Page {
    name: String,
    status: String,
    facts: Vec<(String, String)>,
    curves: Vec<Drawing>,
    scored: Option<ScoredSplit>,
    calibration: Vec<CalibrationPage>,
    events: Vec<Event>,
    recipe: String,
    environment: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Drawing {
    title: &'static str,
    legend: Vec<(&'static str, &'static str)>,
    last: String,
    svg: Option<String>,
}

/// Scores and mistakes on the test data, or without any on the development data.
#[derive(Serialize)]
struct ScoredSplit {
    name: &'static str,
    rows: Vec<Row>,
    micro: Row,
    notes: Vec<String>,
    errors: Vec<(&'static str, u64)>,
    confusion: Confusion,
    mistakes: Vec<ErrorGroup>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    precision: String,
    recall: String,
    f1: String,
    gold: u64,
    predicted: u64,
}

/// Whether a folder holds a fine-tuning run, and not one of pretraining.
pub fn is_finetuning(run: &Path) -> bool {
    let first = |record: &Record| record.fields.contains_key("lineage");
    read_metrics(&run.join("metrics.jsonl")).is_ok_and(|records| records.first().is_some_and(first))
}

/// The report on a run, finished or not, as HTML.
///
/// # Errors
/// If a file that every run has cannot be read.
pub fn render(run: &Path) -> Result<String, ReportError> {
    let read = |name: &str| {
        let path = run.join(name);
        regular::read_to_string(&path).map_err(|source| ReportError::Read { path, source })
    };
    let records = read_metrics(&run.join("metrics.jsonl"))?;
    let epochs: Vec<&Record> = records.iter().filter(|record| record.kind == "epoch").collect();
    let scores: Option<Value> = read(SCORES).ok().and_then(|text| serde_json::from_str(&text).ok());
    let described: Value = serde_json::from_str(&read("run.json")?).unwrap_or_default();
    let page = Page {
        name: name_of(run),
        status: status(&records, scores.is_some()),
        facts: facts(&epochs, scores.as_ref()),
        curves: curves(&epochs),
        scored: scores.as_ref().map(|scores| scored(run, scores)).transpose()?,
        calibration: scores.as_ref().map(calibration::pages).unwrap_or_default(),
        events: events(&records),
        recipe: read("recipe.toml")?,
        environment: environment(&described, &records, &["parameters", "lineage"]),
    };
    let title = format!("{} · fine-tuning run", page.name);
    Ok(rendered(&title, include_str!("report/tagger.css"), include_str!("report/report.html"), &page))
}

/// The name of the folder with that of the folder around it: `wnut17/seed-1`.
fn name_of(run: &Path) -> String {
    let whole = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    let mut parts: Vec<String> =
        whole.iter().rev().take(2).map(|part| part.to_string_lossy().into_owned()).collect();
    parts.reverse();
    parts.join("/")
}

fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

fn status(records: &[Record], is_finished: bool) -> String {
    let end = records.last().filter(|record| record.kind == "end");
    let reason = end.and_then(|record| record.fields.get("reason")?.as_str());
    let step = thousands(records.last().map_or(0, |record| record.step));
    match reason {
        Some("finished") => format!("finished after {step} steps"),
        Some(reason) => format!("stopped at step {step}: {reason}"),
        None if is_finished => format!("finished after {step} steps"),
        None => format!("step {step}, not ended"),
    }
}

fn facts(epochs: &[&Record], scores: Option<&Value>) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let f1 = |split: &str| {
        let scores = scores?.get(split)?;
        let support = scores.get("support").and_then(Value::as_u64);
        Some(percent_of(scores.get("f1")?.as_f64()?, support.unwrap_or(1)))
    };
    for split in ["test", "dev"] {
        facts.extend(f1(split).map(|f1| (format!("{split} F1"), f1)));
    }
    let best = scores.and_then(|scores| scores.get("best_epoch")?.as_u64());
    facts.extend(best.map(|best| ("epoch kept".to_owned(), format!("{best} of {}", epochs.len()))));
    let speeds: Vec<f64> = epochs.iter().filter_map(|epoch| epoch.number("words_per_second")).collect();
    if !speeds.is_empty() {
        let mean = speeds.iter().sum::<f64>() / speeds.len() as f64;
        facts.push(("words a second".to_owned(), thousands(mean as u64)));
    }
    facts
}

fn curves(epochs: &[&Record]) -> Vec<Drawing> {
    let draw = |plan: PanelPlan| {
        let series = |line: &PanelLine| Series {
            role: line.role,
            points: epochs
                .iter()
                .filter_map(|epoch| Some((epoch.number("epoch")?, epoch.number(line.key)?)))
                .collect(),
        };
        let series: Vec<Series> = plan.lines.iter().map(series).collect();
        let last = series.first().and_then(|series| series.points.last()).map(|point| point.1);
        let curve = Curve {
            title: format!("{} by epoch", plan.title),
            last_step: epochs.len() as f64,
            series,
            seams: Vec::new(),
            limits: vec![],
            scale: plan.scale,
        };
        let small = |value: f64| value != 0.0 && value.abs() < 1e-2;
        Drawing {
            title: plan.title,
            legend: plan.lines.iter().map(|line| (line.role.class(), line.name)).collect(),
            last: last
                .map_or(String::new(), |v| if small(v) { format!("{v:.2e}") } else { format!("{v:.3}") }),
            svg: curve.svg(),
        }
    };
    panels(METRICS).map(draw).collect()
}

fn scored(run: &Path, scores: &Value) -> Result<ScoredSplit, ReportError> {
    let has_test = scores.get("test").is_some_and(|test| !test.is_null());
    let (name, file) = if has_test { ("test", PREDICTIONS_TEST) } else { ("dev", PREDICTIONS_DEV) };
    let path = run.join(file);
    let found =
        Predictions::read_of_run(&path, None).map_err(|source| ReportError::Predictions { source })?;
    let scored = scores["details"][name]["data"]["sentences"].as_u64();
    if let Some(expected) = scored.filter(|&scored| scored != found.sentences.len() as u64) {
        return Err(ReportError::Torn { path, found: found.sentences.len(), expected });
    }
    let evaluation = evaluate(std::slice::from_ref(&found), None, EvaluationSettings::default())
        .expect("a file of predictions has a tag for each token");
    let row = |name: &str, scores: &TypeScores| {
        let [precision, recall, f1] = scores.percents();
        let (gold, predicted) = (scores.gold, scores.predicted);
        Row { name: name.to_owned(), precision, recall, f1, gold, predicted }
    };
    let default = &evaluation.default;
    let warnings = scores["warnings"].as_array().map_or(&[][..], Vec::as_slice);
    Ok(ScoredSplit {
        name,
        rows: default.types.iter().map(|(kind, scores)| row(kind, scores)).collect(),
        micro: row("micro", &default.micro),
        notes: notes(&evaluation, &scores["details"][name], warnings),
        errors: evaluation.errors.list().map(|(class, count)| (class.name(), count)).to_vec(),
        mistakes: groups(&evaluation.comparison, &found.sentences),
        confusion: evaluation.confusion,
    })
}

fn notes(evaluation: &Evaluation, details: &Value, warnings: &[Value]) -> Vec<String> {
    let default = &evaluation.default;
    let mut notes = vec![format!(
        "Tokens scored {}/{}, by the rules of conlleval.",
        default.tokens_scored, default.tokens
    )];
    // The interval that was written with the scores: another one of the same result would only confuse.
    let written = serde_json::from_value::<Interval>(details["f1_interval"].clone());
    let interval = written.unwrap_or(evaluation.f1_interval);
    notes.push(match default.micro.gold {
        0 => "There is no entity to find.".to_owned(),
        _ => format!("Micro F1 {}, 95 % interval {interval}.", percent(default.micro.f1)),
    });
    if evaluation.left_out > 0 {
        notes.push(format!(
            "{} of the gold entities are not made of whole words, which no tags can say: they count as missed.",
            evaluation.left_out
        ));
    }
    if let Some(average) = default.macro_average {
        let (of_types, weighted) = (percent(average.f1), percent(default.weighted.f1));
        notes.push(format!("Macro F1 {of_types}, weighted {weighted}."));
    }
    if let Some(strict) = &evaluation.strict {
        notes.push(format!("Strict F1 {}.", percent_of(strict.micro.f1, strict.micro.gold)));
    }
    notes.extend(warnings.iter().filter_map(|warning| Some(format!("Warning: {}.", warning.as_str()?))));
    let recall = |part: &str| {
        let part = &details["seen"][part];
        Some(percent_of(part["recall"].as_f64().unwrap_or_default(), part["support"].as_u64()?))
    };
    if let (Some(seen), Some(unseen)) = (recall("seen"), recall("unseen")) {
        notes.push(format!("Recall of entities that the training data has {seen}, of others {unseen}."));
    }
    notes
}
