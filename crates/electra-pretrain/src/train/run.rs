//! A run under way, from the step that it goes on at to its end.

use std::time::Instant;

use burn::prelude::*;
use electra_kernels::card;
use electra_model::flops::ParameterCount;
use electra_model::{LoopGuard, Stage};
use electra_run::checkpoint::CheckpointStore;
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;
use electra_run::record::{HeldoutRows, RunRecord, read_metrics};
use electra_run::run_folder::{RunFolder, weights_hash};
use electra_train::layout::WEIGHTS;
use electra_train::recorder::{DIVERGED, FINISHED};
use electra_train::{Recorder, RunError, RunStart};

use super::average::write_average;
use super::error::TrainError;
use super::hparams::hparams;
use super::setup::Estimate;
use crate::code;
use crate::data::batch_plan;
use crate::heldout::{HeldoutSample, rows_of_run};
use crate::interval::Interval;
use crate::loader::{Loader, Prefetch};
use crate::metrics::MetricAccumulator;
use crate::mixture::Mixture;
use crate::monitor::{Event, Monitor};
use crate::recipe::Recipe;
use crate::snapshot::Snapshot;
use crate::step::optimizer_step;

/// The end of a run without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// All steps are done.
    Finished,
    /// The run was asked to stop; the same command goes on.
    Interrupted,
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) estimate: Estimate,
    pub(super) device: &'a Device,
    pub(super) recorder: Recorder,
    pub(super) loader: Loader,
    pub(super) heldout: HeldoutSample,
    pub(super) monitor: &'a mut dyn Monitor,
    pub(super) snapshot: Snapshot,
    pub(super) first_step: u64,
    /// Step and held-out loss of the last evaluation: what the best checkpoint is chosen by.
    pub(super) heldout_loss: Option<(u64, f64)>,
    /// Mean loss of the first logged interval of the stage, in this process.
    pub(super) first_loss: Option<(Stage, f64)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        recipe: &'a Resolved<Recipe>,
        estimate: Estimate,
        device: &'a Device,
        data: Mixture,
        (folder, store, snapshot, last_saved): (RunFolder, CheckpointStore, Snapshot, Option<u64>),
        monitor: &'a mut dyn Monitor,
    ) -> Result<Self, TrainError> {
        let r = &recipe.value;
        let count = ParameterCount::of(&r.model, r.architecture());
        let record = RunRecord {
            recipe_hash: recipe.hash.clone(),
            code: code::versions(),
            parameters: serde_json::json!({
                "discriminator": count.discriminator,
                "generator": count.generator,
                "total": count.total(),
            }),
            flops_per_step: r.run_flops() / r.train.steps as f64,
            plan: estimate.plan,
        };
        let loader = Loader::new(data, batch_plan(r))?;
        let beginning = RunStart {
            record: &record,
            recipe_text: &recipe.text,
            step: snapshot.step(),
            last_saved,
            hparams: (hparams(r), &["eval/loss", "eval/mlm_loss", "eval/rtd_loss", "eval/rtd_auc"]),
        };
        let recorder = Recorder::open(folder, store, &beginning)?;
        let log = read_metrics(&recorder.folder().metrics()).map_err(RunError::from)?;
        let rows = rows_of_run(&log);
        let heldout = HeldoutSample::new(rows, loader.heldout_len(), r.evaluate.max_examples);
        Ok(Self {
            recipe: r,
            estimate,
            device,
            recorder,
            loader,
            heldout,
            monitor,
            first_step: snapshot.step(),
            snapshot,
            heldout_loss: None,
            first_loss: None,
        })
    }

    pub(super) fn run_to_end(mut self, interrupt: &Interrupt) -> Result<RunEnd, TrainError> {
        match self.train(interrupt) {
            Ok(()) => self.finish(interrupt),
            Err(TrainError::Run(RunError::Diverged(divergence))) => {
                self.recorder.event(self.snapshot.step(), &divergence.to_string())?;
                self.end(DIVERGED, None)?;
                Err(divergence.into())
            }
            Err(error) => {
                // A log or the disk failed, not the training: what it reached may still fit.
                let metric = self.metric();
                self.recorder.save_after_error(&self.snapshot, metric, self.monitor);
                Err(error)
            }
        }
    }

    /// Steps until all are done or somebody interrupts.
    fn train(&mut self, interrupt: &Interrupt) -> Result<(), TrainError> {
        let r = self.recipe;
        let total = r.train.steps;
        self.monitor.on(Event::Started {
            step: self.first_step,
            total_steps: total,
            plan: self.estimate.plan,
        });
        let batches = Prefetch::start(self.loader.clone(), self.first_step, total);
        let mut interval = Interval::default();
        let is_card = card(self.device).is_some();
        let _loop = LoopGuard::begin();
        while self.snapshot.step() < total && !interrupt.is_requested() {
            let number = self.snapshot.step() + 1;
            let is_logged = number.is_multiple_of(r.log.every_steps) || number == total;
            let mut accumulator = MetricAccumulator::default();
            let begun = Instant::now();
            let rows = batches.next_step()?;
            let waited = begun.elapsed();
            let snapshot = &mut self.snapshot;
            let step =
                optimizer_step(snapshot, &rows, r, self.device, is_logged.then_some(&mut accumulator))?;
            interval.add(&step, begun.elapsed(), waited);
            let done = self.snapshot.step();
            if done == self.first_step + 1 && is_card {
                let seconds = begun.elapsed().as_secs_f64();
                self.note(&format!(
                    "compiled or loaded the kernels of the GPU with the first step, in {seconds:.1} s"
                ))?;
            }
            self.monitor.step_done(done);

            let precision = r.train.precision;
            self.recorder.note_loss_scale(done, step.loss_scale, precision, self.monitor)?;
            if is_logged {
                self.log_interval(&interval, accumulator)?;
                interval = Interval::default();
            }
            if done.is_multiple_of(r.log.histogram_every_steps) || done == total {
                self.log_histograms();
            }
            let is_last = done == total;
            if done.is_multiple_of(r.evaluate.every_steps) || is_last {
                self.monitor.on(Event::Evaluating { step: done });
                self.evaluate()?;
                self.log_sources()?;
            }
            if done.is_multiple_of(r.checkpoint.every_steps) || is_last {
                let metric = self.metric();
                self.recorder.save(&self.snapshot, metric, self.monitor)?;
            }
        }
        Ok(())
    }

    /// Writes what has been read of each source of a mixture, and what the whole run reads.
    pub(super) fn log_sources(&mut self) -> Result<(), TrainError> {
        let step = self.snapshot.step();
        let planned = self.loader.uses(self.recipe.train.steps);
        if planned.is_empty() {
            return Ok(());
        }
        let repeats: Vec<f64> = self.loader.uses(step).iter().map(|source| source.repeats).collect();
        let record = serde_json::json!({ "sources": planned, "repeats": repeats });
        Ok(self.recorder.line("data", step, &record)?)
    }

    /// Held-out loss of the weights as they are: a checkpoint competes for the best with it or not at all.
    pub(super) fn metric(&self) -> Option<f64> {
        self.heldout_loss.filter(|(step, _)| *step == self.snapshot.step()).map(|(_, loss)| loss)
    }

    /// Says so if held-out numbers go on as they were begun, on the first rows alone.
    pub(super) fn note_first_rows(&mut self) -> Result<(), TrainError> {
        let measure = self.heldout.measure();
        if measure.rows != HeldoutRows::First {
            return Ok(());
        }
        self.note(&format!(
            "held-out evaluation goes on with {measure}, as this run was begun; a new run reads rows that are \
             spread evenly over the held-out data, which is another measure"
        ))
    }

    pub(super) fn note(&mut self, message: &str) -> Result<(), TrainError> {
        Ok(self.recorder.note(self.snapshot.step(), message, self.monitor)?)
    }

    fn finish(mut self, interrupt: &Interrupt) -> Result<RunEnd, TrainError> {
        let finished = self.snapshot.step() == self.recipe.train.steps;
        let metric = self.metric();
        self.recorder.save_once(&self.snapshot, metric, self.monitor)?;
        let mut hash = None;
        if finished {
            let model = electra_model::parameters::collect(self.snapshot.model());
            let bytes = electra_model::parameters::to_safetensors(&model, None);
            hash = Some(weights_hash(&bytes));
            self.recorder.write(WEIGHTS, &bytes)?;
            if let Some(averaged) = self.snapshot.averaged() {
                write_average(&averaged, self.recorder.folder().path())?;
                self.evaluate_average(&averaged)?;
            }
        }
        let reason = if finished { FINISHED } else { interrupt.reason().unwrap_or("request") };
        self.end(reason, hash)?;
        Ok(if finished { RunEnd::Finished } else { RunEnd::Interrupted })
    }

    /// Closes the logs; of a run that came to its end with the hash of its weights.
    fn end(&mut self, reason: &str, weights_hash: Option<String>) -> Result<(), TrainError> {
        let step = self.snapshot.step();
        let tokens = step * (self.recipe.train.batch_size * self.recipe.data.sequence_length) as u64;
        Ok(self.recorder.end(step, tokens, reason, weights_hash, self.monitor)?)
    }
}
