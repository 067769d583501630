//! `metrics.jsonl`: one JSON object a line, and the truth about a run.
//!
//! Every line has `kind`, `step` (steps done when it was written) and `time` (Unix seconds); the
//! other fields follow from the kind: "start" and "resume" ([`RunRecord`] in pretraining), "event"
//! (`message`), "end" (`seconds`, `tokens`, `reason`, and `weights_hash` of a finished pretraining). What
//! is measured has kinds of the task: "train" and "eval" in pretraining, "epoch" in fine-tuning.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use electra_files::disk::{self, DiskFile};
use electra_files::{durable, regular};

use crate::code::CodeVersions;

/// The log of a run, open for appending.
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: DiskFile,
}

/// The first line of a run's log, or of a resume of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Hash of the resolved recipe.
    pub recipe_hash: String,
    /// Versions of what code decides, from this line on.
    #[serde(default, skip_serializing_if = "CodeVersions::is_first")]
    pub code: CodeVersions,
    /// Parameter counts by part, or whatever else describes the model.
    pub parameters: Value,
    /// Floating-point operations of one training step.
    pub flops_per_step: f64,
    /// The prediction made before the start.
    pub plan: Option<Plan>,
    /// The number of processes that train together, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranks: Option<usize>,
}

/// The predicted needs of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Seconds for all steps.
    pub seconds: f64,
    /// Tokens that all steps read, padding counted.
    pub tokens: u64,
    /// The number of epochs, fractions included.
    pub epochs: f64,
    /// Tokens read in a second, padding not counted.
    pub tokens_per_second: f64,
    /// The most resident memory, in units of 10^6 bytes.
    pub peak_rss_mb: f64,
    /// The predicted size of the run folder, in units of 10^6 bytes.
    pub disk_mb: f64,
}

/// Which held-out rows an evaluation read. Numbers over other rows are another measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldoutRows {
    /// All held-out rows.
    All,
    /// A number of rows, spread evenly over all.
    Spread,
    /// A number of rows, the first ones. Records that do not say what they read have read these, or all.
    First,
}

/// The held-out rows that an evaluation was made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldoutMeasure {
    /// The choice of rows.
    pub rows: HeldoutRows,
    /// The number of examples.
    pub examples: u64,
}

impl std::fmt::Display for HeldoutMeasure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let examples = super::thousands(self.examples);
        match self.rows {
            HeldoutRows::All => write!(f, "all {examples} held-out rows"),
            HeldoutRows::Spread => write!(f, "{examples} held-out rows, spread evenly"),
            HeldoutRows::First => write!(f, "the first {examples} held-out rows"),
        }
    }
}

/// One line of a log as read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// "train", "eval", ...
    pub kind: String,
    /// Steps done when it was written.
    pub step: u64,
    /// The time of the record, in seconds since the Unix epoch.
    pub time: f64,
    /// The other fields of the record.
    pub fields: Map<String, Value>,
}

/// An error of writing or reading a log.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot {action} {path}: {source}")]
pub struct LogError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl MetricsLog {
    /// Opens the log at `path` for a run that continues after `step` steps.
    ///
    /// A new log begins with a "start" line. In one that is there, lines of later steps belong to a
    /// future that was abandoned: they are removed, with any line that a crash tore, and a "resume"
    /// line follows the rest.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn open(path: impl Into<PathBuf>, step: u64, run: &impl Serialize) -> Result<Self, LogError> {
        let path = path.into();
        disk::refuse_link(&path).map_err(error("open", &path))?;
        let resumed = fs::metadata(&path).is_ok_and(|file| file.len() > 0);
        if resumed {
            forget_after(&path, step)?;
        }
        let file = DiskFile::append(&path).map_err(error("open", &path))?;
        let mut log = Self { path, file };
        log.write(if resumed { "resume" } else { "start" }, step, run)?;
        Ok(log)
    }

    /// Writes a line: what a task measures.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn line(&mut self, kind: &str, step: u64, record: &impl Serialize) -> Result<(), LogError> {
        self.write(kind, step, record)
    }

    /// Writes an "event" line: something a reader of the report should know.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn event(&mut self, step: u64, message: &str) -> Result<(), LogError> {
        self.write("event", step, &json!({ "message": message }))
    }

    /// Writes an "end" line: seconds since the start or the last resume, tokens read in all, and why
    /// the run ends.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn end(&mut self, step: u64, seconds: f64, tokens: u64, reason: &str) -> Result<(), LogError> {
        self.write("end", step, &json!({ "seconds": seconds, "tokens": tokens, "reason": reason }))
    }

    /// Numbers that are not finite become null, as JSON has it.
    fn write(&mut self, kind: &str, step: u64, fields: &impl Serialize) -> Result<(), LogError> {
        let fields = serde_json::to_value(fields).expect("records are plain JSON");
        let Value::Object(fields) = fields else {
            panic!("the fields of a record are {fields}, not an object")
        };
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        let mut line = json!({ "kind": kind, "step": step, "time": (time * 1e3).round() / 1e3 });
        line.as_object_mut().expect("it was written as one").extend(fields);
        // In one piece, so that readers and crashes find whole lines nearly always.
        self.file.write_all(format!("{line}\n").as_bytes()).map_err(error("write", &self.path))
    }
}

/// Reads a log. Torn lines, which only a crash leaves, are passed over.
///
/// # Errors
/// If the file cannot be read.
pub fn read_metrics(path: &Path) -> Result<Vec<Record>, LogError> {
    let bytes = regular::read_at_most(path, regular::MAX_LOG_BYTES).map_err(error("read", path))?;
    Ok(bytes.split(|&byte| byte == b'\n').filter_map(Record::parse).collect())
}

impl Record {
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let mut fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
        let kind = fields.shift_remove("kind")?.as_str()?.to_owned();
        let step = fields.shift_remove("step")?.as_u64()?;
        let time = fields.shift_remove("time")?.as_f64()?;
        Some(Self { kind, step, time, fields })
    }

    /// The held-out rows that an "eval" record says it was made on.
    #[must_use]
    pub fn heldout_measure(&self) -> Option<HeldoutMeasure> {
        serde_json::from_value(self.fields.get("heldout")?.clone()).ok()
    }

    /// A field that is a number.
    #[must_use]
    pub fn number(&self, field: &str) -> Option<f64> {
        self.fields.get(field)?.as_f64()
    }
}

/// Keeps the whole lines of steps up to `step`.
fn forget_after(path: &Path, step: u64) -> Result<(), LogError> {
    let bytes = regular::read_at_most(path, regular::MAX_LOG_BYTES).map_err(error("read", path))?;
    let mut kept = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let is_whole = line.ends_with(b"\n");
        if is_whole && Record::parse(line).is_some_and(|record| record.step <= step) {
            kept.extend_from_slice(line);
        }
    }
    if kept.len() < bytes.len() {
        durable::write(path, &kept).map_err(error("rewrite", path))?;
    }
    Ok(())
}

fn error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> LogError {
    move |source| LogError { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunRecord {
        RunRecord {
            recipe_hash: "abc".to_owned(),
            code: CodeVersions::default(),
            parameters: json!({"total": 5}),
            flops_per_step: 1e9,
            plan: None,
            ranks: None,
        }
    }

    fn kinds_and_steps(path: &Path) -> Vec<(String, u64)> {
        read_metrics(path).unwrap().into_iter().map(|record| (record.kind, record.step)).collect()
    }

    fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
        expected.iter().map(|(kind, step)| ((*kind).to_owned(), *step)).collect()
    }

    #[test]
    fn lines_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(&path, 0, &run()).unwrap();
        log.line("train", 10, &json!({"loss": 30.5, "grad_norm": f64::NAN, "tokens": 640})).unwrap();
        log.line("eval", 10, &json!({"rtd_auc": 0.75})).unwrap();
        log.event(11, "a \"quoted\"\nline").unwrap();
        log.end(12, 3.5, 768, "finished").unwrap();
        let records = read_metrics(&path).unwrap();
        assert_eq!(
            kinds_and_steps(&path),
            pairs(&[("start", 0), ("train", 10), ("eval", 10), ("event", 11), ("end", 12)])
        );
        assert_eq!(records[0].fields["parameters"]["total"], 5);
        assert_eq!((records[1].number("loss"), records[1].number("grad_norm")), (Some(30.5), None));
        assert_eq!(records[1].fields["tokens"], 640);
        assert_eq!(records[2].number("rtd_auc"), Some(0.75));
        assert_eq!(records[3].fields["message"], "a \"quoted\"\nline");
        assert_eq!(records[4].fields["reason"], "finished");
        assert!(records[0].time > 1.7e9);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 5);
    }

    #[test]
    fn a_resume_keeps_the_past_and_forgets_the_abandoned_future() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(&path, 0, &run()).unwrap();
        for step in [10, 20, 30] {
            log.line("train", step, &json!({})).unwrap();
        }
        log.line("eval", 20, &json!({})).unwrap();
        let mut resumed = MetricsLog::open(&path, 20, &run()).unwrap();
        resumed.line("train", 30, &json!({"loss": 7.0})).unwrap();
        assert_eq!(
            kinds_and_steps(&path),
            pairs(&[("start", 0), ("train", 10), ("train", 20), ("eval", 20), ("resume", 20), ("train", 30)])
        );
        assert_eq!(read_metrics(&path).unwrap()[5].number("loss"), Some(7.0));
    }

    #[test]
    fn a_torn_line_is_dropped_wherever_it_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(&path, 0, &run()).unwrap();
        log.event(1, "whole").unwrap();
        let whole = fs::read(&path).unwrap();
        log.event(2, "torn: \u{e9}").unwrap();
        let all = fs::read(&path).unwrap();
        for end in whole.len() + 1..all.len() {
            fs::write(&path, &all[..end]).unwrap();
            let _log = MetricsLog::open(&path, 2, &run()).unwrap();
            assert_eq!(kinds_and_steps(&path), pairs(&[("start", 0), ("event", 1), ("resume", 2)]));
        }
    }

    #[test]
    fn a_run_killed_before_its_first_checkpoint_begins_again_after_its_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        MetricsLog::open(&path, 0, &run()).unwrap().line("train", 5, &json!({})).unwrap();
        MetricsLog::open(&path, 0, &run()).unwrap();
        assert_eq!(kinds_and_steps(&path), pairs(&[("start", 0), ("resume", 0)]));
    }

    #[test]
    fn a_log_that_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent/metrics.jsonl");
        let message = MetricsLog::open(&path, 0, &run()).unwrap_err().to_string();
        assert!(message.contains("cannot open") && message.contains("absent/metrics.jsonl"), "{message}");
        assert!(read_metrics(&path).unwrap_err().to_string().contains("No such file"));
    }
}
