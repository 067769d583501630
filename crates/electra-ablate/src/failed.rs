//! Records of failed runs, each in the file that its result would have: a mean without them is one over
//! survivors, and has to say so.
//!
//! The file has `failed` in place of what was measured. Programs that knew no such files refuse it by name
//! instead of passing it over. A run that succeeds later writes its result in its place.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use electra_files::{disk, durable, regular};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::record::{Provenance, ResultError, ResultRecord, RunOrigin};
use crate::run::RunDescription;

/// A run that was begun and came to no numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedRun {
    /// The provenance of the run, with the steps that it should have taken.
    #[serde(flatten)]
    pub run: Provenance,
    /// Last step and reason of the failure.
    pub failed: Failed,
}

impl Deref for FailedRun {
    type Target = Provenance;

    fn deref(&self) -> &Provenance {
        &self.run
    }
}

impl DerefMut for FailedRun {
    fn deref_mut(&mut self) -> &mut Provenance {
        &mut self.run
    }
}

/// The end of a run without numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// Steps of pretraining that it had done.
    pub step: u64,
    /// The reason of the failure.
    pub reason: Reason,
}

/// The reason why a run has no numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A loss or a gradient was not finite.
    Diverged,
    /// A fine-tuning run of the probe diverged.
    FineTuningDiverged,
    /// Fine-tuning was ended by its guard against networks that learn nothing.
    FineTuningCollapsed,
}

impl Failed {
    /// The failure in words, to stand after the seed.
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
    /// The record of a failed run that its folder describes.
    #[must_use]
    pub fn new(origin: RunOrigin, run: RunDescription, failed: Failed) -> Self {
        Self { run: Provenance::new(origin, run), failed }
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

/// The content of a file in a folder of results: a result or a failure.
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
            checked.map_err(|source| ResultError::ImpossibleNumber { path: path.to_owned(), source })?;
            return Ok(Self::Failed(Box::new(run)));
        }
        ResultRecord::parse(path, &bytes).map(|record| Self::Finished(Box::new(record)))
    }
}

/// The content of a folder of results, each record with its file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// Runs with numbers.
    pub finished: Vec<(PathBuf, ResultRecord)>,
    /// The runs that failed.
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
pub(crate) mod tests;
