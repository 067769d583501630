//! A run under way, from the step that it goes on at to its end.

use std::sync::Arc;
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
use super::phase_record::PhaseRecord;
use super::rank_recorder::RankRecorder;
use super::setup::Estimate;
use crate::data::{RecipeDataError, batch_plan};
use crate::exchange::gather_preparation;
use crate::heldout::HeldoutSample;
use crate::interval::Interval;
use crate::loader::{Loader, Prefetch};
use crate::metrics::MetricAccumulator;
use crate::monitor::{Event, Monitor};
use crate::phases::{Phase, RunData};
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
    pub(super) phases: Arc<[PhaseOfRun]>,
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

/// A phase of the run and the rows that this rank reads in it.
pub(super) struct PhaseOfRun {
    pub(super) phase: Phase,
    pub(super) loader: Loader,
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
        data: &RunData,
        Begun { mut snapshot, records, rows }: Begun,
        monitor: &'a mut dyn Monitor,
    ) -> Result<Self, TrainError> {
        let r = &recipe.value;
        let mut phases = Vec::new();
        for (phase, reading) in r.phases().into_iter().zip(data.phases()) {
            let shares = Shares::new(phase.recipe.micro_batches(), communicator.size());
            let (data, start) = (reading.data.clone(), reading.start.clone());
            let loader = Loader::starting(data, start, batch_plan(&phase.recipe))?;
            let loader = loader.of_share(shares.of(communicator.rank()));
            phases.push(PhaseOfRun { phase, loader });
        }
        let of_last = phases[phases.len() - 1].loader.heldout_len();
        let heldout = HeldoutSample::new(rows, of_last, r.evaluate.max_examples);
        snapshot.progress.position = r.data_position(snapshot.step());
        Ok(Self {
            communicator,
            recipe: r,
            estimate,
            device,
            recorder: RankRecorder::new(records),
            phases: phases.into(),
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

    /// Steps until all are done or somebody interrupts: phase by phase.
    fn train(&mut self, interrupt: &Interrupt) -> Result<(), TrainError> {
        self.monitor.on(Event::Started {
            step: self.first_step,
            total_steps: self.recipe.train.steps,
            plan: self.estimate.plan,
        });
        let _loop = LoopGuard::begin();
        let (phases, first_step) = (Arc::clone(&self.phases), self.first_step);
        for of_run in phases.iter().filter(|of_run| of_run.phase.end_step() > first_step) {
            self.begin_phase(&of_run.phase)?;
            self.train_phase(of_run, interrupt)?;
            if self.snapshot.step() < of_run.phase.end_step() {
                break;
            }
        }
        Ok(())
    }

    /// Steps until those of a phase are done or somebody interrupts.
    fn train_phase(
        &mut self,
        PhaseOfRun { phase, loader }: &PhaseOfRun,
        interrupt: &Interrupt,
    ) -> Result<(), TrainError> {
        let (r, end) = (self.recipe, phase.end_step());
        let batches = Prefetch::start(loader.clone(), self.snapshot.step(), end);
        let shares = Shares::new(phase.recipe.micro_batches(), self.communicator.size());
        let first_row = (shares.of(self.communicator.rank()).start * phase.recipe.micro_batch_size()) as u64;
        let mut interval = Interval::default();
        let is_card = card(self.device).is_some();
        while self.snapshot.step() < end {
            let number = self.snapshot.step() + 1;
            // No line is a mean over steps of two phases.
            let is_last = number == end;
            let is_logged = number.is_multiple_of(r.log.every_steps) || is_last;
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
            let step = optimizer_step_on(communicator, snapshot, share, &phase.recipe, device, counted)?;
            interval.add(&step, begun.elapsed(), waited, communicator.take_spent());
            let done = self.snapshot.step();
            self.snapshot.progress.position = r.data_position(done);
            if done == self.first_step + 1 && is_card {
                let seconds = begun.elapsed().as_secs_f64();
                self.note(&format!(
                    "compiled or loaded the kernels of the GPU with the first step, in {seconds:.1} s"
                ))?;
            }
            self.monitor.step_done(done);

            let precision = r.train.precision;
            self.recorder.note_loss_scale(done, step.loss_scale, precision, self.monitor)?;
            let is_saved = done.is_multiple_of(r.checkpoint.every_steps) || is_last;
            let of_ranks = if is_logged || is_saved { self.compare_ranks(&interval)? } else { None };
            if is_logged {
                self.log_interval(&interval, accumulator, of_ranks)?;
                interval = Interval::default();
            }
            if done.is_multiple_of(r.log.histogram_every_steps) || done == r.train.steps {
                self.log_histograms();
            }
            if done.is_multiple_of(r.evaluate.every_steps) || is_last {
                self.monitor.on(Event::Evaluating { step: done });
                self.evaluate()?;
                self.log_sources(loader, phase)?;
            }
            if is_saved {
                let metric = self.metric();
                self.recorder.save(&self.snapshot, metric, self.monitor)?;
            }
        }
        Ok(())
    }

    /// Says that a phase begins, of a run that has several.
    fn begin_phase(&mut self, phase: &Phase) -> Result<(), TrainError> {
        if self.recipe.phases.is_empty() || self.snapshot.step() != phase.first_step {
            return Ok(());
        }
        let begun = PhaseRecord::of(phase);
        self.recorder.line("phase", phase.first_step, &begun)?;
        self.note(&begun.sentence())
    }

    /// The rows of the phase that the last step was of; before the first step, of the first phase.
    pub(super) fn loader(&self) -> &Loader {
        &self.phases[self.recipe.phase_index_at(self.snapshot.step().saturating_sub(1))].loader
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
            Ok(own) => gather_preparation(self.communicator, Ok(own), interrupt.reason()),
            Err(error) => gather_preparation(self.communicator, Err(error.to_string()), None),
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

    /// Writes what has been read of each source of a mixture, and what the whole phase reads.
    fn log_sources(&mut self, loader: &Loader, phase: &Phase) -> Result<(), TrainError> {
        let step = self.snapshot.step();
        let planned = loader.uses(phase.end_step());
        if planned.is_empty() {
            return Ok(());
        }
        let repeats: Vec<f64> = loader.uses(step).iter().map(|source| source.repeats).collect();
        let mut record = serde_json::json!({ "sources": planned, "repeats": repeats });
        if !self.recipe.phases.is_empty() {
            record["phase"] = phase.number.into();
        }
        Ok(self.recorder.line("data", step, &record)?)
    }

    /// Writes what the phase of the next step is to read of each source of a mixture, and has read.
    pub(super) fn log_sources_at_begin(&mut self) -> Result<(), TrainError> {
        let phases = Arc::clone(&self.phases);
        let PhaseOfRun { phase, loader } = &phases[self.recipe.phase_index_at(self.snapshot.step())];
        self.log_sources(loader, phase)
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
        let tokens = self.recipe.tokens_read(step);
        Ok(self.recorder.end(step, tokens, reason, weights_hash, self.monitor)?)
    }
}
