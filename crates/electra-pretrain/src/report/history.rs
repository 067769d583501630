//! The history of a run, as its log has it.

use std::path::Path;

use electra_run::record::{Plan, Record, read_metrics};

use super::error::ReportError;

/// A log, sorted by what its lines are.
pub(super) struct History {
    /// All lines in order; at least one.
    pub(super) records: Vec<Record>,
    /// Lines of training, in ascending order of their steps.
    pub(super) train: Vec<Record>,
    /// Lines of held-out evaluation, in ascending order of their steps.
    pub(super) eval: Vec<Record>,
    /// The begins of the phases of a run that has several, in order, each once.
    pub(super) phases: Vec<Record>,
}

/// What a phase is called, by the record of its begin.
pub(super) fn phase_name(begun: &Record) -> String {
    format!("phase {}", begun.number("phase").unwrap_or(f64::NAN))
}

impl History {
    pub(super) fn read(path: &Path) -> Result<Self, ReportError> {
        let records = read_metrics(path)?;
        if records.is_empty() {
            return Err(ReportError::Empty { path: path.to_owned() });
        }
        let of_kind = |kind: &str| {
            let mut found: Vec<Record> =
                records.iter().filter(|record| record.kind == kind).cloned().collect();
            found.sort_by_key(|record| record.step);
            found
        };
        // A run that goes on exactly at a seam says again that the phase begins.
        let mut phases = of_kind("phase");
        phases.dedup_by_key(|begun| begun.step);
        Ok(Self { train: of_kind("train"), eval: of_kind("eval"), phases, records })
    }

    pub(super) fn last_step(&self) -> u64 {
        self.records.iter().map(|record| record.step).max().unwrap_or(0)
    }

    /// Tokens read in all.
    pub(super) fn tokens(&self) -> Option<f64> {
        let of_train = self.train.last().and_then(|record| record.number("tokens"));
        let of_end =
            self.records.iter().rfind(|record| record.kind == "end").and_then(|end| end.number("tokens"));
        of_end.into_iter().chain(of_train).reduce(f64::max)
    }

    /// Tokens of a step; nothing where phases may differ in them.
    pub(super) fn tokens_per_step(&self) -> Option<f64> {
        if !self.phases.is_empty() {
            return None;
        }
        let last = self.train.last()?;
        Some(last.number("tokens")? / last.step.max(1) as f64).filter(|&tokens| tokens > 0.0)
    }

    /// Seconds from the start to the last line, without the pauses before resumes.
    pub(super) fn seconds(&self) -> f64 {
        let mut seconds = 0.0;
        for (before, after) in self.records.iter().zip(&self.records[1..]) {
            if after.kind != "resume" {
                seconds += (after.time - before.time).max(0.0);
            }
        }
        seconds
    }

    /// The prediction of the first start.
    pub(super) fn plan(&self) -> Option<Plan> {
        let of_start = self
            .records
            .iter()
            .find_map(|record| record.fields.get("plan").filter(|plan| !plan.is_null()))?;
        serde_json::from_value(of_start.clone()).ok()
    }

    /// Steps and values of a field. A value that is not a number (the log's null) is NaN; a line
    /// without the field is no point.
    pub(super) fn points(records: &[Record], field: &str) -> Vec<(f64, f64)> {
        records
            .iter()
            .filter(|record| record.fields.contains_key(field))
            .map(|record| (record.step as f64, record.number(field).unwrap_or(f64::NAN)))
            .collect()
    }

    /// The middle value of a field of training.
    pub(super) fn median(&self, field: &str) -> Option<f64> {
        let mut values: Vec<f64> = self.train.iter().filter_map(|record| record.number(field)).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    /// The largest value of a field of training.
    pub(super) fn largest(&self, field: &str) -> Option<f64> {
        self.train.iter().filter_map(|record| record.number(field)).reduce(f64::max)
    }
}
