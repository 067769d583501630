//! What remains of a finished run, in `results/ARM.seed-N.json`: small enough to be committed, and
//! all that tables and reports are made from.

mod check;
mod common;
mod curve;
mod error;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use electra_files::{disk, durable, regular};
use electra_run::code::CodeVersions;
use electra_run::record::HeldoutMeasure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::failed::{Outcome, Results};
use crate::quantities::Quantities;
use crate::run::{Described, FinishedRun};

pub use check::Impossible;
pub(crate) use check::Measured;
pub use common::{CommonScores, Judged};
pub use curve::{Curve, MOST_POINTS};
pub use error::{NotOneArm, ResultError, Stale};

/// What a run is, whatever it came to: results and the files of failed runs have it in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the arm.
    pub arm: String,
    /// Seed of pretraining.
    pub seed: u64,
    /// Hash of recipe, data and versions of code.
    pub hash: String,
    /// What the arm changes of the base recipe.
    pub differences: Map<String, Value>,
    /// Hash of the recipe without its seed. Older results do not say, nor what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// Hash of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The vocabulary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<TokenizerIdentity>,
    /// Versions of the code that ran; those that are absent are 1.
    #[serde(default, skip_serializing_if = "CodeVersions::is_first")]
    pub code: CodeVersions,
    /// Quantities derived from the recipe, such as head width.
    #[serde(default, skip_serializing_if = "Quantities::is_empty")]
    pub quantities: Quantities,
    /// Optimizer steps that it takes.
    pub steps: u64,
    /// Tokens that it reads, padding counted.
    pub tokens: u64,
    /// Floating-point operations of training.
    pub flops: f64,
    /// Parameters.
    pub parameters: Parameters,
    /// Name and version of the program.
    pub program: String,
}

impl Provenance {
    /// Of a run that its folder describes.
    #[must_use]
    pub fn new(origin: Origin, run: Described) -> Self {
        Self {
            experiment: origin.experiment,
            arm: origin.arm,
            seed: run.seed,
            hash: origin.hash,
            differences: origin.differences,
            recipe: origin.recipe,
            data: run.data,
            tokenizer: run.tokenizer,
            code: run.code,
            quantities: origin.quantities,
            steps: run.steps,
            tokens: run.tokens,
            flops: run.flops,
            parameters: run.parameters,
            program: run.program,
        }
    }
}

/// A run and what it came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultRecord {
    /// What it is.
    #[serde(flatten)]
    pub run: Provenance,
    /// The numbers of the last evaluation on held-out rows.
    pub heldout: BTreeMap<String, f64>,
    /// What it was an evaluation on; none where it was on the first rows, before others could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<HeldoutMeasure>,
    /// Scores of fine-tuning, if the experiment has a probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeScores>,
    /// The discriminator on text that is corrupted alike for all arms, if there is one and it was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common: Option<CommonScores>,
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

/// A vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerIdentity {
    /// Hash of its pieces and settings.
    pub hash: String,
    /// Word pieces that the networks know.
    pub vocab_size: u64,
}

/// Unique parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// Of the discriminator.
    pub discriminator: u64,
    /// What the generator adds.
    pub generator: u64,
    /// Both.
    pub total: u64,
}

/// Scores of fine-tuning one pretrained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeScores {
    /// Hash of the pretrained run, the recipe of fine-tuning and its data.
    pub hash: String,
    /// Hash of the recipe of fine-tuning alone; older results do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// One for each seed of fine-tuning.
    pub scores: Vec<ProbeScore>,
}

/// A seed of fine-tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeScore {
    /// The seed.
    pub seed: u64,
    /// Micro F1 on the development data.
    pub dev_f1: f64,
    /// Micro F1 on the test data, if there is any.
    pub test_f1: Option<f64>,
}

impl ProbeScores {
    /// The scores of the first `wanted` seeds in the summary that fine-tuning writes, identified by
    /// `hash`; none if some are missing, or are what no score can be.
    #[must_use]
    pub fn of_summary(summary: &[u8], wanted: usize, hash: String) -> Option<Self> {
        let summary: Value = serde_json::from_slice(summary).ok()?;
        let scores: Vec<ProbeScore> = serde_json::from_value(summary.get("runs")?.clone()).ok()?;
        let scores = Self { hash, recipe: None, scores: scores.get(..wanted)?.to_vec() };
        scores.check().is_ok().then_some(scores)
    }

    /// The mean over seeds of test F1, or of development F1 without test data.
    #[must_use]
    pub fn mean_f1(&self) -> Option<f64> {
        let of = |score: &ProbeScore| score.test_f1.unwrap_or(score.dev_f1);
        let sum: f64 = self.scores.iter().map(of).sum();
        (!self.scores.is_empty()).then(|| sum / self.scores.len() as f64)
    }

    /// Seeds that found no entity of the development data in any epoch, which the mean counts with
    /// their 0.
    #[must_use]
    pub fn found_nothing(&self) -> usize {
        self.scores.iter().filter(|score| score.dev_f1 == 0.0).count()
    }
}

/// Whose run it is.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the arm.
    pub arm: String,
    /// What the arm changes of the base recipe.
    pub differences: Map<String, Value>,
    /// Hash of recipe, data and versions of code.
    pub hash: String,
    /// Hash of the recipe without its seed.
    pub recipe: Option<String>,
    /// Quantities derived from the recipe, such as head width.
    pub quantities: Quantities,
}

impl ResultRecord {
    /// Of a finished run.
    #[must_use]
    pub fn new(origin: Origin, run: FinishedRun, probe: Option<ProbeScores>) -> Self {
        let FinishedRun { described, heldout, measure, curve, seconds } = run;
        let run = Provenance::new(origin, described);
        Self { run, heldout, measure, probe, common: None, seconds, curve }
    }

    /// Its file in a folder of results.
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

    /// What the file at `path` says.
    pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Self, ResultError> {
        let path = path.to_owned();
        let record: Self = match serde_json::from_slice(text) {
            Ok(record) => record,
            Err(source) => return Err(ResultError::Damaged { path, source }),
        };
        match record.check() {
            Ok(()) => Ok(record),
            Err(source) => Err(ResultError::Impossible { path, source }),
        }
    }
}

/// JSON with a line for each field.
pub(crate) fn text_of(record: &impl Serialize) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(record) else { panic!("a record is an object") };
    let line = |(key, value): (&String, &Value)| format!("  {}: {value}", Value::from(key.as_str()));
    format!("{{\n{}\n}}\n", fields.iter().map(line).collect::<Vec<_>>().join(",\n"))
}

/// The results in a folder with their files, in the order of names; none if there is no folder.
///
/// # Errors
/// If one cannot be read, or two are of the same arm and seed.
pub fn read_folder(folder: &Path) -> Result<Results, ResultError> {
    let failed = |source| ResultError::Io { action: "read", path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Results::default()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut results = Results::default();
    for path in paths {
        let outcome = Outcome::read(&path)?;
        results.add(path, outcome);
    }
    results.check_once()?;
    Ok(results)
}

/// The first digits of a hash.
#[must_use]
pub fn short(hash: &str) -> String {
    hash.get(..12).unwrap_or(hash).to_owned()
}

#[cfg(test)]
pub(crate) mod tests;
