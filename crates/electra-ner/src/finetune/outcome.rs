//! The outcome of a run, and the progress of the run in a folder by the files in it.

use std::io;
use std::path::{Path, PathBuf};

use electra_annotations::{Predictions, Split, Splits};
use electra_files::regular;
use electra_run::run_folder::check_weights;
use electra_text::wordpiece::SAVED_FILES;
use electra_train::layout::{TAGGER_SETTINGS, WEIGHTS};
use serde::{Deserialize, Serialize};

use crate::head::EXTRA_FILES;
use crate::tagger_folder::TaggerFolder;

/// File of the scores. It is written last: a run that has it is finished.
pub const SCORES: &str = "scores.json";
/// File of the predictions on the development data.
pub const PREDICTIONS_DEV: &str = "predictions-dev.conll";
/// File of the predictions on the test data.
pub const PREDICTIONS_TEST: &str = "predictions-test.conll";

/// The outcome of a finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The folder of the run.
    #[serde(skip)]
    pub run: PathBuf,
    /// The seed of the run.
    pub seed: u64,
    /// Optimizer steps.
    pub steps: u64,
    /// The number of epochs done.
    pub epochs: usize,
    /// The epoch that was kept, from 1.
    pub best_epoch: usize,
    /// BLAKE3 of the tagger's weights, in hexadecimal; none where an earlier version wrote it.
    #[serde(default)]
    pub weights_hash: Option<String>,
    /// Scores on the development data, which chose the epoch.
    pub dev: SplitOutcome,
    /// Scores on the test data, if there is any.
    pub test: Option<SplitOutcome>,
    /// Whether `scores.json` has scores on test data that were given before and not now.
    #[serde(skip)]
    pub has_earlier_test: bool,
}

/// Micro scores on a split, by the rules of conlleval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitOutcome {
    /// The hash that identifies the split, as [`SplitFacts::hash`].
    pub hash: String,
    /// Share of the predicted entities that are correct.
    pub precision: f64,
    /// Share of the gold entities that were found.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Gold entities; none where an earlier version wrote it.
    #[serde(default)]
    pub support: Option<u64>,
    /// The number of entities that no tags can state: they count as missed.
    #[serde(default)]
    pub left_out: usize,
}

impl SplitOutcome {
    /// F1, if there was an entity to find.
    #[must_use]
    pub fn f1_if_any(&self) -> Option<f64> {
        (self.support != Some(0)).then_some(self.f1)
    }

    /// Whether it is about this split.
    fn is_of(&self, split: &Split) -> bool {
        self.hash == split.facts.hash && self.left_out == split.left_out.len()
    }
}

/// The standing of the run in a folder, by the files in it.
pub(super) enum RunState {
    /// The run is not finished.
    Unfinished,
    /// The run is finished, and the scores are of this test data.
    Finished(Outcome),
    /// The tagger is whole, and there are no such scores of it.
    Tagger {
        /// The outcome of the run, on other test data or none.
        outcome: Outcome,
        /// A description of what its predictions lack.
        why: String,
    },
    /// The tagger is not what was saved: it is not to be believed, and can be written again.
    Damaged(String),
}

impl RunState {
    /// Looks into the folder of a run.
    pub(super) fn read(run: &Path, splits: &Splits) -> Self {
        let Ok(bytes) = regular::read(&run.join(SCORES)) else { return Self::Unfinished };
        let Ok(outcome) = serde_json::from_slice::<Outcome>(&bytes) else { return Self::Unfinished };
        let outcome = Outcome { run: run.to_owned(), ..outcome };
        if let Err(damage) = outcome.check_numbers().and_then(|()| outcome.check_tagger()) {
            return Self::Damaged(damage);
        }
        match outcome.check_predictions(splits) {
            Ok(()) => Self::Finished(outcome.about(splits)),
            Err(why) => Self::Tagger { outcome, why },
        }
    }
}

impl Outcome {
    /// Whether some epoch found an entity of the development data.
    pub fn has_found_something(&self) -> bool {
        self.dev.f1 > 0.0
    }

    /// This outcome without scores on test data that nobody has named now: they are no result of this call.
    fn about(mut self, splits: &Splits) -> Self {
        if splits.test.is_none() {
            self.has_earlier_test = self.test.take().is_some();
        }
        self
    }

    /// Refuses scores that no run comes to.
    fn check_numbers(&self) -> Result<(), String> {
        let splits = [("dev", Some(&self.dev)), ("test", self.test.as_ref())];
        for (split, scores) in splits.into_iter().filter_map(|(name, scores)| Some((name, scores?))) {
            for (key, share) in
                [("precision", scores.precision), ("recall", scores.recall), ("f1", scores.f1)]
            {
                if !(0.0..=1.0).contains(&share) {
                    let path = self.run.join(SCORES).display().to_string();
                    return Err(format!("{path}: `{split}.{key}` is {share}, expected a number from 0 to 1"));
                }
            }
        }
        if !(1..=self.epochs).contains(&self.best_epoch) {
            let (path, found, epochs) = (self.run.join(SCORES), self.best_epoch, self.epochs);
            return Err(format!("{}: `best_epoch` is {found}, expected 1 to {epochs}", path.display()));
        }
        Ok(())
    }

    /// Refuses a tagger that is not the one that these scores are of.
    fn check_tagger(&self) -> Result<(), String> {
        let run = &self.run;
        // The tagger could be opened without some of them, and would be another one.
        if let Some(missing) =
            [TAGGER_SETTINGS].iter().chain(&SAVED_FILES).find(|name| !run.join(name).is_file())
        {
            return Err(format!("{} is missing", run.join(missing).display()));
        }
        check_weights(&run.join(WEIGHTS)).map_err(|error| error.to_string())?;
        if let Some(saved) = &self.weights_hash {
            let found =
                weights_hash(run).map_err(|error| format!("{}: {error}", run.join(WEIGHTS).display()))?;
            if found != *saved {
                let path = run.join(WEIGHTS).display().to_string();
                return Err(format!("{path} is not what was saved (BLAKE3 differs)"));
            }
        }
        TaggerFolder::open(run).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Refuses scores of other data, and predictions that are damaged.
    fn check_predictions(&self, splits: &Splits) -> Result<(), String> {
        if let Some(test) = &splits.test
            && self.test.as_ref().is_none_or(|scored| !scored.is_of(test))
        {
            return Err(format!("it has no scores on {}", test.path.display()));
        }
        if !self.dev.is_of(&splits.dev) {
            return Err("its scores on the development data leave out entities that no tags say".to_owned());
        }
        for (split, file) in [(Some(&splits.dev), PREDICTIONS_DEV), (splits.test.as_ref(), PREDICTIONS_TEST)]
        {
            let Some(split) = split else { continue };
            Predictions::read_of_run(&self.run.join(file), Some(split.gold()))
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// BLAKE3 of the tagger's weights, all those of its head included.
pub(super) fn weights_hash(run: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    for name in [WEIGHTS].into_iter().chain(EXTRA_FILES) {
        match regular::open(&run.join(name)) {
            Ok(file) => {
                hasher.update_reader(file)?;
            }
            Err(error) if name != WEIGHTS && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}
