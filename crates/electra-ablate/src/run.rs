//! Reading the run folder of a pretraining.

mod described;
mod differences;
mod ended;

use std::io;
use std::path::{Path, PathBuf};

use electra_files::regular;
use electra_run::code::{CodeDifference, CodeVersions};
use electra_run::record::{LogError, Record, read_metrics};
use serde_json::Value;

use crate::failed::{Failed, FailedRun, Reason};
use crate::quantities::Quantities;
use crate::record::{Curve, ImpossibleNumber, Measured, ResultRecord, RunOrigin};

pub use described::{Parameters, RunDescription, TokenizerIdentity};
use differences::{differences, leaves};
pub use ended::{DivergedRun, FinishedRun};

/// An error of reading a run.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum RunError {
    /// The log cannot be read.
    #[error("{0}")]
    Log(
        #[from]
        #[diagnostic_source]
        LogError,
    ),
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    /// A file is not what runs write.
    #[error("{path} is damaged: {what}")]
    #[diagnostic(help("is {} a run of `electra pretrain`?", .path.parent().unwrap_or(.path).display()))]
    Damaged {
        path: PathBuf,
        /// A description of what is wrong.
        what: String,
    },
    /// The run was begun by code of one version and went on with another: it is no run of either.
    #[error("{path} was begun and gone on with by code of unlike versions ({}): its numbers are of neither", .differences.iter().map(CodeDifference::in_short).collect::<Vec<_>>().join(", "))]
    #[diagnostic(help("leave it out, or remove it and train it again"))]
    MixedCode {
        path: PathBuf,
        /// The parts: what they were, and what they were then.
        differences: Vec<CodeDifference>,
    },
}

/// The last step that a run has logged; 0 if there is none yet.
#[must_use]
pub fn last_step(run: &Path) -> u64 {
    // The last line of a log that grows may be torn.
    let text = regular::read_at_most(&run.join(METRICS), regular::MAX_LOG_BYTES)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default();
    let step = |line: &str| serde_json::from_str::<Value>(line).ok()?["step"].as_u64();
    text.lines().rev().find_map(step).unwrap_or(0)
}

/// Steps of all evaluations and losses that a run has; none if it is not finished.
///
/// # Errors
/// If a file of the folder cannot be read or is damaged, or code of more than one version ran.
pub fn read(run: &Path) -> Result<Option<FinishedRun>, RunError> {
    if !run.join(MODEL).is_file() {
        return Ok(None);
    }
    let (described, records) = describe(run)?;
    let evaluations: Vec<&Record> = records.iter().filter(|record| record.kind == "eval").collect();
    let Some(last) = evaluations.last().filter(|last| last.step == described.steps) else { return Ok(None) };
    let numbers = last.fields.iter().filter_map(|(key, value)| Some((key.clone(), value.as_f64()?)));
    let finished = FinishedRun {
        described,
        heldout: numbers.collect(),
        measure: last.heldout_measure(),
        curve: Curve::of(&evaluations),
        seconds: seconds(&records),
    };
    finished.check().map_err(|source| damaged(run, METRICS, source.to_string()))?;
    Ok(Some(finished))
}

/// A run whose log ends with a divergence; none if it does not.
///
/// # Errors
/// If a file of the folder cannot be read or is damaged, or code of more than one version ran.
pub fn read_diverged(run: &Path) -> Result<Option<DivergedRun>, RunError> {
    let (described, records) = describe(run)?;
    let is_end = |last: &&Record| {
        last.kind == "end" && last.fields.get("reason").is_some_and(|reason| reason == "diverged")
    };
    let diverged = records.last().filter(is_end).map(|last| DivergedRun { described, step: last.step });
    if let Some(diverged) = &diverged {
        let failed = diverged.clone().into_failed(RunOrigin::of_run("run".to_owned(), String::new()));
        failed.check().map_err(|source| damaged(run, METRICS, source.to_string()))?;
    }
    Ok(diverged)
}

/// The versions of the code that has trained in a folder; none if nothing was begun there that can be read.
///
/// # Errors
/// If code of more than one version has.
pub fn code_of(run: &Path) -> Result<Option<CodeVersions>, RunError> {
    let text = regular::read_to_string(&run.join(RUN)).unwrap_or_default();
    let Ok(described) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
    let records = read_metrics(&run.join(METRICS)).unwrap_or_default();
    one_code(run, &described, &records).map(Some)
}

/// The description of a run, and its log.
fn describe(run: &Path) -> Result<(RunDescription, Vec<Record>), RunError> {
    let text = |name: &str| {
        let path = run.join(name);
        regular::read_to_string(&path).map_err(|source| RunError::Io { path, source })
    };
    let recipe: toml::Table = text(RECIPE)?
        .parse()
        .map_err(|error: toml::de::Error| damaged(run, RECIPE, error.message().to_owned()))?;
    let described: Value =
        serde_json::from_str(&text(RUN)?).map_err(|error| damaged(run, RUN, error.to_string()))?;
    let records = read_metrics(&run.join(METRICS))?;
    let found = |table: &str, key: &str| {
        let value =
            if table.is_empty() { recipe.get(key) } else { recipe.get(table).and_then(|t| t.get(key)) };
        value.and_then(toml::Value::as_integer).and_then(|value| u64::try_from(value).ok())
    };
    let number = |table: &str, key: &str| {
        let name = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
        found(table, key).ok_or_else(|| damaged(run, RECIPE, format!("it has no {name}")))
    };
    let steps = number("train", "steps")?;
    let (rows, length) = (number("train", "batch_size")?, number("data", "sequence_length")?);
    let tokens = steps.checked_mul(rows).and_then(|rows| rows.checked_mul(length));
    let too_many =
        || damaged(run, RECIPE, format!("{steps} steps of {rows} rows of {length} tokens are too many"));
    let tokens = tokens.ok_or_else(too_many)?;
    let first = records.first().ok_or_else(|| damaged(run, METRICS, "it has no line".into()))?;
    let missing = |field: &str| damaged(run, METRICS, format!("its first line has no {field}"));
    let flops_per_step = first.number("flops_per_step").ok_or_else(|| missing("flops_per_step"))?;
    let parameters = first.fields.get("parameters").cloned().ok_or_else(|| missing("parameters"))?;
    let parameters: Parameters =
        serde_json::from_value(parameters).map_err(|error| damaged(run, METRICS, error.to_string()))?;
    let text_at = |key: &str| described[key].as_str().map(str::to_owned);
    let tokenizer = text_at("tokenizer_hash").zip(found("model", "vocab_size"));
    let described = RunDescription {
        name: recipe.get("name").and_then(toml::Value::as_str).unwrap_or_default().to_owned(),
        seed: number("", "seed")?,
        steps,
        tokens,
        flops: flops_per_step * steps as f64,
        parameters,
        data: text_at("data_hash"),
        tokenizer: tokenizer.map(|(hash, vocab_size)| TokenizerIdentity { hash, vocab_size }),
        initial_weights: text_at("model_hash"),
        code: one_code(run, &described, &records)?,
        program: text_at("program_version").unwrap_or_default(),
        recipe,
    };
    Ok((described, records))
}

/// The versions of the code that ran from the start to the end.
fn one_code(run: &Path, described: &Value, records: &[Record]) -> Result<CodeVersions, RunError> {
    let read = |code: Option<&Value>| -> Result<CodeVersions, RunError> {
        let code = code.cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        serde_json::from_value(code).map_err(|error| damaged(run, RUN, error.to_string()))
    };
    let begun = read(described.get("code"))?;
    for record in records.iter().filter(|record| ["start", "resume"].contains(&record.kind.as_str())) {
        let differences = begun.differences(&read(record.fields.get("code"))?);
        if !differences.is_empty() {
            return Err(RunError::MixedCode { path: run.to_owned(), differences });
        }
    }
    Ok(begun)
}

fn damaged(run: &Path, name: &str, what: String) -> RunError {
    RunError::Damaged { path: run.join(name), what }
}

impl FinishedRun {
    /// Refuses what cannot be.
    fn check(&self) -> Result<(), ImpossibleNumber> {
        let RunDescription { steps, tokens, flops, parameters, .. } = self.described;
        let (heldout, curve, seconds) = (&self.heldout, &self.curve, self.seconds);
        Measured { steps, tokens, flops, parameters, heldout, seconds, curve }.check()
    }
}

impl DivergedRun {
    /// The record of the failed run.
    #[must_use]
    pub fn into_failed(self, origin: RunOrigin) -> FailedRun {
        FailedRun::new(origin, self.described, Failed { step: self.step, reason: Reason::Diverged })
    }
}

impl RunOrigin {
    /// The origin of a run that no experiment planned.
    fn of_run(arm: String, hash: String) -> Self {
        Self {
            experiment: UNPLANNED.to_owned(),
            arm,
            differences: serde_json::Map::new(),
            hash,
            recipe: None,
            quantities: Quantities::new(),
        }
    }
}

/// From each start or resume to the last line before the next one: what was killed in between and
/// done again does not count.
fn seconds(records: &[Record]) -> f64 {
    let mut total = 0.0;
    let mut since = None;
    let mut last = 0.0;
    // A clock that was set back in between gives no time back.
    let passed = |since: Option<f64>, last: f64| since.map_or(0.0, |since| (last - since).max(0.0));
    for record in records {
        if record.kind == "start" || record.kind == "resume" {
            total += passed(since, last);
            since = Some(record.time);
        }
        last = record.time;
    }
    total += passed(since, last);
    (total * 1e3).round() / 1e3
}

/// The experiment of runs that none planned.
pub const UNPLANNED: &str = "runs";

/// The key of an arm of runs that no experiment planned: recipe but for seed and places, content of the data,
/// vocabulary, code, and the weights that it began with.
fn arm_key(run: &RunDescription) -> String {
    let mut recipe = run.recipe.clone();
    for key in ["seed", "name", "checkpoint", "log"] {
        recipe.remove(key);
    }
    let data = recipe.get_mut("data").and_then(toml::Value::as_table_mut);
    // Where its content is known, it is no matter where it lies.
    if let Some(data) = data.filter(|_| run.data.is_some()) {
        data.remove("path");
    }
    let weights = run.initial_weights.iter().map(|hash| format!("\n{hash}")).collect::<String>();
    format!("{recipe}\n{:?}\n{:?}\n{}{weights}", run.data, run.tokenizer, run.code.hashed())
}

/// Runs as results, for those that no experiment planned: runs that differ in their seeds alone are an arm.
/// It is called after the recipe, or after the folder of its first run where another arm has that name.
#[must_use]
pub fn results_of_runs(
    finished: Vec<(PathBuf, FinishedRun)>,
    diverged: Vec<(PathBuf, DivergedRun)>,
) -> (Vec<ResultRecord>, Vec<FailedRun>) {
    let origins: Vec<RunOrigin> = {
        let runs: Vec<(&PathBuf, &RunDescription)> = finished
            .iter()
            .map(|(path, run)| (path, &run.described))
            .chain(diverged.iter().map(|(path, run)| (path, &run.described)))
            .collect();
        let keys: Vec<String> = runs.iter().map(|(_, run)| arm_key(run)).collect();
        let is_data_known = runs.iter().all(|(_, run)| run.data.is_some());
        let first = runs.first().map(|(_, run)| leaves(&run.recipe, is_data_known)).unwrap_or_default();
        let first_of = |i: usize| keys.iter().position(|other| *other == keys[i]).unwrap_or(i);
        let origin = |i: usize| {
            let (path, run) = runs[first_of(i)];
            let is_shared = (0..runs.len()).any(|k| runs[k].1.name == run.name && first_of(k) != first_of(i));
            let arm = if is_shared { path.display().to_string() } else { run.name.clone() };
            let hash = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
            let recipe = Some(hash(&keys[i]));
            let run = runs[i].1;
            let differences = differences(&first, &leaves(&run.recipe, is_data_known));
            RunOrigin { recipe, differences, ..RunOrigin::of_run(arm, hash(&run.recipe.to_string())) }
        };
        (0..runs.len()).map(origin).collect()
    };
    let mut origins = origins.into_iter();
    let finished = finished.into_iter().zip(origins.by_ref());
    let finished = finished.map(|((_, run), origin)| ResultRecord::new(origin, run, None)).collect();
    let failed = diverged.into_iter().zip(origins).map(|((_, run), origin)| run.into_failed(origin));
    (finished, failed.collect())
}

const MODEL: &str = "model.safetensors";
const METRICS: &str = "metrics.jsonl";
const RECIPE: &str = "recipe.toml";
const RUN: &str = "run.json";

#[cfg(test)]
mod tests;
