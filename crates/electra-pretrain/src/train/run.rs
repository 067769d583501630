//! A run under way, from the step that it goes on at to its end.

use std::time::Instant;

use burn::prelude::*;
use electra_kernels::card;
use electra_model::{BatchData, LoopGuard, Normalizer, Stage};
use electra_ranks::{Communicator, RankError, Shares};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;
use electra_run::record::HeldoutRows;
use electra_run::run_folder::weights_hash;
use electra_train::layout::WEIGHTS;
use electra_train::recorder::{DIVERGED, FINISHED};
use electra_train::{Divergence, RunError};

use super::average::write_average;
use super::begun::Begun;
use super::compare_ranks::{OfRank, OfRanks, compare};
use super::error::TrainError;
use super::rank_recorder::RankRecorder;
use super::setup::Estimate;
use crate::data::{RecipeDataError, batch_plan};
use crate::exchange::before_step;
use crate::heldout::HeldoutSample;
use crate::interval::Interval;
use crate::loader::{Loader, Prefetch};
use crate::metrics::MetricAccumulator;
use crate::mixture::Mixture;
use crate::monitor::{Event, Monitor};
use crate::recipe::Recipe;
use crate::snapshot::Snapshot;
use crate::step::{StepShare, optimizer_step_on};

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
    pub(super) communicator: &'a Communicator<'a>,
    pub(super) recipe: &'a Recipe,
    pub(super) estimate: Estimate,
    pub(super) device: &'a Device,
    pub(super) recorder: RankRecorder,
    pub(super) loader: Loader,
    pub(super) heldout: HeldoutSample,
    pub(super) monitor: &'a mut dyn Monitor,
    pub(super) snapshot: Snapshot,
    pub(super) first_step: u64,
    /// Step and held-out loss of the last evaluation: what the best checkpoint is chosen by.
    pub(super) heldout_loss: Option<(u64, f64)>,
    /// Mean loss of the first logged interval of the stage, in this process.
    pub(super) first_loss: Option<(Stage, f64)>,
    /// The reason that one of the ranks had to stop.
    stop: Option<String>,
}

/// The micro-batches of a step that this rank computes, and the counts of all.
struct RowsOfStep {
    own: Vec<BatchData>,
    counts: Vec<Normalizer>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        communicator: &'a Communicator<'a>,
        recipe: &'a Resolved<Recipe>,
        estimate: Estimate,
        device: &'a Device,
        data: Mixture,
        Begun { snapshot, records, rows }: Begun,
        monitor: &'a mut dyn Monitor,
    ) -> Result<Self, TrainError> {
        let r = &recipe.value;
        let share = Shares::new(r.micro_batches(), communicator.size()).of(communicator.rank());
        let loader = Loader::new(data, batch_plan(r))?.of_share(share);
        let heldout = HeldoutSample::new(rows, loader.heldout_len(), r.evaluate.max_examples);
        Ok(Self {
            communicator,
            recipe: r,
            estimate,
            device,
            recorder: RankRecorder::new(records),
            loader,
            heldout,
            monitor,
            first_step: snapshot.step(),
            snapshot,
            heldout_loss: None,
            first_loss: None,
            stop: None,
        })
    }

    pub(super) fn run_to_end(mut self, interrupt: &Interrupt) -> Result<RunEnd, TrainError> {
        let ended = match self.train(interrupt) {
            Ok(()) => self.finish(interrupt),
            Err(TrainError::Run(RunError::Diverged(divergence))) => self.diverged(divergence),
            Err(error) => {
                // Weights that have come apart are worth nothing; otherwise a log or the disk failed, or another
                // rank, not the training: what it reached may still fit.
                if let TrainError::Ranks(RankError::Weights { .. }) = &error {
                    let _ = self.recorder.event(self.snapshot.step(), &error.to_string());
                } else {
                    let metric = self.metric();
                    self.recorder.save_after_error(&self.snapshot, metric, self.monitor);
                }
                Err(error)
            }
        };
        ended.inspect_err(|error| error.tell(self.communicator))
    }

    fn diverged(&mut self, divergence: Divergence) -> Result<RunEnd, TrainError> {
        let told = self.recorder.event(self.snapshot.step(), &divergence.to_string());
        let ended = told.map_err(TrainError::from).and_then(|()| self.end(DIVERGED, None));
        if !self.communicator.is_shared() {
            ended?;
        }
        Err(divergence.into())
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
        let shares = Shares::new(r.micro_batches(), self.communicator.size());
        let first_row = (shares.of(self.communicator.rank()).start * r.micro_batch_size()) as u64;
        let mut interval = Interval::default();
        let is_card = card(self.device).is_some();
        let _loop = LoopGuard::begin();
        while self.snapshot.step() < total {
            let number = self.snapshot.step() + 1;
            let is_logged = number.is_multiple_of(r.log.every_steps) || number == total;
            let mut accumulator = MetricAccumulator::default();
            self.communicator.take_spent();
            if !self.communicator.is_shared() && interrupt.is_requested() {
                break;
            }
            let begun = Instant::now();
            let rows = batches.next_step();
            let waited = begun.elapsed();
            let Some(rows) = self.rows_of_step(rows, interrupt)? else { break };
            let (communicator, snapshot, device) = (self.communicator, &mut self.snapshot, self.device);
            let share = StepShare::of(&rows.own, first_row, shares, &rows.counts);
            let counted = is_logged.then_some(&mut accumulator);
            let step = optimizer_step_on(communicator, snapshot, share, r, device, counted)?;
            interval.add(&step, begun.elapsed(), waited, communicator.take_spent());
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
            let is_last = done == total;
            let is_saved = done.is_multiple_of(r.checkpoint.every_steps) || is_last;
            let of_ranks = if is_logged || is_saved { self.compare_ranks(&interval)? } else { None };
            if is_logged {
                self.log_interval(&interval, accumulator, of_ranks)?;
                interval = Interval::default();
            }
            if done.is_multiple_of(r.log.histogram_every_steps) || done == total {
                self.log_histograms();
            }
            if done.is_multiple_of(r.evaluate.every_steps) || is_last {
                self.monitor.on(Event::Evaluating { step: done });
                self.evaluate()?;
                self.log_sources()?;
            }
            if is_saved {
                let metric = self.metric();
                self.recorder.save(&self.snapshot, metric, self.monitor)?;
            }
        }
        Ok(())
    }

    /// The rows of this rank and the counts of all micro-batches of the next step; `None` if one of the ranks was asked
    /// to stop.
    fn rows_of_step(
        &mut self,
        rows: Result<Vec<BatchData>, RecipeDataError>,
        interrupt: &Interrupt,
    ) -> Result<Option<RowsOfStep>, TrainError> {
        let counts = |rows: &Vec<BatchData>| rows.iter().map(Normalizer::counts).collect::<Vec<_>>();
        let own = rows.as_ref().map(counts);
        if !self.communicator.is_shared() {
            let own = own.unwrap_or_default();
            return Ok(Some(RowsOfStep { own: rows?, counts: own }));
        }
        let told = match &own {
            Ok(own) => before_step(self.communicator, Ok(own), interrupt.reason()),
            Err(error) => before_step(self.communicator, Err(error.to_string()), None),
        };
        let rows = rows?;
        let told = told?;
        self.stop = told.stop;
        Ok(self.stop.is_none().then_some(RowsOfStep { own: rows, counts: told.counts }))
    }

    /// Asserts that all ranks have the same weights, and says how fast they were.
    fn compare_ranks(&self, interval: &Interval) -> Result<Option<OfRanks>, TrainError> {
        if !self.communicator.is_shared() {
            return Ok(None);
        }
        let (seconds, communicated) = (interval.seconds(), interval.communicated());
        let own = OfRank { computed: seconds - communicated, communication_fraction: communicated / seconds };
        Ok(Some(compare(self.communicator, self.snapshot.model(), self.snapshot.step(), own)?))
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

    fn finish(&mut self, interrupt: &Interrupt) -> Result<RunEnd, TrainError> {
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
                if let Some(folder) = self.recorder.folder() {
                    write_average(&averaged, folder.path())?;
                }
                self.evaluate_average(&averaged)?;
            }
        }
        let asked = self.stop.clone().or(interrupt.reason().map(str::to_owned));
        let asked = asked.unwrap_or_else(|| "request".to_owned());
        self.end(if finished { FINISHED } else { &asked }, hash)?;
        // Whoever ends before the first rank has written would be missed by nobody.
        self.communicator.gather(Ok(Vec::new()))?;
        Ok(if finished { RunEnd::Finished } else { RunEnd::Interrupted })
    }

    /// Closes the logs; of a run that came to its end with the hash of its weights.
    fn end(&mut self, reason: &str, weights_hash: Option<String>) -> Result<(), TrainError> {
        let step = self.snapshot.step();
        let tokens = step * (self.recipe.train.batch_size * self.recipe.data.sequence_length) as u64;
        Ok(self.recorder.end(step, tokens, reason, weights_hash, self.monitor)?)
    }
}
