//! The training loop: the paper's algorithm, and what a run needs around it.

mod error;
mod records;
mod setup;

use std::sync::Arc;
use std::time::Instant;

use burn::prelude::*;
use electra_files::durable;
use electra_model::flops::ParameterCount;
use electra_model::{InLoop, Objective, Stage};
use electra_run::checkpoint::{Checkpoint, CheckpointError, CheckpointStore};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;
use electra_run::record::{HeldoutRows, MetricsLog, Record, RunRecord, TensorBoard, read_metrics};
use electra_run::run_folder::{
    DamagedWeights, RunFolder, WEIGHTS_HASH, check_file_hash, check_final_weights, weights_hash,
};
use electra_text::DataSet;
use serde_json::json;

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
use crate::snapshot::{MODEL, Snapshot};
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

/// What to do about a divergence.
pub const DIVERGENCE_REMEDY: &str = "lower schedule.learning_rate (half of it is a good try) or lengthen \
    schedule.warmup_steps, and start in a new folder with --run; with 16-bit precision, try train.precision = \"f32\" first";

/// Runs the recipe that `claim` was taken for to its end, from its last checkpoint if it has one.
///
/// # Errors
/// Whatever keeps the run from going on. Steps since the last checkpoint are then lost, unless
/// the loop could still save: after an interruption it does.
pub fn pretrain(
    recipe: &Resolved<Recipe>,
    environment: &Environment,
    claim: RunSetup,
    estimate: Estimate,
    interrupt: &Interrupt,
    monitor: &mut dyn Monitor,
) -> Result<Ended, TrainError> {
    let r = &recipe.value;
    let RunSetup { data, folder } = claim;
    let changes = folder.changes.clone();
    for change in &changes {
        monitor.on(Event::Note { step: 0, message: change });
    }
    write_model_folder(r, &data, &folder)?;
    let store = CheckpointStore::open(folder.checkpoints(), r.checkpoint.keep_last)?;
    let device = environment.device.clone().autodiff();

    let found = store.latest_valid()?;
    for damage in &found.passed_over {
        monitor.on(Event::Note { step: 0, message: &format!("passed over a damaged checkpoint: {damage}") });
    }
    if let Some(checkpoint) = found.checkpoint.as_ref().filter(|checkpoint| checkpoint.step > r.train.steps) {
        let (path, step) = (checkpoint.folder().to_owned(), checkpoint.step);
        return Err(TrainError::Beyond { path, step, steps: r.train.steps });
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
        monitor.on(Event::Note { step, message: &message });
        if intact.is_ok() {
            return Ok(Ended::Finished);
        }
    }
    let reached = match found.checkpoint {
        None if folder.metrics().exists() => {
            read_metrics(&folder.metrics())?.last().map_or(0, |last| last.step)
        }
        _ => 0,
    };
    let lost = (reached > 0).then(|| {
        format!("the log reaches step {reached}, but no checkpoint is left: training begins again at step 0")
    });
    // Also where a run goes on: an older program may have begun it without a word.
    let unseen = unseen_ids(r, &data);
    for message in lost.iter().chain(&unseen) {
        monitor.on(Event::Note { step: 0, message });
    }
    let snapshot = match &found.checkpoint {
        Some(checkpoint) => Snapshot::load(checkpoint, r, &device)?,
        None if found.passed_over.is_empty() => Snapshot::start(r, &data, &device),
        None => return Err(TrainError::Lost { path: folder.checkpoints(), damage: found.passed_over }),
    };

    let mut run = Run::new(recipe, estimate, &device, data, folder, store, snapshot, monitor)?;
    // Told already: the log is opened last.
    for message in changes.iter().chain(&found.passed_over).chain(&lost).chain(&unseen) {
        run.log.event(run.snapshot.step, message)?;
    }
    run.tell_first_rows()?;
    // After the log has told: a crash between the two repeats a line and loses none.
    run.folder.adopt_recipe()?;
    run.until_the_end(interrupt)
}

/// Whether the log of a run ends with its end, all steps done.
fn has_finished(folder: &RunFolder, steps: u64) -> Result<bool, TrainError> {
    if !folder.metrics().exists() {
        return Ok(false);
    }
    let records = read_metrics(&folder.metrics())?;
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
    match last.and_then(|checkpoint| checkpoint.hash_of(MODEL)) {
        Some(saved) => check_file_hash(&folder.model(), saved),
        None => Ok(()),
    }
}

/// How the log of a run ends that has done all its steps.
const FINISHED: &str = "finished";

/// A run under way.
struct Run<'a> {
    recipe: &'a Recipe,
    estimate: Estimate,
    device: &'a Device,
    folder: RunFolder,
    store: CheckpointStore,
    loader: Loader,
    heldout: HeldoutSample,
    log: MetricsLog,
    board: TensorBoard,
    monitor: &'a mut dyn Monitor,
    snapshot: Snapshot,
    started: Instant,
    first_step: u64,
    /// Step and held-out loss of the last evaluation: what the best checkpoint is chosen by.
    heldout_loss: Option<(u64, f64)>,
    told_board_failure: bool,
    /// What the first logged interval of the stage came to, in this process.
    first_loss: Option<(Stage, f64)>,
    told_loss_scale: bool,
}

impl<'a> Run<'a> {
    #[allow(clippy::too_many_arguments)]
    fn new(
        recipe: &'a Resolved<Recipe>,
        estimate: Estimate,
        device: &'a Device,
        data: Arc<DataSet>,
        folder: RunFolder,
        store: CheckpointStore,
        snapshot: Snapshot,
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
        let log = MetricsLog::open(folder.metrics(), snapshot.step, &record)?;
        let loader = Loader::new(data, batch_plan(r))?;
        let rows = rows_of_run(&read_metrics(&folder.metrics())?);
        let heldout = HeldoutSample::new(rows, loader.heldout_len(), r.evaluate.max_examples);
        let board = TensorBoard::open(folder.tensorboard(), folder.is_resumed.then_some(snapshot.step));
        if !folder.is_resumed || !folder.changes.is_empty() {
            board.recipe(snapshot.step, &recipe.text);
        }
        if !folder.is_resumed {
            board.hparams(&hparams(r), &["eval/loss", "eval/mlm_loss", "eval/rtd_loss", "eval/rtd_auc"]);
        }
        Ok(Self {
            recipe: r,
            estimate,
            device,
            folder,
            store,
            loader,
            heldout,
            log,
            board,
            monitor,
            first_step: snapshot.step,
            snapshot,
            started: Instant::now(),
            heldout_loss: None,
            told_board_failure: false,
            first_loss: None,
            told_loss_scale: false,
        })
    }

    fn until_the_end(mut self, interrupt: &Interrupt) -> Result<Ended, TrainError> {
        let last_saved = match self.train(interrupt) {
            Err(TrainError::Diverged(divergence)) => {
                self.log.event(self.snapshot.step, &divergence.to_string())?;
                self.end("diverged", None)?;
                return Err(divergence.into());
            }
            Err(error) => {
                // A log or the disk failed, not the training: what it reached may still fit.
                let step = self.snapshot.step;
                let is_saved = self.store.steps().is_ok_and(|steps| steps.last() == Some(&step));
                let message = if is_saved || self.save().is_ok() {
                    "stopped by an error, with all steps saved"
                } else {
                    "stopped by an error; the steps since the last checkpoint are lost"
                };
                self.monitor.on(Event::Note { step, message });
                return Err(error);
            }
            Ok(last_saved) => last_saved,
        };
        self.finish(last_saved, interrupt)
    }

    /// Steps until all are done or somebody interrupts; the step of the last checkpoint.
    fn train(&mut self, interrupt: &Interrupt) -> Result<u64, TrainError> {
        let r = self.recipe;
        let total = r.train.steps;
        self.monitor.on(Event::Started {
            step: self.first_step,
            total_steps: total,
            plan: self.estimate.plan,
        });
        let batches = Prefetch::start(self.loader.clone(), self.first_step, total);
        let mut interval = Interval::default();
        let mut last_saved = self.first_step;
        let _loop = InLoop::begin();
        while self.snapshot.step < total && !interrupt.is_requested() {
            let number = self.snapshot.step + 1;
            let is_logged = number.is_multiple_of(r.log.every_steps) || number == total;
            let mut tally = MetricAccumulator::default();
            let begun = Instant::now();
            let rows = batches.next_step()?;
            let waited = begun.elapsed();
            let snapshot = &mut self.snapshot;
            let step = optimizer_step(snapshot, &rows, r, self.device, is_logged.then_some(&mut tally))?;
            interval.add(&step, begun.elapsed(), waited);
            let done = self.snapshot.step;
            self.monitor.on(Event::Stepped { step: done });

            self.tell_loss_scale(&step)?;
            if is_logged {
                self.log_interval(&interval, tally)?;
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
                self.save()?;
                last_saved = done;
            }
        }
        Ok(last_saved)
    }

    fn save(&mut self) -> Result<(), TrainError> {
        let blobs = self.snapshot.to_blobs();
        let blobs: Vec<(&str, &[u8])> = blobs.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        // A checkpoint competes for the best with the loss of its own weights or not at all.
        let heldout_loss =
            self.heldout_loss.filter(|(step, _)| *step == self.snapshot.step).map(|(_, loss)| loss);
        match self.store.save(self.snapshot.step, &blobs, heldout_loss) {
            Ok(()) => {}
            // The new checkpoint is there; only old ones could not be removed.
            Err(error @ CheckpointError::TidyUp { .. }) => self.note(&error.to_string())?,
            Err(error) => return Err(error.into()),
        }
        self.monitor.on(Event::Saved { step: self.snapshot.step });
        Ok(())
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
        self.log.event(self.snapshot.step, message)?;
        self.monitor.on(Event::Note { step: self.snapshot.step, message });
        Ok(())
    }

    fn finish(mut self, last_saved: u64, interrupt: &Interrupt) -> Result<Ended, TrainError> {
        let step = self.snapshot.step;
        let finished = step == self.recipe.train.steps;
        if last_saved != step {
            self.save()?;
        }
        let mut hash = None;
        if finished {
            let path = self.folder.model();
            let model = electra_model::parameters::collect(self.snapshot.model());
            let bytes = electra_model::parameters::to_safetensors(&model, None);
            hash = Some(weights_hash(&bytes));
            durable::write(&path, &bytes).map_err(|source| TrainError::Write { path, source })?;
        }
        let reason = if finished { FINISHED } else { interrupt.reason().unwrap_or("request") };
        self.end(reason, hash)?;
        Ok(if finished { Ended::Finished } else { Ended::Interrupted })
    }

    /// Closes the logs; of a run that came to its end with the hash of its weights.
    fn end(&mut self, reason: &str, weights_hash: Option<String>) -> Result<(), TrainError> {
        let step = self.snapshot.step;
        let rows = (self.recipe.train.batch_size * self.recipe.data.sequence_length) as u64;
        let mut end = json!({
            "seconds": self.started.elapsed().as_secs_f64(),
            "tokens": step * rows,
            "reason": reason,
        });
        let is_success = weights_hash.is_some();
        if let Some(hash) = weights_hash {
            end[WEIGHTS_HASH] = hash.into();
        }
        self.log.line("end", step, &end)?;
        self.board.end(is_success);
        self.board.flush();
        if let Some(failure) = self.board.failure() {
            let message = format!("TensorBoard events are incomplete: {failure}");
            self.monitor.on(Event::Note { step, message: &message });
        }
        Ok(())
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
    let (guess, coin) = ((recipe.model.vocab_size as f64).ln(), 2f64.ln());
    let discriminator = match recipe.objective {
        Objective::ReplacedTokenDetection(_) | Objective::Electra15(_) => coin,
        Objective::ReplaceMlm(_) => guess,
        // Copied or not by a coin, and what was replaced is guessed.
        Objective::AllTokensMlm(_) => coin + recipe.masking.probability() * guess,
        Objective::Mlm {} => 0.0,
        // Energies of zero: noise is told by its likelihood under a generator that guesses.
        Objective::Electric(_) => {
            let p = recipe.masking.probability();
            let z = -guess + (p / (1.0 - p)).ln();
            p * (-z).exp().ln_1p() + (1.0 - p) * z.exp().ln_1p()
        }
    };
    Some(generator_weight * guess + discriminator_weight * discriminator)
}
