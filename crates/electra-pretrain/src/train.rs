//! The training loop: the paper's algorithm, and what a run needs around it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use burn::module::{Module, ModuleVisitor, Param};
use burn::prelude::*;
use electra_model::Objective;
use electra_model::flops::{ForwardFlops, ParameterCount};
use electra_run::checkpoint::{CheckpointError, CheckpointStore};
use electra_run::interrupt::Interrupt;
use electra_run::process;
use electra_run::recipe::Resolved;
use electra_run::record::{HParam, LogError, MetricsLog, Plan, RunRecord, TensorBoard, TrainRecord};
use electra_run::run_folder::{RunFolder, RunFolderError, RunIdentity};
use electra_text::DataSet;
use thiserror::Error;

use crate::data::{RecipeDataError, batch_plan, open_data};
use crate::evaluate::evaluate;
use crate::interval::Interval;
use crate::loader::{Loader, Prefetch};
use crate::model_folder::MODEL_CONFIG;
use crate::monitor::{Event, Monitor};
use crate::recipe::Recipe;
use crate::snapshot::{Snapshot, SnapshotError};
use crate::step::{Divergence, optimizer_step};

/// Where and with what a run takes place; none of it decides the weights' meaning.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The device, without autodiff.
    pub device: Device,
    /// Its name on the command line.
    pub device_name: String,
    /// CPU threads.
    pub threads: usize,
    /// The run folder.
    pub run: PathBuf,
    /// Name and version of the program.
    pub program_version: String,
    /// Measured peak of the device in floating-point operations per second, if measured.
    pub peak_flops: Option<f64>,
    /// What the run was predicted to need.
    pub plan: Option<Plan>,
    /// Whether the hashes of all shards are recomputed first: reads all data once.
    pub verify_data: bool,
}

/// How a run came to an end without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All steps are done.
    Finished,
    /// Somebody asked it to stop; the same command goes on.
    Interrupted,
}

/// Why a run stopped.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The data cannot be used with this recipe.
    #[error(transparent)]
    Data(#[from] RecipeDataError),
    /// The run folder cannot be used.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// No checkpoint could be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint holds another model.
    #[error("the last checkpoint does not fit this recipe: {0}")]
    Snapshot(#[from] SnapshotError),
    /// Every checkpoint of a begun run is damaged.
    #[error("{path} holds checkpoints, and none of them is intact:\n{}", .damage.join("\n"))]
    Lost {
        /// Folder of the checkpoints.
        path: PathBuf,
        /// One line for each.
        damage: Vec<String>,
    },
    /// The log of metrics cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Another file of the run folder cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The numbers went out of bounds.
    #[error(transparent)]
    Diverged(#[from] Divergence),
}

/// What to do about a divergence.
pub const DIVERGENCE_REMEDY: &str = "lower schedule.learning_rate (half of it is a good try) or lengthen \
    schedule.warmup_steps, and start in a new folder with --run; with 16-bit precision, try train.precision = \"f32\" first";

/// Runs `recipe` to its end, from its last checkpoint if it has one.
///
/// # Errors
/// Whatever keeps the run from going on. Steps since the last checkpoint are then lost, unless
/// the loop could still save: after an interruption it does.
pub fn pretrain(
    recipe: &Resolved<Recipe>,
    environment: &Environment,
    interrupt: &Interrupt,
    monitor: &mut dyn Monitor,
) -> Result<Ended, TrainError> {
    let r = &recipe.value;
    let data = Arc::new(open_data(r)?);
    if environment.verify_data {
        data.verify_shards(|_| {}).map_err(RecipeDataError::from)?;
    }
    let folder = RunFolder::create_or_resume(&environment.run, &identity(recipe, environment, &data))?;
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
    if let Some(checkpoint) = &found.checkpoint
        && checkpoint.step >= r.train.steps
        && folder.model().exists()
    {
        let message = format!("all {} steps are done already", r.train.steps);
        monitor.on(Event::Note { step: checkpoint.step, message: &message });
        return Ok(Ended::Finished);
    }
    let snapshot = match &found.checkpoint {
        Some(checkpoint) => Snapshot::load(checkpoint, &r.model, &device, r.train.precision)?,
        None if found.passed_over.is_empty() => Snapshot::start(r, &data, &device),
        None => return Err(TrainError::Lost { path: folder.checkpoints(), damage: found.passed_over }),
    };

    let mut run = Run::new(recipe, environment, &device, data, folder, store, snapshot, monitor)?;
    // Told already: the log is opened last.
    for message in changes.iter().chain(&found.passed_over) {
        run.log.event(run.snapshot.step, message)?;
    }
    run.until_the_end(interrupt)
}

/// A run under way.
struct Run<'a> {
    recipe: &'a Recipe,
    environment: &'a Environment,
    device: &'a Device,
    folder: RunFolder,
    store: CheckpointStore,
    loader: Loader,
    log: MetricsLog,
    board: TensorBoard,
    monitor: &'a mut dyn Monitor,
    snapshot: Snapshot,
    started: Instant,
    first_step: u64,
    /// Step and held-out loss of the last evaluation: what the best checkpoint is chosen by.
    heldout_loss: Option<(u64, f64)>,
    told_board_failure: bool,
}

impl<'a> Run<'a> {
    #[allow(clippy::too_many_arguments)]
    fn new(
        recipe: &'a Resolved<Recipe>,
        environment: &'a Environment,
        device: &'a Device,
        data: Arc<DataSet>,
        folder: RunFolder,
        store: CheckpointStore,
        snapshot: Snapshot,
        monitor: &'a mut dyn Monitor,
    ) -> Result<Self, TrainError> {
        let r = &recipe.value;
        let flops = ForwardFlops::of(&r.model, r.train.batch_size, r.data.sequence_length, r.slots());
        let count = ParameterCount::of(&r.model);
        let record = RunRecord {
            recipe_hash: recipe.hash.clone(),
            parameters: serde_json::json!({
                "discriminator": count.discriminator,
                "generator": count.generator,
                "total": count.total(),
            }),
            flops_per_step: flops.training_step(),
            plan: environment.plan,
        };
        let log = MetricsLog::open(folder.metrics(), snapshot.step, &record)?;
        let board = TensorBoard::open(folder.tensorboard(), folder.is_resumed.then_some(snapshot.step));
        if !folder.is_resumed {
            board.recipe(0, &recipe.text);
            board.hparams(&hparams(r), &["eval/loss", "eval/mlm_loss", "eval/rtd_loss", "eval/rtd_auc"]);
        }
        Ok(Self {
            recipe: r,
            environment,
            device,
            folder,
            store,
            loader: Loader::new(data, batch_plan(r)),
            log,
            board,
            monitor,
            first_step: snapshot.step,
            snapshot,
            started: Instant::now(),
            heldout_loss: None,
            told_board_failure: false,
        })
    }

    fn until_the_end(mut self, interrupt: &Interrupt) -> Result<Ended, TrainError> {
        let last_saved = match self.train(interrupt) {
            Err(TrainError::Diverged(divergence)) => {
                self.log.event(self.snapshot.step, &divergence.to_string())?;
                self.end("diverged", false)?;
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
            plan: self.environment.plan,
        });
        let mut batches = Prefetch::start(self.loader.clone(), self.first_step, total);
        let mut interval = Interval::start(&batches);
        let mut last_saved = self.first_step;
        while self.snapshot.step < total && !interrupt.is_requested() {
            let step = optimizer_step(&mut self.snapshot, &batches.next_step(), r, self.device)?;
            interval.add(&step);
            let done = self.snapshot.step;
            self.monitor.on(Event::Stepped { step: done });

            if done.is_multiple_of(r.log.every_steps) || done == total {
                self.log_interval(&interval, &batches)?;
                interval = Interval::start(&batches);
            }
            if done.is_multiple_of(r.log.histogram_every_steps) || done == total {
                self.log_histograms();
            }
            let is_last = done == total;
            if done.is_multiple_of(r.evaluate.every_steps) || is_last {
                self.evaluate()?;
                interval.restart_clock(&batches);
            }
            if done.is_multiple_of(r.checkpoint.every_steps) || is_last {
                self.save()?;
                last_saved = done;
                interval.restart_clock(&batches);
            }
        }
        Ok(last_saved)
    }

    fn log_interval(&mut self, interval: &Interval, batches: &Prefetch) -> Result<(), TrainError> {
        let (r, step) = (self.recipe, self.snapshot.step);
        let seconds = interval.seconds();
        let flops = ForwardFlops::of(&r.model, r.train.batch_size, r.data.sequence_length, r.slots());
        let steps_per_second = interval.steps as f64 / seconds;
        let mean = |sum: f64| sum / interval.steps as f64;
        let rows = (r.train.batch_size * r.data.sequence_length) as u64;
        let record = TrainRecord {
            loss: mean(interval.loss),
            mlm_loss: mean(interval.mlm),
            rtd_loss: mean(interval.rtd),
            learning_rate: interval.learning_rate,
            grad_norm: mean(interval.grad_norm),
            tokens_per_second: interval.tokens as f64 / seconds,
            peak_fraction: self
                .environment
                .peak_flops
                .map(|peak| flops.training_step() * steps_per_second / peak),
            rss_mb: process::rss().map_or(f64::NAN, |bytes| bytes as f64 / 1e6),
            data_wait_fraction: interval.waited(batches) / seconds,
            mlm_accuracy: None,
            epoch: self.loader.epochs(step),
            tokens: step * rows,
        };
        self.log.train(step, &record)?;
        self.board.scalars(
            step,
            &[
                ("train/loss", record.loss),
                ("train/mlm_loss", record.mlm_loss),
                ("train/rtd_loss", record.rtd_loss),
                ("train/learning_rate", record.learning_rate),
                ("train/grad_norm", record.grad_norm),
                ("speed/tokens_per_second", record.tokens_per_second),
                ("speed/data_wait_fraction", record.data_wait_fraction),
                ("speed/rss_mb", record.rss_mb),
            ],
        );
        if let Some(failure) = self.board.failure().map(str::to_string).filter(|_| !self.told_board_failure) {
            self.told_board_failure = true;
            self.note(&format!("TensorBoard events end here: {failure}"))?;
        }
        let seconds_left = (r.train.steps - step) as f64 / steps_per_second;
        self.monitor.on(Event::Trained { step, record: &record, seconds_left });
        let untrained = untrained_loss(r);
        if step > r.schedule.warmup_steps.max(r.log.every_steps) && record.loss > 1.2 * untrained {
            let loss = record.loss;
            return Err(Divergence::Risen { step, loss, untrained }.into());
        }
        Ok(())
    }

    fn log_histograms(&self) {
        let mut watched = Watched { path: vec![], values: vec![] };
        self.snapshot.model().visit(&mut watched);
        for (path, values) in watched.values {
            self.board.histogram(self.snapshot.step, &format!("weights/{path}"), values);
        }
    }

    fn evaluate(&mut self) -> Result<(), TrainError> {
        let (r, step) = (self.recipe, self.snapshot.step);
        let model = self.snapshot.model().valid();
        let device = self.device.clone().inner();
        let rows = r.micro_batch_size();
        let found = evaluate(&model, &r.objective, &self.loader, &device, r.evaluate.max_examples, rows);
        let Some(mut record) = found else {
            return self.note("there are no held-out examples: nothing was evaluated");
        };
        // Before the warmup is over nothing else is to be expected.
        record.collapsed &= step > r.schedule.warmup_steps;
        self.heldout_loss = Some((step, record.loss));
        self.log.eval(step, &record)?;
        self.board.scalars(
            step,
            &[
                ("eval/loss", record.loss),
                ("eval/mlm_loss", record.mlm_loss),
                ("eval/mlm_accuracy", record.mlm_accuracy),
                ("eval/sampled_accuracy", record.sampled_accuracy),
                ("eval/rtd_loss", record.rtd_loss),
                ("eval/rtd_accuracy", record.rtd_accuracy),
                ("eval/rtd_precision", record.rtd_precision),
                ("eval/rtd_recall", record.rtd_recall),
                ("eval/rtd_auc", record.rtd_auc),
                ("eval/fake_rate", record.fake_rate),
                ("eval/rtd_loss_over_entropy", record.rtd_loss_over_entropy),
            ],
        );
        self.monitor.on(Event::Evaluated { step, record: &record });
        if record.collapsed && step >= r.train.steps / 2 {
            self.note(
                "the discriminator says the majority class and little else: a smaller generator, a lower \
                 masking.probability or more steps may help",
            )?;
        }
        Ok(())
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
        if finished {
            let path = self.folder.model();
            let model = electra_model::parameters::collect(self.snapshot.model());
            let bytes = electra_model::parameters::to_safetensors(&model, None);
            write_whole(&path, &bytes).map_err(|source| TrainError::Write { path, source })?;
        }
        let reason = if finished { "finished" } else { interrupt.reason().unwrap_or("request") };
        self.end(reason, finished)?;
        Ok(if finished { Ended::Finished } else { Ended::Interrupted })
    }

    /// Closes the logs.
    fn end(&mut self, reason: &str, is_success: bool) -> Result<(), TrainError> {
        let step = self.snapshot.step;
        let rows = (self.recipe.train.batch_size * self.recipe.data.sequence_length) as u64;
        self.log.end(step, self.started.elapsed().as_secs_f64(), step * rows, reason)?;
        self.board.end(is_success);
        self.board.flush();
        if let Some(failure) = self.board.failure() {
            let message = format!("TensorBoard events are incomplete: {failure}");
            self.monitor.on(Event::Note { step, message: &message });
        }
        Ok(())
    }
}

/// The weights that TensorBoard shows as histograms: tables, heads and the first block of each network.
struct Watched {
    path: Vec<String>,
    values: Vec<(String, Vec<f32>)>,
}

impl ModuleVisitor for Watched {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        let is_selected =
            ["embeddings.word", "embeddings.position", "project.weight"].iter().any(|s| path.ends_with(s))
                || path.contains("head.")
                || path.contains("layers.0.") && path.ends_with(".weight");
        if is_selected {
            self.values.push((path, param.val().into_data().iter::<f32>().collect()));
        }
    }
}

/// Loss of a model that has learned nothing: `w_g ln V + w_d ln 2`.
pub fn untrained_loss(recipe: &Recipe) -> f64 {
    let Objective::ReplacedTokenDetection { generator_weight, discriminator_weight, .. } = recipe.objective;
    generator_weight * (recipe.model.vocab_size as f64).ln() + discriminator_weight * 2f64.ln()
}

fn identity(recipe: &Resolved<Recipe>, environment: &Environment, data: &DataSet) -> RunIdentity {
    RunIdentity {
        recipe_text: recipe.text.clone(),
        recipe_hash: recipe.hash.clone(),
        data_hash: data.manifest().data_hash().to_string(),
        tokenizer_hash: data.manifest().tokenizer.hash.clone(),
        model_hash: None,
        program_version: environment.program_version.clone(),
        device: environment.device_name.clone(),
        threads: environment.threads,
    }
}

/// Model sizes and tokenizer: what makes the run folder a model folder.
fn write_model_folder(recipe: &Recipe, data: &DataSet, folder: &RunFolder) -> Result<(), TrainError> {
    let write = |path: PathBuf, bytes: &[u8]| {
        write_whole(&path, bytes).map_err(|source| TrainError::Write { path, source })
    };
    let config = serde_json::to_vec_pretty(&recipe.model).expect("sizes are JSON");
    write(folder.path().join(MODEL_CONFIG), &config)?;
    let to = folder.tokenizer();
    let failed = |source| TrainError::Write { path: to.clone(), source };
    fs::create_dir_all(&to).map_err(failed)?;
    for entry in fs::read_dir(data.tokenizer_folder()).map_err(failed)? {
        let from = entry.map_err(failed)?.path();
        if let Some(name) = from.file_name().filter(|_| from.is_file()) {
            let bytes = fs::read(&from).map_err(|source| TrainError::Write { path: from.clone(), source })?;
            write(to.join(name), &bytes)?;
        }
    }
    Ok(())
}

/// Writes beside and renames, so that nobody sees half a file.
fn write_whole(path: &std::path::Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("partial");
    fs::write(&beside, bytes)?;
    fs::File::open(&beside)?.sync_all()?;
    fs::rename(&beside, path)
}

fn hparams(r: &Recipe) -> Vec<(String, HParam)> {
    let number = |name: &str, value: f64| (name.to_string(), HParam::Number(value));
    let generator = r.model.generator();
    vec![
        ("name".to_string(), HParam::Text(r.name.clone())),
        number("seed", r.seed as f64),
        number("hidden_size", r.model.hidden_size as f64),
        number("num_hidden_layers", r.model.num_hidden_layers as f64),
        number("generator_hidden_size", generator.hidden_size as f64),
        number("generator_num_hidden_layers", generator.num_hidden_layers as f64),
        number("batch_size", r.train.batch_size as f64),
        number("learning_rate", r.schedule.learning_rate),
        number("masking_probability", r.masking.probability()),
        number("dropout", r.train.dropout),
    ]
}
