//! The output of a finished run: tagger, predictions, scores, model card.

use std::collections::BTreeMap;

use electra_annotations::{
    Evaluation, EvaluationSettings, Overlap, Predictions, SeenEntities, SplitFacts, evaluate,
    overlap_warnings,
};
use electra_train::layout::WEIGHTS;
use electra_train::{EpochEvent, RunError};
use serde::Serialize;

use super::agreement::TransformersAgreement;
use super::board;
use super::calibrate::calibrate;
use super::error::FinetuneError;
use super::outcome::{Outcome, PREDICTIONS_DEV, PREDICTIONS_TEST, SCORES, SplitOutcome, weights_hash};
use super::run::Run;
use super::snapshot::tagger_of;
use crate::calibration::{Calibration, ScoredSplit, SplitCalibration};
use crate::collapse_guard;
use crate::folder_error::FolderError;
use crate::model_card::{self, Card, EvaluatedSplit};
use crate::predict::WindowedSentences;
use crate::tagger_folder::{TaggerFolder, TaggerSettings};
use crate::token_classifier::TokenClassifier;

/// The content of `scores.json`.
#[derive(Serialize)]
struct ScoresFile<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    /// Sentences that the splits share.
    overlaps: &'a [Overlap],
    /// The warnings that have to be known to read the scores, a sentence each.
    warnings: &'a [String],
    details: BTreeMap<&'static str, Details>,
}

/// The scores of a split, in full.
#[derive(Serialize)]
struct Details {
    data: SplitFacts,
    /// Tags that the training data lacks, with the number of words.
    unknown_tags: BTreeMap<String, u64>,
    #[serde(flatten)]
    evaluation: Evaluation,
    /// Whether its scores are probabilities.
    calibration: SplitCalibration,
    /// Agreement with transformers, which reads each sentence alone and labels word by word.
    transformers: TransformersAgreement,
}

impl Run<'_> {
    /// Loads the best epoch, evaluates it, and writes everything.
    pub(super) fn finish(&mut self) -> Result<Outcome, FinetuneError> {
        let task = self.task;
        let recipe = task.recipe;
        let progress = &self.run.snapshot.progress;
        let (best_epoch, _) = progress.best().expect("a recipe has epochs, and a trained run has done some");
        // Another checkpoint would be another tagger under these scores.
        let best = self.run.recorder.store().of_step((best_epoch as u64 + 1) * task.batches.steps());
        let best = best.map_err(|damage| FinetuneError::BestLost {
            run: self.run.recorder.folder().path().to_owned(),
            epoch: best_epoch + 1,
            damage,
        })?;
        let device = self.steps.device.clone().inner();
        let tagger =
            tagger_of(&best, task.shape(), &device, recipe.train.precision).map_err(RunError::from)?;
        let epochs = progress.epochs.len();
        self.write_all(&tagger, best_epoch + 1, epochs)
    }

    /// Evaluates a tagger, that of epoch `best_epoch` of so many, and writes everything.
    pub(super) fn write_all(
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
        let decoder = task.decoder(tagger);
        let mut calibration: Option<Calibration> = None;
        let given = [
            ("dev", Some(&self.splits.dev), PREDICTIONS_DEV),
            ("test", self.splits.test.as_ref(), PREDICTIONS_TEST),
        ];
        for (name, split, file) in given {
            let Some(split) = split else { continue };
            let windowed =
                WindowedSentences::new(&split.sentences, task.start.tokenizer(), &recipe.windows());
            let total = windowed.windows.len();
            let mut progress =
                |done| self.run.monitor.on(EpochEvent::Evaluating { split: name, done, total });
            let logits = task.logits(tagger, &windowed, &device, &mut progress);
            let predicted = windowed.decoded_tags(&logits, &decoder, &task.labels);
            // The development data comes first.
            let scored = ScoredSplit { split, logits: &logits, labels: &task.labels };
            let calibration =
                calibration.get_or_insert_with(|| calibrate(scored, &decoder, recipe.labels.decoding));
            let calibrated = decoder.at_temperature(calibration.fit.temperature);
            let calibration = SplitCalibration::of(scored, &calibrated);
            let transformers = TransformersAgreement::of(
                task,
                (tagger, &device),
                split,
                (&logits, &predicted),
                &windowed,
                &mut progress,
            );
            let predictions = Predictions::of(split.gold(), predicted);
            predictions.write(&self.run.recorder.folder().path().join(file))?;
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
            let data = split.facts.clone();
            details.insert(name, Details { data, unknown_tags, evaluation, calibration, transformers });
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
            self.run.recorder.folder().path(),
            tagger,
            task.shape(),
            recipe.dropout,
            settings,
            tokenizer,
        );
        TaggerFolder { pretraining: self.lineage.progress, calibration, ..folder }.write()?;
        let mut outcomes = outcomes.into_iter();
        let outcome = Outcome {
            run: self.run.recorder.folder().path().to_owned(),
            seed: recipe.seed,
            steps: self.run.snapshot.step(),
            epochs,
            best_epoch,
            weights_hash: Some(self.weights_hash()?),
            dev: outcomes.next().expect("there is development data"),
            test: outcomes.next(),
            has_earlier_test: false,
        };
        for (name, scores) in [("dev", Some(&outcome.dev)), ("test", outcome.test.as_ref())] {
            let Some(scores) = scores else { continue };
            self.run.recorder.scalars(outcome.steps, &board::of_split(name, scores), self.run.monitor)?;
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
                .map(|(name, details)| EvaluatedSplit {
                    name,
                    data: &details.data,
                    evaluation: &details.evaluation,
                    calibration: &details.calibration,
                    transformers: details.transformers,
                })
                .collect(),
            train_path: &task.train.path,
            positions: task.start.config().max_position_embeddings,
            warnings: &warnings,
            class_weights: self.steps.loss.unequal_weights(&task.labels),
        });
        self.run.recorder.write(model_card::README, card.as_bytes())?;
        if !outcome.has_found_something() {
            self.run.note(&format!(
                "no entity of the development data was found correctly in {} epochs of {} steps: {}",
                outcome.epochs,
                task.batches.steps(),
                collapse_guard::collapse_remedy(recipe)
            ))?;
        }
        let file = ScoresFile { outcome: &outcome, overlaps: &overlaps, warnings: &warnings, details };
        let scores = serde_json::to_string_pretty(&file).expect("scores are JSON") + "\n";
        self.run.recorder.write(SCORES, scores.as_bytes())?;
        Ok(outcome)
    }

    fn weights_hash(&self) -> Result<String, FinetuneError> {
        let path = self.run.recorder.folder().path();
        weights_hash(path).map_err(|source| FolderError::Read { path: path.join(WEIGHTS), source }.into())
    }
}
