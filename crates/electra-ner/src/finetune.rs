//! Fine-tuning with one seed: epochs, evaluation, checkpoints, and what the run leaves behind.
//!
//! ```text
//! RUN/config.json model.safetensors vocab.txt ...   the tagger of the best epoch
//!     predictions-dev.conll predictions-test.conll  token gold predicted
//!     scores.json README.md                         scores, model card; scores.json comes last
//!     recipe.toml run.json metrics.jsonl tensorboard/ checkpoints/
//! ```

pub(crate) mod batches;
mod board;
mod divisions;
mod error;
mod forecast;
mod notes;
mod outputs;
mod run_record;
pub mod snapshot;
pub(crate) mod step;
mod task;

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::Module;
use burn::prelude::*;
use electra_kernels::InLoop;
use electra_model::parameters::collect;
use electra_run::checkpoint::CheckpointStore;
use electra_run::code::{CodeVersions, START_VALUES};
use electra_run::interrupt::Interrupt;
use electra_run::process;
use electra_run::recipe::Resolved;
use electra_run::record::{Record, read_metrics};
use electra_run::run_folder::{RunFolder, RunIdentity};
use electra_run::seed::{Purpose, derive};
use electra_train::collapse;
use electra_train::epochs::EpochScore;
use electra_train::recorder::{COLLAPSED, DIVERGED, FINISHED};
use electra_train::resume::{passed_over, resume};
use electra_train::{Beginning, Recorder, RunError};

use crate::collapse_guard;
use crate::head::WordLoss;
use crate::initial_tagger::initial_tagger;
use crate::monitor::{EpochRecord, Event, Monitor};
use crate::recipe::{FREE_KEYS, Recipe};
use crate::tagger_folder::TaggerFolder;
use electra_annotations::{Comparison, Mode, Overlap, Scores, Split, Splits, TagSequences, Tags};
use electra_train::encoder_init::{EncoderInit, Lineage};

use outputs::Standing;
use run_record::{RunRecord, UnknownTags};
use task::Task;

pub use batches::{EpochBatches, Targets, TrainBatch};
pub use error::FinetuneError;
pub use forecast::forecast;
pub use outputs::{Outcome, PREDICTIONS_DEV, PREDICTIONS_TEST, SCORES, SplitOutcome};
pub use snapshot::{Snapshot, load as load_snapshot, start as start_snapshot, tagger_of};
pub use step::Steps;
pub use task::check;

/// Version of what fine-tuning does beside the kernels: windows, the order of sentences, losses, schedule,
/// decoding and scores. Raised with every change of what it gives (`docs/decisions/0007`). 2: the parts of a step
/// have one length and drop by a window's place in the step; a step in one part is as in 1.
pub const FINE_TUNING_VERSION: u32 = 2;

/// Where and with what a run takes place; none of it decides the weights' meaning.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The device, without autodiff.
    pub device: Device,
    /// Its name on the command line.
    pub device_name: String,
    /// CPU threads.
    pub threads: usize,
    /// Name and version of the program.
    pub program_version: String,
}

/// How a run came to an end without an error.
#[derive(Clone, Debug)]
pub enum Ended {
    /// Trained, evaluated and written.
    Finished(Box<Outcome>),
    /// Somebody asked it to stop; the same again goes on.
    Interrupted,
}

/// Fine-tunes `start` on `splits` in the folder `run`, from its last checkpoint if it has one. A run
/// that is finished is not trained again; only a test file that it was not scored on is, and files
/// that are damaged are written again.
///
/// # Errors
/// Whatever keeps the run from going on. Steps since the last checkpoint are then lost.
pub fn finetune(
    recipe: &Resolved<Recipe>,
    start: &EncoderInit,
    splits: &Splits,
    run: PathBuf,
    environment: &Environment,
    interrupt: &Interrupt,
    monitor: &mut dyn Monitor,
) -> Result<Ended, FinetuneError> {
    let r = &recipe.value;
    let task = Task::new(r, start, splits)?;
    let lineage = start.lineage();
    let folder =
        RunFolder::create_or_resume(run, &identity(recipe, environment, &task.train, splits, &lineage))
            .map_err(RunError::from)?;
    folder.changes.iter().for_each(|message| monitor.note(0, message));
    let standing = Standing::read(folder.path(), splits);
    if let Standing::Finished(outcome) = standing {
        let message = match outcome.has_earlier_test {
            false => "finished already",
            true => {
                "finished already; the scores on test data of an earlier call stay in scores.json, name the \
                 data with --test to see them"
            }
        };
        monitor.note(outcome.steps, message);
        return Ok(Ended::Finished(Box::new(outcome)));
    }
    let device = environment.device.clone().autodiff();
    if let Standing::Tagger { outcome, why } = &standing {
        // Whatever has become of the checkpoints, what is asked for is about this tagger.
        let tagger = TaggerFolder::open(folder.path())?.tagger(&device, r.train.precision)?;
        let mut snapshot = snapshot::start(tagger, &task.rates);
        snapshot.progress.step = outcome.steps;
        let store = CheckpointStore::reading(folder.checkpoints());
        let told =
            format!("not trained again; its files are written again, from the tagger that is there: {why}");
        let resumed = Resumed { snapshot, last_saved: None, notes: vec![told] };
        let mut run = Run::begin(&task, recipe, &lineage, splits, folder, store, resumed, &device, monitor)?;
        return run.score(outcome);
    }
    let store = CheckpointStore::open(folder.checkpoints(), 1).map_err(RunError::from)?;
    let mut resumed = Resumed::read(&task, &folder, &store, &device)?;
    if let Standing::Damaged(damage) = &standing {
        let again = match resumed.last_saved {
            Some(_) => "its files are written again",
            None => "it is trained again, as no checkpoint is left to write its files from",
        };
        resumed.notes.push(format!("the run was finished, and {again}: {damage}"));
    }
    Run::begin(&task, recipe, &lineage, splits, folder, store, resumed, &device, monitor)?
        .until_the_end(interrupt)
}

/// Where a run goes on.
struct Resumed {
    snapshot: Snapshot,
    /// Step of the checkpoint, if it is one.
    last_saved: Option<u64>,
    /// What is to be told of it.
    notes: Vec<String>,
}

impl Resumed {
    /// From the last checkpoint, or from the start if there is none.
    fn read(
        task: &Task,
        folder: &RunFolder,
        store: &CheckpointStore,
        device: &Device,
    ) -> Result<Self, FinetuneError> {
        let precision = task.recipe.train.precision;
        let found = store.latest_valid().map_err(RunError::from)?;
        let snapshot = resume(
            &found,
            &folder.checkpoints(),
            |checkpoint| {
                let length = [task.batches.steps(), task.recipe.train.epochs as u64];
                snapshot::load(checkpoint, task.shape(), &task.rates, device, precision, length)
            },
            || -> Result<_, FinetuneError> {
                let seed = derive(task.recipe.seed, Purpose::Init, 0);
                let tagger = initial_tagger(task.start, &task.labels, task.head(), seed, device, precision)?;
                Ok(snapshot::start(tagger, &task.rates))
            },
        )?;
        let last_saved = found.checkpoint.as_ref().map(|checkpoint| checkpoint.step);
        Ok(Self { snapshot, last_saved, notes: passed_over(&found) })
    }
}

/// A run under way.
struct Run<'a> {
    task: &'a Task<'a>,
    recipe: &'a Resolved<Recipe>,
    lineage: &'a Lineage,
    splits: &'a Splits,
    recorder: Recorder,
    steps: Steps<'a>,
    snapshot: Snapshot,
    monitor: &'a mut dyn Monitor,
}

impl<'a> Run<'a> {
    #[allow(clippy::too_many_arguments)]
    fn begin(
        task: &'a Task<'a>,
        recipe: &'a Resolved<Recipe>,
        lineage: &'a Lineage,
        splits: &'a Splits,
        folder: RunFolder,
        store: CheckpointStore,
        resumed: Resumed,
        device: &'a Device,
        monitor: &'a mut dyn Monitor,
    ) -> Result<Self, FinetuneError> {
        let r = task.recipe;
        let steps = Steps {
            recipe: r,
            loss: WordLoss::new(r.loss.word.clone(), task.weights.clone()),
            rates: task.rates,
            schedule: r.schedule(task.total_steps()),
            device,
        };
        let Resumed { snapshot, last_saved, notes: told } = resumed;
        let unknown = UnknownTags::of(&task.labels, splits);
        let notes = [unknown.notes(), run_record::left_out_notes(&task.train, splits)].concat();
        let record = RunRecord {
            recipe_hash: &recipe.hash,
            parameters: collect(snapshot.model()).values().map(|data| data.shape().num_elements()).sum(),
            labels: task.labels.names(),
            steps_per_epoch: task.batches.steps(),
            lineage,
            unknown_tags: unknown,
            class_weights: task.head().trains_words().then(|| steps.loss.weights_by_type(&task.labels)),
            overlaps: Overlap::all(splits, r.train.max_sentences),
        };
        let step = snapshot.step();
        let beginning = Beginning {
            record: &record,
            recipe_text: &recipe.text,
            step,
            last_saved,
            hparams: (board::hparams(r), &board::COMPARED),
        };
        let changes = folder.changes.clone();
        let recorder = Recorder::open(folder, store, &beginning)?;
        let weights = steps.loss.unequal_weights(&task.labels);
        let weights =
            (!weights.is_empty()).then(|| format!("words count in the loss as {}", weights.join(", ")));
        let divisions = divisions::notes(task.division, splits);
        let known = told.into_iter().chain(notes::notes(task, splits));
        let notes: Vec<String> = known.chain(notes).chain(divisions).chain(weights).collect();
        let mut run = Self { task, recipe, lineage, splits, recorder, steps, snapshot, monitor };
        for note in notes {
            run.note(&note)?;
        }
        for change in changes {
            run.recorder.event(step, &change)?;
        }
        run.recorder.adopt_recipe()?;
        Ok(run)
    }

    fn until_the_end(&mut self, interrupt: &Interrupt) -> Result<Ended, FinetuneError> {
        let epochs = self.task.recipe.train.epochs;
        self.monitor.on(Event::Started {
            seed: self.task.recipe.seed,
            step: self.snapshot.step(),
            steps_per_epoch: self.task.batches.steps(),
            epochs,
        });
        let begun = self.snapshot.progress.epochs.len();
        while !self.is_trained() {
            match self.epoch(begun, interrupt) {
                Ok(true) => {}
                Ok(false) => {
                    self.recorder.save_once(&self.snapshot, None, self.monitor)?;
                    self.end(interrupt.reason().unwrap_or("request"))?;
                    return Ok(Ended::Interrupted);
                }
                Err(error) => return Err(self.stopped_by(error)?),
            }
        }
        let outcome = self.finish()?;
        self.end(FINISHED)?;
        Ok(Ended::Finished(Box::new(outcome)))
    }

    /// Writes down that `error` ends the run, or saves what it has reached if log or disk failed; the same error.
    fn stopped_by(&mut self, error: FinetuneError) -> Result<FinetuneError, FinetuneError> {
        let reason = match &error {
            FinetuneError::Run(RunError::Diverged(_)) => DIVERGED,
            FinetuneError::Collapsed(_) => COLLAPSED,
            // An epoch that was scored competes for the best with its F1.
            _ => {
                let progress = &self.snapshot.progress;
                let scored = progress.epochs.last().filter(|_| progress.open.steps == 0);
                let metric = scored.map(|score| 1.0 - score.score);
                self.recorder.save_after_error(&self.snapshot, metric, self.monitor);
                return Ok(error);
            }
        };
        self.recorder.event(self.snapshot.step(), &error.to_string())?;
        self.end(reason)?;
        Ok(error)
    }

    /// Scores the tagger that is there.
    fn score(&mut self, finished: &Outcome) -> Result<Ended, FinetuneError> {
        let tagger = self.snapshot.model().valid();
        let outcome = self.leave(&tagger, finished.best_epoch, finished.epochs)?;
        self.end(FINISHED)?;
        Ok(Ended::Finished(Box::new(outcome)))
    }

    /// Whether all epochs are done or none has been better for too long.
    fn is_trained(&self) -> bool {
        let (train, progress) = (&self.task.recipe.train, &self.snapshot.progress);
        progress.epochs.len() >= train.epochs
            || train.patience.is_some_and(|patience| progress.stale() >= patience)
    }

    /// The rest of the epoch under way; false if somebody interrupts.
    fn epoch(&mut self, begun: usize, interrupt: &Interrupt) -> Result<bool, FinetuneError> {
        let task = self.task;
        let epoch = self.snapshot.progress.epochs.len() as u64;
        let batches = task.batches.of_epoch(epoch, task.recipe.micro_batch_size());
        let done = (self.snapshot.step() - epoch * task.batches.steps()) as usize;
        let (mut words, mut learning_rate, clock) = (0, None, Instant::now());
        let _loop = InLoop::begin();
        for parts in &batches[done..] {
            if interrupt.is_requested() {
                return Ok(false);
            }
            let parts = TrainBatch::of_step(&task.windowed, parts, &task.targets);
            let step = self.steps.take(&mut self.snapshot, &parts)?;
            self.snapshot.progress.open.add(step.loss, step.weight, step.clip.norm);
            words += step.words;
            learning_rate = Some(step.learning_rate);
            let (done, precision) = (self.snapshot.step(), task.recipe.train.precision);
            self.monitor.stepped(done);
            self.recorder.note_loss_scale(done, step.loss_scale, precision, self.monitor)?;
        }
        let seconds = clock.elapsed().as_secs_f64();
        let learning_rate = learning_rate.unwrap_or_else(|| self.steps.schedule.at(self.snapshot.step() - 1));
        let words_per_second = (words > 0).then(|| words as f64 / seconds);
        self.end_epoch(begun, learning_rate, words_per_second)?;
        Ok(true)
    }

    fn end_epoch(
        &mut self,
        begun: usize,
        learning_rate: f64,
        words_per_second: Option<f64>,
    ) -> Result<(), FinetuneError> {
        let task = self.task;
        let clock = Instant::now();
        let tagger = self.snapshot.model().valid();
        let total = task.dev.windows.len();
        let mut told = |done| self.monitor.on(Event::Evaluating { split: "dev", done, total });
        let tags = task.tags(&tagger, &task.dev, &self.steps.device.clone().inner(), &mut told);
        let scores = scores(&self.splits.dev, &tags);
        let progress = &mut self.snapshot.progress;
        let open = std::mem::take(&mut progress.open);
        let score = EpochScore { loss: open.loss / open.weight, score: scores.micro.f1 };
        progress.epochs.push(score);
        let done = progress.epochs.len();
        let record = EpochRecord {
            epoch: done,
            loss: score.loss,
            dev_precision: scores.micro.precision,
            dev_recall: scores.micro.recall,
            dev_f1: score.score,
            dev_token_accuracy: scores.token_accuracy,
            is_best: progress.best().is_some_and(|(epoch, _)| epoch + 1 == done),
            learning_rate,
            grad_norm: open.grad_norm / open.steps as f64,
            words_per_second,
            dev_seconds: clock.elapsed().as_secs_f64(),
            rss_mb: process::rss().map(|bytes| bytes as f64 / 1e6),
        };
        let (step, epochs) = (progress.step, task.recipe.train.epochs);
        self.recorder.line("epoch", step, &record)?;
        self.recorder.scalars(step, &board::of_epoch(&record), self.monitor)?;
        let each = self.recorder.seconds() / (done - begun) as f64;
        let seconds_left = each * (epochs - done) as f64;
        self.monitor.on(Event::Epoch { record: &record, epochs, seconds_left });
        // Before saving: what the guard stops shall stop again when the same command is repeated.
        collapse::check(task.recipe.guard, &self.snapshot.progress.epochs, step)
            .map_err(FinetuneError::Collapsed)?;
        self.recorder.save(&self.snapshot, Some(1.0 - score.score), self.monitor)?;
        if self.is_trained() && done < epochs {
            self.note(&format!(
                "stopped early: {} epochs without a better F1",
                self.snapshot.progress.stale()
            ))?;
        }
        Ok(())
    }

    fn note(&mut self, message: &str) -> Result<(), FinetuneError> {
        Ok(self.recorder.note(self.snapshot.step(), message, self.monitor)?)
    }

    /// Closes the logs.
    fn end(&mut self, reason: &str) -> Result<(), FinetuneError> {
        let step = self.snapshot.step();
        // The steps of a run that is scored again are what its file says.
        let words =
            self.task.train.facts.tokens as u128 * u128::from(step) / u128::from(self.task.batches.steps());
        let words = u64::try_from(words).unwrap_or(u64::MAX);
        Ok(self.recorder.end(step, words, reason, None, self.monitor)?)
    }
}

/// Advice for a diverged run.
const DIVERGENCE_REMEDY: &str = "lower schedule.learning_rate (half of it is a good try) or lengthen \
    schedule.warmup, and start in a new folder; with 16-bit precision, try train.precision = \"f32\" first";

/// How the run in a folder was stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It learned nothing.
    Collapsed,
    /// Its numbers went out of bounds.
    Diverged,
}

impl Stopped {
    /// Advice on a run of `recipe`, in its keys.
    #[must_use]
    pub fn remedy(self, recipe: &Recipe) -> String {
        match self {
            Self::Collapsed => collapse_guard::remedy(recipe),
            Self::Diverged => DIVERGENCE_REMEDY.to_owned(),
        }
    }
}

/// How the run in a folder was stopped, with the sentence that its log has about it; none if it was not.
#[must_use]
pub fn stopped_by(run: &Path) -> Option<(Stopped, String)> {
    let records = read_metrics(&run.join("metrics.jsonl")).ok()?;
    let [.., event, end] = records.as_slice() else { return None };
    let text = |record: &Record, field: &str| Some(record.fields.get(field)?.as_str()?.to_owned());
    let stopped = match text(end, "reason")?.as_str() {
        COLLAPSED => Stopped::Collapsed,
        DIVERGED => Stopped::Diverged,
        _ => return None,
    };
    Some((stopped, text(event, "message")?))
}

/// Scores by the rules of conlleval.
fn scores(split: &Split, predicted: &TagSequences) -> Scores {
    let [gold, predicted] = [split.sentences.tags(), predicted].map(|tags| tags.iter().map(Tags::to_vec));
    let comparison = Comparison::of(gold, predicted, Mode::Default);
    let comparison = comparison.expect("every word has a tag, and a split has words");
    Scores::of(&comparison.with_left_out(&split.left_out))
}

/// Of what decides a tagger beside recipe, data and model.
fn code_versions() -> CodeVersions {
    CodeVersions::new([
        ("fine-tuning", FINE_TUNING_VERSION),
        (START_VALUES, electra_model::START_VALUES_VERSION),
        ("kernels", electra_model::NUMERICS_VERSION),
        ("reader", electra_text::READER_VERSION),
    ])
}

fn identity(
    recipe: &Resolved<Recipe>,
    environment: &Environment,
    train: &Split,
    splits: &Splits,
    lineage: &Lineage,
) -> RunIdentity {
    // The test data decides nothing.
    let data = format!("{} {}", train.facts.hash, splits.dev.facts.hash);
    RunIdentity {
        recipe_text: recipe.text.clone(),
        recipe_hash: recipe.hash_without(FREE_KEYS),
        free_keys: FREE_KEYS,
        data_hash: blake3::hash(data.as_bytes()).to_hex().to_string(),
        tokenizer_hash: lineage.tokenizer_hash.clone(),
        model_hash: Some(lineage.model_hash.clone()),
        code: code_versions(),
        program_version: environment.program_version.clone(),
        device: environment.device_name.clone(),
        threads: environment.threads,
    }
}
