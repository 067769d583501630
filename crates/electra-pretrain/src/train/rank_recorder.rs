//! The recorder of the rank that writes.

use burn::module::Module;
use electra_model::Precision;
use electra_run::run_folder::RunFolder;
use electra_train::{Monitor, Progress, Recorder, RunError, Snapshot};
use serde::Serialize;

/// The recorder of rank 0; what any other rank records goes nowhere.
pub(super) struct RankRecorder(Option<Recorder>);

impl RankRecorder {
    /// The recorder of rank 0, which has one, or of another rank.
    pub(super) fn new(recorder: Option<Recorder>) -> Self {
        Self(recorder)
    }

    /// The run folder of rank 0.
    pub(super) fn folder(&self) -> Option<&RunFolder> {
        self.0.as_ref().map(Recorder::folder)
    }

    pub(super) fn line(&mut self, kind: &str, step: u64, record: &impl Serialize) -> Result<(), RunError> {
        self.0.as_mut().map_or(Ok(()), |recorder| recorder.line(kind, step, record))
    }

    pub(super) fn scalars(
        &mut self,
        step: u64,
        scalars: &[(impl AsRef<str>, f64)],
        monitor: &mut dyn Monitor,
    ) -> Result<(), RunError> {
        self.0.as_mut().map_or(Ok(()), |recorder| recorder.scalars(step, scalars, monitor))
    }

    pub(super) fn histogram(&self, step: u64, tag: &str, values: Vec<f32>) {
        if let Some(recorder) = &self.0 {
            recorder.histogram(step, tag, values);
        }
    }

    pub(super) fn event(&mut self, step: u64, message: &str) -> Result<(), RunError> {
        self.0.as_mut().map_or(Ok(()), |recorder| recorder.event(step, message))
    }

    pub(super) fn note(
        &mut self,
        step: u64,
        message: &str,
        monitor: &mut dyn Monitor,
    ) -> Result<(), RunError> {
        self.0.as_mut().map_or(Ok(()), |recorder| recorder.note(step, message, monitor))
    }

    pub(super) fn note_loss_scale(
        &mut self,
        step: u64,
        loss_scale: f64,
        precision: Precision,
        monitor: &mut dyn Monitor,
    ) -> Result<(), RunError> {
        self.0
            .as_mut()
            .map_or(Ok(()), |recorder| recorder.note_loss_scale(step, loss_scale, precision, monitor))
    }

    pub(super) fn save<M: Module, P: Progress>(
        &mut self,
        snapshot: &Snapshot<M, P>,
        metric: Option<f64>,
        monitor: &mut dyn Monitor,
    ) -> Result<(), RunError> {
        self.0.as_mut().map_or(Ok(()), |recorder| recorder.save(snapshot, metric, monitor))
    }

    pub(super) fn save_once<M: Module, P: Progress>(
        &mut self,
        snapshot: &Snapshot<M, P>,
        metric: Option<f64>,
        monitor: &mut dyn Monitor,
    ) -> Result<(), RunError> {
        self.0.as_mut().map_or(Ok(()), |recorder| recorder.save_once(snapshot, metric, monitor))
    }

    pub(super) fn save_after_error<M: Module, P: Progress>(
        &mut self,
        snapshot: &Snapshot<M, P>,
        metric: Option<f64>,
        monitor: &mut dyn Monitor,
    ) {
        if let Some(recorder) = &mut self.0 {
            recorder.save_after_error(snapshot, metric, monitor);
        }
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        self.0.as_ref().map_or(Ok(()), |recorder| recorder.write(name, bytes))
    }

    pub(super) fn end(
        &mut self,
        step: u64,
        tokens: u64,
        reason: &str,
        weights_hash: Option<String>,
        monitor: &mut dyn Monitor,
    ) -> Result<(), RunError> {
        self.0.as_mut().map_or(Ok(()), |recorder| recorder.end(step, tokens, reason, weights_hash, monitor))
    }

    pub(super) fn adopt_recipe(&self) -> Result<(), RunError> {
        self.0.as_ref().map_or(Ok(()), Recorder::adopt_recipe)
    }
}
