//! What remains of a run that came to no numbers, in the file that its result would have: a mean without it
//! is one over survivors, and has to say so.
//!
//! The file has `failed` in place of what was measured. Programs that knew no such files refuse it by name
//! instead of passing it over. A run that succeeds later writes its result in its place.

use std::path::{Path, PathBuf};

use electra_files::{disk, durable, regular};
use electra_run::code::CodeVersions;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::quantities::Quantities;
use crate::record::{Origin, Parameters, ResultError, ResultRecord, TokenizerIdentity};
use crate::run::Described;

/// A run that was begun and came to no numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedRun {
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
    /// Hash of the recipe without its seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// Hash of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The vocabulary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<TokenizerIdentity>,
    /// Versions of the code that ran.
    #[serde(default, skip_serializing_if = "CodeVersions::is_first")]
    pub code: CodeVersions,
    /// Quantities derived from the recipe, such as head width.
    #[serde(default, skip_serializing_if = "Quantities::is_empty")]
    pub quantities: Quantities,
    /// Optimizer steps that it should have taken.
    pub steps: u64,
    /// Tokens that they would have read.
    pub tokens: u64,
    /// Floating-point operations of them.
    pub flops: f64,
    /// Parameters.
    pub parameters: Parameters,
    /// Last step and reason of the failure.
    pub failed: Failed,
    /// Name and version of the program.
    pub program: String,
}

/// How a run ended without numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// Steps of pretraining that it had done.
    pub step: u64,
    /// Why.
    pub reason: Reason,
}

/// Why a run has no numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A loss or a gradient was not finite.
    Diverged,
    /// That of fine-tuning was not.
    FineTuningDiverged,
    /// Fine-tuning was ended by its guard against networks that learn nothing.
    FineTuningCollapsed,
}

impl Failed {
    /// In words, after the seed.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self.reason {
            Reason::Diverged => format!("diverged after {} steps", electra_run::record::thousands(self.step)),
            Reason::FineTuningDiverged => "diverged in fine-tuning".to_owned(),
            Reason::FineTuningCollapsed => "learned nothing in fine-tuning".to_owned(),
        }
    }
}

impl FailedRun {
    /// Of a run that its folder describes.
    #[must_use]
    pub fn new(origin: Origin, run: Described, failed: Failed) -> Self {
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
            failed,
            program: run.program,
        }
    }

    /// Writes its file, in the place of any other of the same arm and seed.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, ResultError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ResultError::Io { action: "write", path, source }
        };
        disk::create_own_folder(folder).map_err(failed(folder))?;
        let path = ResultRecord::path(folder, &self.arm, self.seed);
        durable::write(&path, crate::record::text_of(self).as_bytes()).map_err(failed(&path))?;
        Ok(path)
    }
}

/// What a file of a folder of results holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A run and what it came to.
    Finished(Box<ResultRecord>),
    /// A run that came to nothing.
    Failed(Box<FailedRun>),
}

impl Outcome {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, is neither, or says what cannot be.
    pub fn read(path: &Path) -> Result<Self, ResultError> {
        #[derive(Deserialize)]
        struct Kind {
            failed: Option<IgnoredAny>,
        }
        let bytes = regular::read(path).map_err(|source| ResultError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let damaged = |source| ResultError::Damaged { path: path.to_owned(), source };
        if serde_json::from_slice::<Kind>(&bytes).is_ok_and(|kind| kind.failed.is_some()) {
            let run: FailedRun = serde_json::from_slice(&bytes).map_err(damaged)?;
            let checked = run.check();
            checked.map_err(|source| ResultError::Impossible { path: path.to_owned(), source })?;
            return Ok(Self::Failed(Box::new(run)));
        }
        ResultRecord::parse(path, &bytes).map(|record| Self::Finished(Box::new(record)))
    }
}

/// What a folder of results holds, each with its file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// Runs with numbers.
    pub finished: Vec<(PathBuf, ResultRecord)>,
    /// Runs without.
    pub failed: Vec<(PathBuf, FailedRun)>,
}

impl Results {
    /// Adds what a file holds.
    pub fn add(&mut self, path: PathBuf, outcome: Outcome) {
        match outcome {
            Outcome::Finished(record) => self.finished.push((path, *record)),
            Outcome::Failed(run) => self.failed.push((path, *run)),
        }
    }

    /// Adds what another folder holds.
    pub fn extend(&mut self, other: Self) {
        self.finished.extend(other.finished);
        self.failed.extend(other.failed);
    }

    /// Whether there is none of either.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.finished.is_empty() && self.failed.is_empty()
    }

    /// Refuses two files of the same arm and seed.
    ///
    /// # Errors
    /// With both files.
    pub fn check_once(&self) -> Result<(), ResultError> {
        let finished = self.finished.iter().map(|(path, record)| (path, &record.arm, record.seed));
        let failed = self.failed.iter().map(|(path, run)| (path, &run.arm, run.seed));
        let all: Vec<(&PathBuf, &String, u64)> = finished.chain(failed).collect();
        for (i, (path, arm, seed)) in all.iter().enumerate() {
            if let Some((other, ..)) = all[..i].iter().find(|other| (other.1, other.2) == (*arm, *seed)) {
                let (path, other) = ((*path).clone(), (*other).clone());
                return Err(ResultError::Twice { path, other, arm: (*arm).clone(), seed: *seed });
            }
        }
        Ok(())
    }

    /// Takes the parts without their files.
    #[must_use]
    pub fn into_parts(self) -> (Vec<ResultRecord>, Vec<FailedRun>) {
        let finished = self.finished.into_iter().map(|(_, record)| record).collect();
        (finished, self.failed.into_iter().map(|(_, run)| run).collect())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;
    use crate::record::read_folder;
    use crate::record::tests::result;

    /// A run of arm and seed that diverged after 14 of 20 steps.
    pub(crate) fn diverged(arm: &str, seed: u64) -> FailedRun {
        let like = result(arm, seed, 0.5);
        FailedRun {
            experiment: like.experiment,
            arm: like.arm,
            seed,
            hash: like.hash,
            differences: like.differences,
            recipe: None,
            data: None,
            tokenizer: None,
            code: CodeVersions::default(),
            quantities: Quantities::new(),
            steps: like.steps,
            tokens: like.tokens,
            flops: like.flops,
            parameters: like.parameters,
            failed: Failed { step: 14, reason: Reason::Diverged },
            program: like.program,
        }
    }

    #[test]
    fn a_failed_run_has_the_file_of_its_result_until_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let run = diverged("high", 2);
        let path = run.write(folder.path()).unwrap();
        assert!(path.ends_with("high.seed-2.json"));
        result("high", 1, 0.5).write(folder.path()).unwrap();
        let results = read_folder(folder.path()).unwrap();
        assert_eq!((results.finished.len(), results.failed.len()), (1, 1));
        assert_eq!(results.failed[0], (path.clone(), run));
        // What knows no such file refuses it by its name and says what it does not know.
        let error = ResultRecord::read(&path).unwrap_err().to_string();
        assert!(error.contains("high.seed-2.json") && error.contains("unknown field `failed`"), "{error}");
        result("high", 2, 0.5).write(folder.path()).unwrap();
        let results = read_folder(folder.path()).unwrap();
        assert_eq!((results.finished.len(), results.failed.len()), (2, 0));
    }

    #[test]
    fn failed_runs_that_cannot_be_are_refused_and_so_are_two_of_one_seed() {
        let folder = tempfile::tempdir().unwrap();
        let run = diverged("high", 2);
        let path = run.write(folder.path()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for (from, to, expected) in [
            ("\"step\":14", "\"step\":21", "`failed.step` is 21, expected 0 to 20"),
            ("diverged\"", "bored\"", "unknown variant `bored`"),
            ("\"flops\": 2", "\"flops\": -2", "`flops` is -2"),
            ("\"high\"", "\"../high\"", "`arm` is \"../high\""),
        ] {
            assert!(text.contains(from), "{from} is not in {text}");
            fs::write(&path, text.replace(from, to)).unwrap();
            let error = read_folder(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        fs::write(&path, &text).unwrap();
        fs::write(folder.path().join("other.json"), result("high", 2, 0.5).text()).unwrap();
        let error = read_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("high.seed-2.json") && error.contains("other.json"), "{error}");
    }
}
