//! A fine-tuning run under way: the loop over epochs and steps.

use std::time::Instant;

use burn::module::Module;
use burn::prelude::*;
use electra_annotations::{Comparison, Mode, Overlap, Scores, Split, Splits, TagSequences, Tags};
use electra_kernels::LoopGuard;
use electra_model::parameters::collect;
use electra_run::checkpoint::CheckpointStore;
use electra_run::interrupt::Interrupt;
use electra_run::metric::Scalars;
use electra_run::recipe::Resolved;
use electra_run::run_folder::RunFolder;
use electra_run::seed::{Purpose, derive};
use electra_train::encoder_init::Lineage;
use electra_train::{EpochEvent, EpochMonitor, EpochPlan, EpochRun, Resumed, Update};

use super::batches::TrainBatch;
use super::error::FinetuneError;
use super::run_record::{RunRecord, UnknownTags};
use super::snapshot;
use super::step::Steps;
use super::task::Task;
use super::{board, divisions, notes, run_record};
use crate::head::WordLoss;
use crate::initial_tagger::initial_tagger;
use crate::metrics::TaggerMetrics;
use crate::recipe::Recipe;
use crate::token_classifier::TokenClassifier;

/// The state from which the run in a folder goes on.
pub(super) fn resumed(
    task: &Task,
    of: (&RunFolder, &CheckpointStore),
    device: &Device,
) -> Result<Resumed<TokenClassifier>, FinetuneError> {
    let precision = task.recipe.train.precision;
    let length = [task.batches.steps(), task.recipe.train.epochs as u64];
    Resumed::read(
        of,
        |checkpoint| snapshot::load(checkpoint, task.shape(), &task.rates, device, precision, length),
        || {
            let seed = derive(task.recipe.seed, Purpose::Init, 0);
            let tagger = initial_tagger(task.start, &task.labels, task.head(), seed, device, precision)?;
            Ok(snapshot::start(tagger, &task.rates))
        },
    )
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) task: &'a Task<'a>,
    pub(super) recipe: &'a Resolved<Recipe>,
    pub(super) lineage: &'a Lineage,
    pub(super) splits: &'a Splits,
    pub(super) steps: Steps<'a>,
    pub(super) run: EpochRun<'a, TokenClassifier>,
}

impl<'a> Run<'a> {
    pub(super) fn begin(
        task: &'a Task<'a>,
        recipe: &'a Resolved<Recipe>,
        (lineage, splits): (&'a Lineage, &'a Splits),
        of: (RunFolder, CheckpointStore),
        resumed: Resumed<TokenClassifier>,
        device: &'a Device,
        monitor: &'a mut dyn EpochMonitor,
    ) -> Result<Self, FinetuneError> {
        let r = task.recipe;
        let steps = Steps {
            recipe: r,
            loss: WordLoss::new(r.loss.word.clone(), task.weights.clone()),
            rates: task.rates,
            schedule: r.schedule.over(task.total_steps()),
            device,
        };
        let unknown = UnknownTags::of(&task.labels, splits);
        let in_data = [unknown.notes(), run_record::left_out_notes(&task.train, splits)].concat();
        let weights = steps.loss.unequal_weights(&task.labels);
        let weights =
            (!weights.is_empty()).then(|| format!("words count in the loss as {}", weights.join(", ")));
        let divisions = divisions::notes(task.division, splits);
        let notes: Vec<String> =
            notes::notes(task, splits).into_iter().chain(in_data).chain(divisions).chain(weights).collect();
        let record = RunRecord {
            recipe_hash: &recipe.hash,
            parameters: collect(resumed.snapshot.model())
                .values()
                .map(|data| data.shape().num_elements())
                .sum(),
            labels: task.labels.names(),
            steps_per_epoch: task.batches.steps(),
            lineage,
            unknown_tags: unknown,
            class_weights: task.head().trains_words().then(|| steps.loss.weights_by_type(&task.labels)),
            overlaps: Overlap::all(splits, r.train.max_sentences),
        };
        let plan = EpochPlan {
            seed: r.seed,
            steps_per_epoch: task.batches.steps(),
            tokens_per_epoch: task.train.facts.tokens as u64,
            epochs: r.train.epochs,
            patience: r.train.patience,
            guard: r.guard,
            precision: r.train.precision,
            score: "dev_f1",
        };
        let hparams = (&record, &board::HPARAM_METRICS[..]);
        let run = EpochRun::begin(plan, of, resumed, recipe, hparams, &notes, monitor)?;
        Ok(Self { task, recipe, lineage, splits, steps, run })
    }

    /// Trains what is left; false if somebody interrupts.
    pub(super) fn train(&mut self, interrupt: &Interrupt) -> Result<bool, FinetuneError> {
        self.run.started();
        while !self.run.is_trained() {
            match self.epoch(interrupt) {
                Ok(true) => {}
                Ok(false) => {
                    self.run.interrupted(interrupt)?;
                    return Ok(false);
                }
                Err(error) => {
                    self.run.stopped_by(&error.to_string(), error.stopped())?;
                    return Err(error);
                }
            }
        }
        Ok(true)
    }

    /// The rest of the epoch under way; false if somebody interrupts.
    fn epoch(&mut self, interrupt: &Interrupt) -> Result<bool, FinetuneError> {
        let task = self.task;
        let (epoch, done) = self.run.position();
        let batches = task.batches.of_epoch(epoch, task.recipe.micro_batch_size());
        let (mut words, mut learning_rate, clock) = (0, None, Instant::now());
        let _loop = LoopGuard::begin();
        for parts in &batches[done..] {
            if interrupt.is_requested() {
                return Ok(false);
            }
            let parts = TrainBatch::of_step(&task.windowed, parts, &task.targets);
            let step = self.steps.take(&mut self.run.snapshot, &parts)?;
            words += step.words;
            learning_rate = Some(step.learning_rate);
            let update = Update { clip: step.clip, loss_scale: step.loss_scale };
            self.run.step_done(step.loss, step.weight, &update)?;
        }
        let seconds = clock.elapsed().as_secs_f64();
        let learning_rate =
            learning_rate.unwrap_or_else(|| self.steps.schedule.at(self.run.snapshot.step() - 1));
        let words_per_second = if words > 0 { words as f64 / seconds } else { f64::NAN };
        let measured = self.evaluate();
        let measured =
            measured.with("learning_rate", learning_rate).with("words_per_second", words_per_second);
        self.run.end_epoch::<_, FinetuneError>(measured)?;
        Ok(true)
    }

    /// Scores on the development data.
    fn evaluate(&mut self) -> Scalars<TaggerMetrics> {
        let task = self.task;
        let clock = Instant::now();
        let tagger = self.run.snapshot.model().valid();
        let total = task.dev.windows.len();
        let mut progress = |done| self.run.monitor.on(EpochEvent::Evaluating { split: "dev", done, total });
        let tags = task.tags(&tagger, &task.dev, &self.steps.device.clone().inner(), &mut progress);
        let scores = scores(&self.splits.dev, &tags);
        Scalars::default()
            .with("dev_precision", scores.micro.precision)
            .with("dev_recall", scores.micro.recall)
            .with("dev_f1", scores.micro.f1)
            .with("dev_token_accuracy", scores.token_accuracy)
            .with("dev_seconds", clock.elapsed().as_secs_f64())
    }
}

/// Scores by the rules of conlleval.
pub(super) fn scores(split: &Split, predicted: &TagSequences) -> Scores {
    let [gold, predicted] = [split.sentences.tags(), predicted].map(|tags| tags.iter().map(Tags::to_vec));
    let comparison = Comparison::of(gold, predicted, Mode::Default);
    let comparison = comparison.expect("every word has a tag, and a split has words");
    Scores::of(&comparison.with_left_out(&split.left_out))
}
