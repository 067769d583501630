//! The result of a finished run: which run it is, and what it came to.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use electra_files::{disk, durable, regular};
use electra_run::record::HeldoutMeasure;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common_corruption::CommonCorruptionScores;
use super::curve::Curve;
use super::error::ResultError;
use super::probe_scores::ProbeScores;
use super::provenance::{Provenance, RunOrigin};
use crate::run::FinishedRun;

/// A run and what it came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultRecord {
    /// The provenance of the run.
    #[serde(flatten)]
    pub run: Provenance,
    /// The numbers of the last evaluation on held-out rows.
    pub heldout: BTreeMap<String, f64>,
    /// The held-out rows of the evaluation; `None` where these were the first rows, before others could be
    /// read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<HeldoutMeasure>,
    /// Scores of fine-tuning, if the experiment has a probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeScores>,
    /// The discriminator on text that is corrupted alike for all arms, if there is one and it was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common: Option<CommonCorruptionScores>,
    /// Seconds of pretraining.
    pub seconds: f64,
    /// Held-out losses over steps.
    pub curve: Curve,
}

impl Deref for ResultRecord {
    type Target = Provenance;

    fn deref(&self) -> &Provenance {
        &self.run
    }
}

impl DerefMut for ResultRecord {
    fn deref_mut(&mut self) -> &mut Provenance {
        &mut self.run
    }
}

impl ResultRecord {
    /// The record of a finished run.
    #[must_use]
    pub fn new(origin: RunOrigin, run: FinishedRun, probe: Option<ProbeScores>) -> Self {
        let FinishedRun { described, heldout, measure, curve, seconds } = run;
        let run = Provenance::new(origin, described);
        Self { run, heldout, measure, probe, common: None, seconds, curve }
    }

    /// The path of the run's record in a folder of results.
    #[must_use]
    pub fn path(folder: &Path, arm: &str, seed: u64) -> PathBuf {
        folder.join(format!("{arm}.seed-{seed}.json"))
    }

    /// The text of its file: JSON with a line for each field.
    #[must_use]
    pub fn text(&self) -> String {
        text_of(self)
    }

    /// Writes its file.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, ResultError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ResultError::Io { action: "write", path, source }
        };
        disk::create_own_folder(folder).map_err(failed(folder))?;
        let path = Self::path(folder, &self.arm, self.seed);
        durable::write(&path, self.text().as_bytes()).map_err(failed(&path))?;
        Ok(path)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, is none, or says what cannot be.
    pub fn read(path: &Path) -> Result<Self, ResultError> {
        let text = regular::read(path);
        let text =
            text.map_err(|source| ResultError::Io { action: "read", path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// The record in the text of the file at `path`.
    pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Self, ResultError> {
        let path = path.to_owned();
        let record: Self = match serde_json::from_slice(text) {
            Ok(record) => record,
            Err(source) => return Err(ResultError::Damaged { path, source }),
        };
        match record.check() {
            Ok(()) => Ok(record),
            Err(source) => Err(ResultError::ImpossibleNumber { path, source }),
        }
    }
}

/// JSON with a line for each field.
pub(crate) fn text_of(record: &impl Serialize) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(record) else { panic!("a record is an object") };
    let line = |(key, value): (&String, &Value)| format!("  {}: {value}", Value::from(key.as_str()));
    format!("{{\n{}\n}}\n", fields.iter().map(line).collect::<Vec<_>>().join(",\n"))
}
