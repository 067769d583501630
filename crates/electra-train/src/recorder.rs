//! Recorder of a run: log of metrics, TensorBoard, notes, checkpoints and the end.

use std::time::Instant;

use burn::module::Module;
use electra_files::durable;
use electra_model::Precision;
use electra_run::checkpoint::{CheckpointError, CheckpointStore};
use electra_run::record::{HParam, MetricsLog, TensorBoard};
use electra_run::run_folder::{RunFolder, WEIGHTS_HASH};
use serde::Serialize;
use serde_json::json;

use crate::error::RunError;
use crate::monitor::Monitor;
use crate::snapshot::{Progress, Snapshot};

/// `reason` in the last line of the log of a run that did all it was to do.
pub const FINISHED: &str = "finished";
/// `reason` where the numbers went out of bounds.
pub const DIVERGED: &str = "diverged";
/// `reason` where the guard stopped a run that learned nothing.
pub const COLLAPSED: &str = "dead";

/// Writer of everything that a run leaves in its folder while it trains.
pub struct Recorder {
    folder: RunFolder,
    store: CheckpointStore,
    log: MetricsLog,
    board: TensorBoard,
    started: Instant,
    last_saved: Option<u64>,
    told_board_failure: bool,
    told_loss_scale: bool,
}

/// The state of a run at its begin, for [`Recorder::open`].
#[derive(Debug)]
pub struct RunStart<'a, R> {
    /// First line of the log.
    pub record: &'a R,
    /// Resolved recipe.
    pub recipe_text: &'a str,
    /// The number of steps done.
    pub step: u64,
    /// Step of the checkpoint that it goes on from.
    pub last_saved: Option<u64>,
    /// Hyperparameters, and tags of the metrics that TensorBoard compares runs by.
    pub hparams: (Vec<(String, HParam)>, &'a [&'a str]),
}

impl Recorder {
    /// Opens log and TensorBoard of the run in `folder`, and writes down how it begins.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn open<R: Serialize>(
        folder: RunFolder,
        store: CheckpointStore,
        beginning: &RunStart<'_, R>,
    ) -> Result<Self, RunError> {
        let step = beginning.step;
        let log = MetricsLog::open(folder.metrics(), step, beginning.record)?;
        let board = TensorBoard::open(folder.tensorboard(), folder.is_resumed.then_some(step));
        if !folder.is_resumed || !folder.changes.is_empty() {
            board.recipe(step, beginning.recipe_text);
        }
        let (hparams, metrics) = &beginning.hparams;
        if !folder.is_resumed {
            board.hparams(hparams, metrics);
        }
        let (started, last_saved) = (Instant::now(), beginning.last_saved);
        Ok(Self {
            folder,
            store,
            log,
            board,
            started,
            last_saved,
            told_board_failure: false,
            told_loss_scale: false,
        })
    }

    /// The run folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The checkpoints.
    pub fn store(&self) -> &CheckpointStore {
        &self.store
    }

    /// Seconds since the beginning, in this process.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Writes a line of the log.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn line(&mut self, kind: &str, step: u64, record: &impl Serialize) -> Result<(), RunError> {
        Ok(self.log.line(kind, step, record)?)
    }

    /// Writes numbers to TensorBoard under their tags. When events cannot be written any more, that is noted
    /// once.
    ///
    /// # Errors
    /// If the note cannot be written.
    pub fn scalars(
        &mut self,
        step: u64,
        scalars: &[(impl AsRef<str>, f64)],
        monitor: &mut dyn Monitor,
    ) -> Result<(), RunError> {
        self.board.scalars(step, scalars);
        if let Some(failure) = self.board.failure().map(str::to_string).filter(|_| !self.told_board_failure) {
            self.told_board_failure = true;
            self.note(step, &format!("TensorBoard events end here: {failure}"), monitor)?;
        }
        Ok(())
    }

    /// Writes the distribution of `values` to TensorBoard.
    pub fn histogram(&self, step: u64, tag: &str, values: Vec<f32>) {
        self.board.histogram(step, tag, values);
    }

    /// Writes a sentence into the log alone.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn event(&mut self, step: u64, message: &str) -> Result<(), RunError> {
        Ok(self.log.event(step, message)?)
    }

    /// Writes a sentence into the log and tells whoever watches.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn note(&mut self, step: u64, message: &str, monitor: &mut dyn Monitor) -> Result<(), RunError> {
        self.event(step, message)?;
        monitor.note(step, message);
        Ok(())
    }

    /// Notes once that 16 bits were too few for a gradient, if the step was computed again with a smaller loss
    /// scale than that of `precision`.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn note_loss_scale(
        &mut self,
        step: u64,
        loss_scale: f64,
        precision: Precision,
        monitor: &mut dyn Monitor,
    ) -> Result<(), RunError> {
        if loss_scale >= precision.loss_scale() || self.told_loss_scale {
            return Ok(());
        }
        self.told_loss_scale = true;
        let message = format!(
            "a gradient overflowed in 16 bits: the step was computed again with a loss scale of {loss_scale}; if \
             training is slow from here on, use train.precision = \"bf16\" or \"f32\""
        );
        self.note(step, &message, monitor)
    }

    /// Saves a checkpoint; `metric` chooses the best one, less is better.
    ///
    /// # Errors
    /// If it cannot be written. Older ones that cannot be removed are noted.
    pub fn save<M: Module, P: Progress>(
        &mut self,
        snapshot: &Snapshot<M, P>,
        metric: Option<f64>,
        monitor: &mut dyn Monitor,
    ) -> Result<(), RunError> {
        let blobs = snapshot.to_blobs();
        let blobs: Vec<(&str, &[u8])> = blobs.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let step = snapshot.step();
        match self.store.save(step, &blobs, metric) {
            Ok(()) => {}
            // The new checkpoint is there; only old ones could not be removed.
            Err(error @ CheckpointError::TidyUp { .. }) => self.note(step, &error.to_string(), monitor)?,
            Err(error) => return Err(error.into()),
        }
        self.last_saved = Some(step);
        monitor.saved(step);
        Ok(())
    }

    /// Saves a checkpoint unless there is one of this step.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub fn save_once<M: Module, P: Progress>(
        &mut self,
        snapshot: &Snapshot<M, P>,
        metric: Option<f64>,
        monitor: &mut dyn Monitor,
    ) -> Result<(), RunError> {
        if self.last_saved == Some(snapshot.step()) { Ok(()) } else { self.save(snapshot, metric, monitor) }
    }

    /// Saves what training has reached after an error of the log or the disk, where that is still possible, and
    /// tells whoever watches what became of it.
    pub fn save_after_error<M: Module, P: Progress>(
        &mut self,
        snapshot: &Snapshot<M, P>,
        metric: Option<f64>,
        monitor: &mut dyn Monitor,
    ) {
        let step = snapshot.step();
        let is_saved = self.store.steps().is_ok_and(|steps| steps.last() == Some(&step));
        let message = if is_saved || self.save(snapshot, metric, monitor).is_ok() {
            "stopped by an error, with all steps saved"
        } else {
            "stopped by an error; the steps since the last checkpoint are lost"
        };
        monitor.note(step, message);
    }

    /// Writes a file of the run folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let path = self.folder.path().join(name);
        durable::write(&path, bytes).map_err(|source| RunError::Write { path, source })
    }

    /// Closes log and TensorBoard after `step` steps, which have read `tokens`; `weights_hash` is that of the
    /// final weights, where the run has such.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn end(
        &mut self,
        step: u64,
        tokens: u64,
        reason: &str,
        weights_hash: Option<String>,
        monitor: &mut dyn Monitor,
    ) -> Result<(), RunError> {
        let mut end = json!({ "seconds": self.seconds(), "tokens": tokens, "reason": reason });
        if let Some(hash) = weights_hash {
            end[WEIGHTS_HASH] = hash.into();
        }
        self.log.line("end", step, &end)?;
        self.board.end(reason == FINISHED);
        self.board.flush();
        if let Some(failure) = self.board.failure() {
            monitor.note(step, &format!("TensorBoard events are incomplete: {failure}"));
        }
        Ok(())
    }

    /// Makes `recipe.toml` say what the run goes on with. Called after the log has told of changes: a crash
    /// between the two repeats a line and loses none.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn adopt_recipe(&self) -> Result<(), RunError> {
        Ok(self.folder.adopt_recipe()?)
    }
}
