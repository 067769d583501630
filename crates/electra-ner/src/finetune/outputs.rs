//! What a finished run leaves behind: tagger, predictions, scores, model card.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use electra_files::regular;
use electra_run::run_folder::check_weights;
use electra_text::wordpiece::SAVED_FILES;
use electra_train::RunError;
use electra_train::layout::{TAGGER_SETTINGS, WEIGHTS};
use serde::{Deserialize, Serialize};

use super::error::FinetuneError;
use super::snapshot::tagger_of;
use super::{Run, board};
use crate::collapse_guard;
use crate::folder_error::FolderError;
use crate::head::EXTRA_FILES;
use crate::model_card::{self, Card};
use crate::monitor::Event;
use crate::predict::WindowedSentences;
use crate::tagger_folder::{TaggerFolder, TaggerSettings};
use crate::token_classifier::TokenClassifier;
use electra_annotations::{
    Evaluation, EvaluationSettings, Overlap, Predictions, SeenEntities, Split, SplitFacts, Splits, evaluate,
    overlap_warnings,
};

/// File of the scores. It is written last: a run that has it is finished.
pub const SCORES: &str = "scores.json";
/// File of the predictions on the development data.
pub const PREDICTIONS_DEV: &str = "predictions-dev.conll";
/// File of the predictions on the test data.
pub const PREDICTIONS_TEST: &str = "predictions-test.conll";

/// What a finished run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Where it lies.
    #[serde(skip)]
    pub run: PathBuf,
    /// Its seed.
    pub seed: u64,
    /// Optimizer steps.
    pub steps: u64,
    /// Epochs done.
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
    /// What identifies the split, as [`SplitFacts::hash`].
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
    /// How many of them no tags say: they count as missed.
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

/// `scores.json`.
#[derive(Serialize)]
struct ScoresFile<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    /// Sentences that the splits share.
    overlaps: &'a [Overlap],
    /// What has to be known to read the scores, a sentence each.
    warnings: &'a [String],
    details: BTreeMap<&'static str, Details>,
}

/// Everything about a split.
#[derive(Serialize)]
struct Details {
    data: SplitFacts,
    /// Tags that the training data lacks, with the number of words.
    unknown_tags: BTreeMap<String, u64>,
    #[serde(flatten)]
    evaluation: Evaluation,
}

/// How far the run in a folder has come, by what it has left there.
pub(super) enum Standing {
    /// Nothing that was finished.
    Unfinished,
    /// Everything is there, and the scores are of this test data.
    Finished(Outcome),
    /// The tagger is whole, and there are no such scores of it.
    Tagger {
        /// What it came to, on other test data or none.
        outcome: Outcome,
        /// What its predictions lack.
        why: String,
    },
    /// The tagger is not what was saved: it is not to be believed, and can be written again.
    Damaged(String),
}

impl Standing {
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

    /// The same without scores on test data that nobody has named now: they are no result of this call.
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
fn weights_hash(run: &Path) -> io::Result<String> {
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

impl Run<'_> {
    /// Loads the best epoch, evaluates it, and writes everything.
    pub(super) fn finish(&mut self) -> Result<Outcome, FinetuneError> {
        let task = self.task;
        let recipe = task.recipe;
        let progress = &self.snapshot.progress;
        let (best_epoch, _) = progress.best().expect("a recipe has epochs, and a trained run has done some");
        // Another checkpoint would be another tagger under these scores.
        let best = self.recorder.store().of_step((best_epoch as u64 + 1) * task.batches.steps());
        let best = best.map_err(|damage| FinetuneError::BestLost {
            run: self.recorder.folder().path().to_owned(),
            epoch: best_epoch + 1,
            damage,
        })?;
        let device = self.steps.device.clone().inner();
        let tagger =
            tagger_of(&best, task.shape(), &device, recipe.train.precision).map_err(RunError::from)?;
        let epochs = progress.epochs.len();
        self.leave(&tagger, best_epoch + 1, epochs)
    }

    /// Evaluates a tagger, that of epoch `best_epoch` of so many, and writes everything.
    pub(super) fn leave(
        &mut self,
        tagger: &TokenClassifier,
        best_epoch: usize,
        epochs: usize,
    ) -> Result<Outcome, FinetuneError> {
        let task = self.task;
        let recipe = task.recipe;
        let device = self.steps.device.clone().inner();
        let seen = SeenEntities::of(task.train.sentences.iter());
        let mut details = BTreeMap::new();
        let mut outcomes = Vec::new();
        let given = [
            ("dev", Some(&self.splits.dev), PREDICTIONS_DEV),
            ("test", self.splits.test.as_ref(), PREDICTIONS_TEST),
        ];
        for (name, split, file) in given {
            let Some(split) = split else { continue };
            let windowed =
                WindowedSentences::new(&split.sentences, task.start.tokenizer(), &recipe.windows());
            let total = windowed.windows.len();
            let mut told = |done| self.monitor.on(Event::Evaluating { split: name, done, total });
            let predicted = task.tags(tagger, &windowed, &device, &mut told);
            let predictions = Predictions::of(split.gold(), predicted);
            predictions.write(&self.recorder.folder().path().join(file))?;
            // With the settings that `electra eval ner` has as default: one result has one interval.
            let evaluation = evaluate(&[predictions], Some(&seen), EvaluationSettings::default())
                .expect("every word has a tag, and a split has words");
            let micro = evaluation.default.micro;
            outcomes.push(SplitOutcome {
                hash: split.facts.hash.clone(),
                precision: micro.precision,
                recall: micro.recall,
                f1: micro.f1,
                support: Some(micro.gold),
                left_out: split.left_out.len(),
            });
            let unknown_tags = task.labels.unknown(&split.sentences);
            details.insert(name, Details { data: split.facts.clone(), unknown_tags, evaluation });
        }

        let labels = &recipe.labels;
        let settings = TaggerSettings {
            decoding: labels.decoding,
            context: recipe.input.context,
            window: recipe.input.window,
            division: Some(task.division),
        };
        let tokenizer = task.start.tokenizer().clone();
        let folder = TaggerFolder::new(
            self.recorder.folder().path(),
            tagger,
            task.shape(),
            recipe.dropout,
            settings,
            tokenizer,
        );
        TaggerFolder { pretraining: self.lineage.progress, ..folder }.write()?;
        let mut outcomes = outcomes.into_iter();
        let outcome = Outcome {
            run: self.recorder.folder().path().to_owned(),
            seed: recipe.seed,
            steps: self.snapshot.step(),
            epochs,
            best_epoch,
            weights_hash: Some(self.weights_hash()?),
            dev: outcomes.next().expect("there is development data"),
            test: outcomes.next(),
            has_earlier_test: false,
        };
        for (name, scores) in [("dev", Some(&outcome.dev)), ("test", outcome.test.as_ref())] {
            let Some(scores) = scores else { continue };
            self.recorder.scalars(outcome.steps, &board::of_split(name, scores), self.monitor)?;
        }
        let overlaps = Overlap::all(self.splits, recipe.train.max_sentences);
        let mut warnings = overlap_warnings(self.splits, &overlaps);
        warnings.extend(self.lineage.warning());
        if !outcome.has_found_something() {
            warnings.push(format!("none of {epochs} epochs found an entity of the development data"));
        }
        let card = model_card::render(&Card {
            recipe,
            recipe_text: &self.recipe.text,
            labels: &task.labels,
            lineage: self.lineage,
            division: task.division,
            train: &task.train.facts,
            outcome: &outcome,
            evaluations: details
                .iter()
                .map(|(name, details)| (*name, &details.data, &details.evaluation))
                .collect(),
            warnings: &warnings,
            class_weights: self.steps.loss.unequal_weights(&task.labels),
        });
        self.recorder.write(model_card::README, card.as_bytes())?;
        if !outcome.has_found_something() {
            self.note(&format!(
                "no entity of the development data was found correctly in {} epochs of {} steps: {}",
                outcome.epochs,
                task.batches.steps(),
                collapse_guard::remedy(recipe)
            ))?;
        }
        let file = ScoresFile { outcome: &outcome, overlaps: &overlaps, warnings: &warnings, details };
        let scores = serde_json::to_string_pretty(&file).expect("scores are JSON") + "\n";
        self.recorder.write(SCORES, scores.as_bytes())?;
        Ok(outcome)
    }

    fn weights_hash(&self) -> Result<String, FinetuneError> {
        let path = self.recorder.folder().path();
        weights_hash(path).map_err(|source| FolderError::Read { path: path.join(WEIGHTS), source }.into())
    }
}
