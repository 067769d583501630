//! A run that is scored after each epoch, under way: what surrounds its loop.
//!
//! The loop is the task's own. It calls [`step_done`](EpochRun::step_done) after each step,
//! [`end_epoch`](EpochRun::end_epoch) when it has scored an epoch, and [`end`](EpochRun::end),
//! [`interrupted`](EpochRun::interrupted) or [`stopped_by`](EpochRun::stopped_by) when it is over.

use burn::module::Module;
use electra_model::Precision;
use electra_run::checkpoint::{Checkpoint, CheckpointStore};
use electra_run::interrupt::Interrupt;
use electra_run::metric::{MetricTable, Scalars};
use electra_run::process;
use electra_run::recipe::Resolved;
use electra_run::record::hparams;
use electra_run::run_folder::RunFolder;
use serde::Serialize;

use crate::collapse::{self, Collapse, GuardConfig};
use crate::epoch_monitor::{EpochEvent, EpochMonitor, EpochRecord};
use crate::epochs::{EpochProgress, EpochScore};
use crate::error::RunError;
use crate::recorder::{Recorder, RunStart};
use crate::resume::{resume, skipped_checkpoints};
use crate::snapshot::{Snapshot, SnapshotError};
use crate::stopped::Stopped;
use crate::update::Update;

/// The end of a run without an error.
#[derive(Clone, Debug)]
pub enum RunEnd<O> {
    /// Trained, evaluated and written.
    Finished(Box<O>),
    /// The run was asked to stop; the same again goes on.
    Interrupted,
}

/// Length of a run, and when it ends before.
#[derive(Clone, Copy, Debug)]
pub struct EpochPlan {
    /// The seed of the run.
    pub seed: u64,
    /// Updates of the weights in an epoch.
    pub steps_per_epoch: u64,
    /// Words of the training data, or what its task counts instead.
    pub tokens_per_epoch: u64,
    /// Epochs of the whole run.
    pub epochs: usize,
    /// Ends after so many epochs without a better score, if given.
    pub patience: Option<usize>,
    /// When a run that learns nothing is stopped.
    pub guard: GuardConfig,
    /// Precision of matrix products.
    pub precision: Precision,
    /// Key of the metric that epochs are chosen by, from 0 to 1.
    pub score: &'static str,
}

/// The state from which a run goes on.
pub struct Resumed<M> {
    /// State that it goes on from.
    pub snapshot: Snapshot<M, EpochProgress>,
    /// Step of the checkpoint, if it is one.
    pub last_saved: Option<u64>,
    /// The notes about the resume, for the user.
    pub notes: Vec<String>,
}

impl<M: Module> Resumed<M> {
    /// From the last checkpoint of `store`, or from the start if there is none; as [`resume`].
    ///
    /// # Errors
    /// As [`resume`].
    pub fn read<E: From<RunError>>(
        (folder, store): (&RunFolder, &CheckpointStore),
        load: impl FnOnce(&Checkpoint) -> Result<Snapshot<M, EpochProgress>, SnapshotError>,
        start: impl FnOnce() -> Result<Snapshot<M, EpochProgress>, E>,
    ) -> Result<Self, E> {
        let found = store.latest_valid().map_err(RunError::from)?;
        let snapshot = resume(&found, &folder.checkpoints(), load, start)?;
        let last_saved = found.checkpoint.as_ref().map(|checkpoint| checkpoint.step);
        Ok(Self { snapshot, last_saved, notes: skipped_checkpoints(&found) })
    }
}

/// A run under way.
pub struct EpochRun<'a, M> {
    /// Log, TensorBoard and checkpoints.
    pub recorder: Recorder,
    /// The state of the run: everything that changes.
    pub snapshot: Snapshot<M, EpochProgress>,
    /// Whoever watches.
    pub monitor: &'a mut dyn EpochMonitor,
    plan: EpochPlan,
    /// Epochs that were done before this process.
    begun: usize,
}

impl<'a, M: Module> EpochRun<'a, M> {
    /// A run that goes on from `resumed` in `folder`: its log begins with `record`, TensorBoard has the values of
    /// its recipe and compares it by the tags `compared`; `notes` are told behind those of `resumed`.
    ///
    /// # Errors
    /// If log or recipe cannot be written.
    pub fn begin<T: Serialize>(
        plan: EpochPlan,
        (folder, store): (RunFolder, CheckpointStore),
        resumed: Resumed<M>,
        recipe: &Resolved<T>,
        (record, compared): (&impl Serialize, &[&str]),
        notes: &[String],
        monitor: &'a mut dyn EpochMonitor,
    ) -> Result<Self, RunError> {
        let Resumed { snapshot, last_saved, notes: resumed_notes } = resumed;
        let step = snapshot.step();
        let hparams = (hparams(&recipe.value), compared);
        let beginning = RunStart { record, recipe_text: &recipe.text, step, last_saved, hparams };
        let changes = folder.changes.clone();
        let recorder = Recorder::open(folder, store, &beginning)?;
        let begun = snapshot.progress.epochs.len();
        let mut run = Self { recorder, snapshot, monitor, plan, begun };
        for note in resumed_notes.iter().chain(notes) {
            run.note(note)?;
        }
        for change in changes {
            run.recorder.event(step, &change)?;
        }
        run.recorder.adopt_recipe()?;
        Ok(run)
    }

    /// Tells whoever watches that the loop is about to begin.
    pub fn started(&mut self) {
        let EpochPlan { seed, steps_per_epoch, epochs, .. } = self.plan;
        let step = self.snapshot.step();
        self.monitor.on(EpochEvent::Started { seed, step, steps_per_epoch, epochs });
    }

    /// Whether all epochs are done or none has been better for too long.
    #[must_use]
    pub fn is_trained(&self) -> bool {
        let progress = &self.snapshot.progress;
        progress.epochs.len() >= self.plan.epochs
            || self.plan.patience.is_some_and(|patience| progress.epochs_since_best() >= patience)
    }

    /// The epoch under way, from 0, and how many of its steps are done.
    #[must_use]
    pub fn position(&self) -> (u64, usize) {
        let epoch = self.snapshot.progress.epochs.len() as u64;
        (epoch, (self.snapshot.step() - epoch * self.plan.steps_per_epoch) as usize)
    }

    /// Counts a step: the weighted sum of its losses, their weights, and its update.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn step_done(&mut self, loss: f64, weight: f64, update: &Update) -> Result<(), RunError> {
        self.snapshot.progress.open.add(loss, weight, update.clip.norm);
        let step = self.snapshot.step();
        self.monitor.step_done(step);
        self.recorder.note_loss_scale(step, update.loss_scale, self.plan.precision, self.monitor)
    }

    /// Writes down an epoch that was scored, and saves it. The `scalars` are those that the task measures; `loss`,
    /// `grad_norm` and `rss_mb`, which its table has as well, are set here.
    ///
    /// # Errors
    /// If log or checkpoint cannot be written, or the run has collapsed.
    ///
    /// # Panics
    /// If the score is not among the scalars.
    pub fn end_epoch<T: MetricTable, E: From<RunError> + From<Collapse>>(
        &mut self,
        scalars: Scalars<T>,
    ) -> Result<(), E> {
        let score = scalars.get(self.plan.score).expect("the task has scored the epoch");
        let progress = &mut self.snapshot.progress;
        let open = std::mem::take(&mut progress.open);
        let scored = EpochScore { loss: open.loss / open.weight, score };
        progress.epochs.push(scored);
        let (done, step, epochs) = (progress.epochs.len(), progress.step, self.plan.epochs);
        let is_best = progress.best().is_some_and(|(epoch, _)| epoch + 1 == done);
        let scalars = scalars
            .with("loss", scored.loss)
            .with("grad_norm", open.grad_norm / open.steps as f64)
            .with("rss_mb", process::rss().map_or(f64::NAN, |bytes| bytes as f64 / 1e6));
        let record = EpochRecord::new(done, is_best, &scalars);
        self.recorder.line("epoch", step, &record)?;
        self.recorder.scalars(step, &record.tagged(), self.monitor)?;
        let each = self.recorder.seconds() / (done - self.begun) as f64;
        let seconds_left = each * (epochs - done) as f64;
        self.monitor.on(EpochEvent::Epoch { record: &record, epochs, seconds_left });
        // Before saving: what the guard stops shall stop again when the same command is repeated.
        collapse::check(self.plan.guard, &self.snapshot.progress.epochs, step)?;
        self.recorder.save(&self.snapshot, Some(1.0 - score), self.monitor)?;
        if self.is_trained() && done < epochs {
            let stale = self.snapshot.progress.epochs_since_best();
            let name = T::metrics()[T::position(self.plan.score)].title;
            self.note(&format!("stopped early: {stale} epochs without a better {name}"))?;
        }
        Ok(())
    }

    /// Writes a sentence into the log and tells whoever watches.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn note(&mut self, message: &str) -> Result<(), RunError> {
        self.recorder.note(self.snapshot.step(), message, self.monitor)
    }

    /// Saves the steps that are done, and closes the logs.
    ///
    /// # Errors
    /// If log or checkpoint cannot be written.
    pub fn interrupted(&mut self, interrupt: &Interrupt) -> Result<(), RunError> {
        self.recorder.save_once(&self.snapshot, None, self.monitor)?;
        self.end(interrupt.reason().unwrap_or("request"))
    }

    /// Writes down that an error ends the run, if it `stopped` training; otherwise log or disk failed, and what the
    /// run has reached is saved.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn stopped_by(&mut self, error: &str, stopped: Option<Stopped>) -> Result<(), RunError> {
        let Some(stopped) = stopped else {
            // An epoch that was scored competes for the best with its score.
            let progress = &self.snapshot.progress;
            let scored = progress.epochs.last().filter(|_| progress.open.steps == 0);
            let metric = scored.map(|score| 1.0 - score.score);
            self.recorder.save_after_error(&self.snapshot, metric, self.monitor);
            return Ok(());
        };
        self.recorder.event(self.snapshot.step(), error)?;
        self.end(stopped.reason())
    }

    /// Closes the logs.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn end(&mut self, reason: &str) -> Result<(), RunError> {
        let step = self.snapshot.step();
        let tokens =
            self.plan.tokens_per_epoch as u128 * u128::from(step) / u128::from(self.plan.steps_per_epoch);
        let tokens = u64::try_from(tokens).unwrap_or(u64::MAX);
        self.recorder.end(step, tokens, reason, None, self.monitor)
    }
}
