//! Fine-tuning with one seed: epochs, evaluation, checkpoints, and what the run leaves behind.
//!
//! ```text
//! RUN/config.json model.safetensors vocab.txt ...   the tagger of the best epoch
//!     calibration.json                              temperature and thresholds of its scores
//!     predictions-dev.conll predictions-test.conll  token gold predicted
//!     scores.json README.md                         scores, model card; scores.json comes last
//!     recipe.toml run.json metrics.jsonl tensorboard/ checkpoints/
//! ```

pub(crate) mod agreement;
pub(crate) mod batches;
mod board;
mod calibrate;
mod divisions;
mod error;
mod forecast;
mod notes;
pub(crate) mod outcome;
mod outputs;
mod run;
mod run_record;
pub(crate) mod snapshot;
pub(crate) mod step;
mod task;

use std::path::PathBuf;

use burn::module::Module;
use electra_annotations::Splits;
use electra_run::checkpoint::CheckpointStore;
use electra_run::code::{CodeVersions, START_VALUES};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;
use electra_run::run_folder::RunFolder;
use electra_train::encoder_init::EncoderInit;
use electra_train::recorder::FINISHED;
use electra_train::{EpochMonitor, Resumed, RunError};

use crate::recipe::{FREE_KEYS, Recipe};
use crate::tagger_folder::TaggerFolder;
use outcome::RunState;
use run::{Run, resumed};
use task::Task;

pub use batches::{EpochBatches, Targets, TrainBatch};
pub use electra_train::Environment;
pub use error::FinetuneError;
pub use forecast::forecast;
pub(crate) use outcome::SplitOutcome;
pub use outcome::{Outcome, PREDICTIONS_DEV, PREDICTIONS_TEST, SCORES};
pub use snapshot::{Snapshot, load as load_snapshot, start as start_snapshot, tagger_of};
pub use step::{Step, Steps};
pub use task::check;

/// Version of what fine-tuning does beside the kernels: windows, the order of sentences, losses, schedule,
/// decoding and scores. Raised with every change of what it gives (`docs/decisions/0007`). 2: the parts of a step
/// have one length and drop by a window's place in the step; a step in one part is as in 1.
pub const FINE_TUNING_VERSION: u32 = 2;

/// The end of fine-tuning a tagger without an error.
pub type RunEnd = electra_train::RunEnd<Outcome>;

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
    monitor: &mut dyn EpochMonitor,
) -> Result<RunEnd, FinetuneError> {
    let r = &recipe.value;
    let task = Task::new(r, start, splits)?;
    let lineage = start.lineage();
    // The test data decides nothing.
    let data = [&*task.train.facts.hash, &*splits.dev.facts.hash];
    let identity = environment.identity(recipe, FREE_KEYS, &data, &lineage, code_versions());
    let folder = RunFolder::create_or_resume(run, &identity).map_err(RunError::from)?;
    folder.changes.iter().for_each(|message| monitor.note(0, message));
    let standing = RunState::read(folder.path(), splits);
    if let RunState::Finished(outcome) = standing {
        let message = match outcome.has_earlier_test {
            false => "finished already",
            true => {
                "finished already; the scores on test data of an earlier call stay in scores.json, name the \
                 test data to see them"
            }
        };
        monitor.note(outcome.steps, message);
        return Ok(RunEnd::Finished(Box::new(outcome)));
    }
    let device = environment.device.clone().autodiff();
    let about = (&lineage, splits);
    if let RunState::Tagger { outcome, why } = &standing {
        // Whatever has become of the checkpoints, what is asked for is about this tagger.
        let tagger = TaggerFolder::open(folder.path())?.tagger(&device, r.train.precision)?;
        let mut snapshot = snapshot::start(tagger, &task.rates);
        snapshot.progress.step = outcome.steps;
        let store = CheckpointStore::reading(folder.checkpoints());
        let note =
            format!("not trained again; its files are written again, from the tagger that is there: {why}");
        let resumed = Resumed { snapshot, last_saved: None, notes: vec![note] };
        let mut run = Run::begin(&task, recipe, about, (folder, store), resumed, &device, monitor)?;
        // The one that is there.
        let tagger = run.run.snapshot.model().valid();
        let outcome = run.write_all(&tagger, outcome.best_epoch, outcome.epochs)?;
        run.run.end(FINISHED)?;
        return Ok(RunEnd::Finished(Box::new(outcome)));
    }
    let store = CheckpointStore::open(folder.checkpoints(), 1).map_err(RunError::from)?;
    let mut resumed = resumed(&task, (&folder, &store), &device)?;
    if let RunState::Damaged(damage) = &standing {
        let again = match resumed.last_saved {
            Some(_) => "its files are written again",
            None => "it is trained again, as no checkpoint is left to write its files from",
        };
        resumed.notes.push(format!("the run was finished, and {again}: {damage}"));
    }
    let mut run = Run::begin(&task, recipe, about, (folder, store), resumed, &device, monitor)?;
    if !run.train(interrupt)? {
        return Ok(RunEnd::Interrupted);
    }
    let outcome = run.finish()?;
    run.run.end(FINISHED)?;
    Ok(RunEnd::Finished(Box::new(outcome)))
}

/// The versions of the code that decides a tagger beside recipe, data and model.
fn code_versions() -> CodeVersions {
    CodeVersions::new([
        ("fine-tuning", FINE_TUNING_VERSION),
        (START_VALUES, electra_model::START_VALUES_VERSION),
        ("kernels", electra_model::NUMERICS_VERSION),
        ("reader", electra_text::READER_VERSION),
    ])
}
