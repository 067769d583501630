//! Training loop of pretraining.

mod error;
mod records;
mod setup;

use std::sync::Arc;
use std::time::Instant;

use burn::prelude::*;
use electra_model::flops::ParameterCount;
use electra_model::{InLoop, Stage};
use electra_run::checkpoint::{Checkpoint, CheckpointStore};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;
use electra_run::record::{HeldoutRows, Record, RunRecord, read_metrics};
use electra_run::run_folder::{
    DamagedWeights, RunFolder, check_file_hash, check_final_weights, weights_hash,
};
use electra_text::DataSet;
use electra_train::layout::WEIGHTS;
use electra_train::recorder::{DIVERGED, FINISHED};
use electra_train::resume::{passed_over, resume};
use electra_train::{Beginning, Recorder, RunError};

pub use error::TrainError;
pub use setup::{Environment, Estimate, RunSetup};

use crate::code;
use crate::data::{batch_plan, unseen_ids};
use crate::heldout::{HeldoutSample, rows_of_run};
use crate::interval::Interval;
use crate::loader::{Loader, Prefetch};
use crate::metrics::MetricAccumulator;
use crate::monitor::{Event, Monitor};
use crate::recipe::Recipe;
use crate::snapshot::{self, Snapshot};
use crate::step::optimizer_step;
use records::hparams;
use setup::write_model_folder;

/// How a run came to an end without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All steps are done.
    Finished,
    /// Somebody asked it to stop; the same command goes on.
    Interrupted,
}

/// Runs the recipe that `setup` was made for to its end, from its last checkpoint if it has one.
///
/// # Errors
/// Whatever keeps the run from going on. Steps since the last checkpoint are then lost, unless
/// the loop could still save: after an interruption it does.
pub fn pretrain(
    recipe: &Resolved<Recipe>,
    environment: &Environment,
    setup: RunSetup,
    estimate: Estimate,
    interrupt: &Interrupt,
    monitor: &mut dyn Monitor,
) -> Result<Ended, TrainError> {
    let r = &recipe.value;
    let RunSetup { data, folder } = setup;
    let changes = folder.changes.clone();
    changes.iter().for_each(|change| monitor.note(0, change));
    write_model_folder(r, &data, &folder)?;
    let store =
        CheckpointStore::open(folder.checkpoints(), r.checkpoint.keep_last).map_err(RunError::from)?;
    let device = environment.device.clone().autodiff();

    let found = store.latest_valid().map_err(RunError::from)?;
    let passed_over = passed_over(&found);
    passed_over.iter().for_each(|message| monitor.note(0, message));
    if let Some(checkpoint) = found.checkpoint.as_ref().filter(|checkpoint| checkpoint.step > r.train.steps) {
        let (path, step) = (checkpoint.folder().to_owned(), checkpoint.step);
        return Err(RunError::Beyond { path, step, steps: r.train.steps }.into());
    }
    let is_done = match &found.checkpoint {
        Some(checkpoint) => checkpoint.step == r.train.steps,
        // Somebody may have removed what a run needs to go on from one that need not.
        None => found.passed_over.is_empty() && has_finished(&folder, r.train.steps)?,
    };
    if is_done && folder.model().exists() {
        let (step, intact) = (r.train.steps, check_final(&folder, found.checkpoint.as_ref()));
        let message = match (&intact, &found.checkpoint) {
            (Ok(()), _) => format!("all {step} steps are done already"),
            (Err(damage), Some(_)) => format!("{damage}; it is written again from the last checkpoint"),
            (Err(damage), None) => damage.to_string(),
        };
        monitor.note(step, &message);
        if intact.is_ok() {
            return Ok(Ended::Finished);
        }
    }
    let reached = match found.checkpoint {
        None if folder.metrics().exists() => records_of(&folder)?.last().map_or(0, |last| last.step),
        _ => 0,
    };
    let lost = (reached > 0).then(|| {
        format!("the log reaches step {reached}, but no checkpoint is left: training begins again at step 0")
    });
    // Also where a run goes on: an older program may have begun it without a word.
    let unseen = unseen_ids(r, &data);
    lost.iter().chain(&unseen).for_each(|message| monitor.note(0, message));
    let snapshot = resume(
        &found,
        &folder.checkpoints(),
        |checkpoint| snapshot::load(checkpoint, r, &device),
        || Ok::<_, TrainError>(snapshot::start(r, &data, &device)),
    )?;
    let last_saved = found.checkpoint.as_ref().map(|checkpoint| checkpoint.step);

    let begun = (folder, store, snapshot, last_saved);
    let mut run = Run::new(recipe, estimate, &device, data, begun, monitor)?;
    // Told already: the log is opened last.
    for message in changes.iter().chain(&passed_over).chain(&lost).chain(&unseen) {
        run.recorder.event(run.snapshot.step(), message)?;
    }
    run.tell_first_rows()?;
    run.recorder.adopt_recipe()?;
    run.until_the_end(interrupt)
}

fn records_of(folder: &RunFolder) -> Result<Vec<Record>, TrainError> {
    Ok(read_metrics(&folder.metrics()).map_err(RunError::from)?)
}

/// Whether the log of a run ends with its end, all steps done.
fn has_finished(folder: &RunFolder, steps: u64) -> Result<bool, TrainError> {
    if !folder.metrics().exists() {
        return Ok(false);
    }
    let records = records_of(folder)?;
    let is_the_end = |last: &Record| {
        last.kind == "end"
            && last.step >= steps
            && last.fields.get("reason").is_some_and(|reason| reason == FINISHED)
    };
    Ok(records.last().is_some_and(is_the_end))
}

/// Refuses final weights that are not whole, or not those that were saved: the last checkpoint holds
/// the same, and the log has their hash.
fn check_final(folder: &RunFolder, last: Option<&Checkpoint>) -> Result<(), DamagedWeights> {
    check_final_weights(folder.path())?;
    // Logs of older programs do not know the hash.
    match last.and_then(|checkpoint| checkpoint.hash_of(WEIGHTS)) {
        Some(saved) => check_file_hash(&folder.model(), saved),
        None => Ok(()),
    }
}

/// A run under way.
struct Run<'a> {
    recipe: &'a Recipe,
    estimate: Estimate,
    device: &'a Device,
    recorder: Recorder,
    loader: Loader,
    heldout: HeldoutSample,
    monitor: &'a mut dyn Monitor,
    snapshot: Snapshot,
    first_step: u64,
    /// Step and held-out loss of the last evaluation: what the best checkpoint is chosen by.
    heldout_loss: Option<(u64, f64)>,
    /// Mean loss of the first logged interval of the stage, in this process.
    first_loss: Option<(Stage, f64)>,
}

impl<'a> Run<'a> {
    fn new(
        recipe: &'a Resolved<Recipe>,
        estimate: Estimate,
        device: &'a Device,
        data: Arc<DataSet>,
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
        let beginning = Beginning {
            record: &record,
            recipe_text: &recipe.text,
            step: snapshot.step(),
            last_saved,
            hparams: (hparams(r), &["eval/loss", "eval/mlm_loss", "eval/rtd_loss", "eval/rtd_auc"]),
        };
        let recorder = Recorder::open(folder, store, &beginning)?;
        let rows = rows_of_run(&records_of(recorder.folder())?);
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

    fn until_the_end(mut self, interrupt: &Interrupt) -> Result<Ended, TrainError> {
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
        let _loop = InLoop::begin();
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
            self.monitor.stepped(done);

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
            }
            if done.is_multiple_of(r.checkpoint.every_steps) || is_last {
                let metric = self.metric();
                self.recorder.save(&self.snapshot, metric, self.monitor)?;
            }
        }
        Ok(())
    }

    /// Held-out loss of the weights as they are: a checkpoint competes for the best with it or not at all.
    fn metric(&self) -> Option<f64> {
        self.heldout_loss.filter(|(step, _)| *step == self.snapshot.step()).map(|(_, loss)| loss)
    }

    /// Says so if held-out numbers go on as they were begun, on the first rows alone.
    fn tell_first_rows(&mut self) -> Result<(), TrainError> {
        let measure = self.heldout.measure();
        if measure.rows != HeldoutRows::First {
            return Ok(());
        }
        self.note(&format!(
            "held-out evaluation goes on with {measure}, as this run was begun; a new run reads rows that are \
             spread evenly over the held-out data, which is another measure"
        ))
    }

    fn note(&mut self, message: &str) -> Result<(), TrainError> {
        Ok(self.recorder.note(self.snapshot.step(), message, self.monitor)?)
    }

    fn finish(mut self, interrupt: &Interrupt) -> Result<Ended, TrainError> {
        let finished = self.snapshot.step() == self.recipe.train.steps;
        let metric = self.metric();
        self.recorder.save_once(&self.snapshot, metric, self.monitor)?;
        let mut hash = None;
        if finished {
            let model = electra_model::parameters::collect(self.snapshot.model());
            let bytes = electra_model::parameters::to_safetensors(&model, None);
            hash = Some(weights_hash(&bytes));
            self.recorder.write(WEIGHTS, &bytes)?;
        }
        let reason = if finished { FINISHED } else { interrupt.reason().unwrap_or("request") };
        self.end(reason, hash)?;
        Ok(if finished { Ended::Finished } else { Ended::Interrupted })
    }

    /// Closes the logs; of a run that came to its end with the hash of its weights.
    fn end(&mut self, reason: &str, weights_hash: Option<String>) -> Result<(), TrainError> {
        let step = self.snapshot.step();
        let tokens = step * (self.recipe.train.batch_size * self.recipe.data.sequence_length) as u64;
        Ok(self.recorder.end(step, tokens, reason, weights_hash, self.monitor)?)
    }
}

/// Loss of a model that has learned nothing, in the stage of the step before `step`: `w_g ln V +
/// w_d ln 2` for the paper's objective. None where no such loss can be named: a generator that follows
/// rewards minimises nothing.
pub fn untrained_loss(recipe: &Recipe, step: u64) -> Option<f64> {
    let stage = recipe.scheme.stage(step.saturating_sub(1));
    if stage == Stage::Adversarial {
        return None;
    }
    let [generator_weight, discriminator_weight] = recipe.objective.weights_in(stage);
    let vocab_size = recipe.model.vocab_size;
    let discriminator = recipe.objective.untrained_loss(vocab_size, recipe.masking.probability());
    Some(generator_weight * (vocab_size as f64).ln() + discriminator_weight * discriminator)
}
