//! Training loop of pretraining.

mod alike;
mod average;
mod begun;
mod compare_ranks;
mod error;
mod hparams;
mod phase_record;
mod rank_recorder;
mod records;
mod run;
mod setup;
mod start;
mod untrained;

use burn::prelude::*;
use electra_ranks::{Communicator, RankError};
use electra_run::checkpoint::{Checkpoint, CheckpointStore};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;
use electra_run::record::{HeldoutRows, Record, read_metrics};
use electra_run::run_folder::{DamagedWeights, RunFolder, check_file_hash, check_final_weights};
use electra_train::RunError;
use electra_train::layout::{AVERAGE, AVERAGE_FOLDER, WEIGHTS};
use electra_train::recorder::FINISHED;
use electra_train::resume::{resume, skipped_checkpoints};

pub use error::TrainError;
pub use run::RunEnd;
pub use setup::{Environment, Estimate, RunSetup};
pub use untrained::untrained_loss;

use crate::exchange::{MessageReader, MessageWriter};
use crate::initial_weights::InitFile;
use crate::mixture::SourceUse;
use crate::monitor::Monitor;
use crate::phases::{Phase, RunData, unseen_ids_of_run};
use crate::recipe::Recipe;
use crate::snapshot;
use begun::Begun;
use run::Run;
use setup::{OfFirst, write_init_file, write_model_folder};

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
) -> Result<RunEnd, TrainError> {
    pretrain_on(&Communicator::alone(), recipe, environment, setup, estimate, interrupt, monitor)
}

/// As [`pretrain`], with several ranks: each computes a share of every step and ends with the same weights. The first
/// of them writes the folder and tells `monitor`.
///
/// # Errors
/// As there, on every rank: its own error, or that another rank has come to one.
pub fn pretrain_on(
    communicator: &Communicator<'_>,
    recipe: &Resolved<Recipe>,
    environment: &Environment,
    setup: RunSetup,
    estimate: Estimate,
    interrupt: &Interrupt,
    monitor: &mut dyn Monitor,
) -> Result<RunEnd, TrainError> {
    let device = environment.device.clone().autodiff();
    let RunSetup { data, of_first } = setup;
    let run = match of_first {
        Some(of_first) => {
            let begun = begin(communicator, recipe, &device, data, of_first, estimate, monitor);
            tell_state(communicator, &begun)?;
            begun?
        }
        None => {
            let followed = follow(communicator, recipe, &device, data, estimate, monitor);
            followed.inspect_err(|error| error.tell(communicator))?
        }
    };
    match run {
        Some(run) => run.run_to_end(interrupt),
        None => Ok(RunEnd::Finished),
    }
}

/// Tells the other ranks where the run stands: nothing where it has come to its end before, or the error that keeps it
/// from going on.
fn tell_state(
    communicator: &Communicator<'_>,
    begun: &Result<Option<Run<'_>>, TrainError>,
) -> Result<(), RankError> {
    if !communicator.is_shared() {
        return Ok(());
    }
    let run = match begun {
        Ok(run) => run.as_ref(),
        Err(error) => {
            communicator.fail(&error.to_string());
            return Ok(());
        }
    };
    let mut state = MessageWriter::default();
    if let Some(run) = run {
        state.count(u64::from(run.heldout.measure().rows == HeldoutRows::First));
        let blobs = run.snapshot.to_blobs();
        state.count(blobs.len() as u64);
        for (name, bytes) in &blobs {
            state.bytes(name.as_bytes());
            state.bytes(bytes);
        }
    }
    communicator.gather(Ok(Vec::new()))?;
    communicator.broadcast(state.into_bytes())?;
    Ok(())
}

/// The run as a rank goes on with it that is not the first; `None` where it has come to its end before.
fn follow<'a>(
    communicator: &'a Communicator<'a>,
    recipe: &'a Resolved<Recipe>,
    device: &'a Device,
    data: RunData,
    estimate: Estimate,
    monitor: &'a mut dyn Monitor,
) -> Result<Option<Run<'a>>, TrainError> {
    communicator.gather(Ok(Vec::new()))?;
    let state = communicator.broadcast(Vec::new())?;
    if state.is_empty() {
        return Ok(None);
    }
    let mut reader = MessageReader::new(&state);
    let rows = if reader.count() == 1 { HeldoutRows::First } else { HeldoutRows::Spread };
    let blobs: Vec<(String, Vec<u8>)> = (0..reader.count())
        .map(|_| (String::from_utf8_lossy(reader.bytes()).into_owned(), reader.bytes().to_vec()))
        .collect();
    let snapshot = snapshot::of_blobs(&blobs, &recipe.value, device).map_err(RunError::from)?;
    let begun = Begun { snapshot, records: None, rows };
    Run::new(communicator, recipe, estimate, device, &data, begun, monitor).map(Some)
}

/// The run as the first rank begins or goes on with it; `None` where it has come to its end before.
fn begin<'a>(
    communicator: &'a Communicator<'a>,
    recipe: &'a Resolved<Recipe>,
    device: &'a Device,
    data: RunData,
    OfFirst { start, folder }: OfFirst,
    estimate: Estimate,
    monitor: &'a mut dyn Monitor,
) -> Result<Option<Run<'a>>, TrainError> {
    let r = &recipe.value;
    let changes = folder.changes.clone();
    changes.iter().for_each(|change| monitor.note(0, change));
    write_model_folder(r, &data, &folder)?;
    let store =
        CheckpointStore::open(folder.checkpoints(), r.checkpoint.keep_last).map_err(RunError::from)?;

    let found = store.latest_valid().map_err(RunError::from)?;
    let passed_over = skipped_checkpoints(&found);
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
            return Ok(None);
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
    let unseen = unseen_ids_of_run(r, &data);
    lost.iter().chain(&unseen).for_each(|message| monitor.note(0, message));
    let sources = source_sentences(r, &data);
    sources.iter().for_each(|message| monitor.note(0, message));
    let mut begun_with = None;
    let snapshot = resume(
        &found,
        &folder.checkpoints(),
        |checkpoint| snapshot::load(checkpoint, r, device),
        || {
            let (snapshot, file) = start.snapshot(r, folder.path(), data.first(), device)?;
            begun_with = file;
            Ok::<_, TrainError>(snapshot)
        },
    )?;
    if let Some(file) = &begun_with {
        // Before the first checkpoint, which nobody could tell the origin of without.
        write_init_file(file, &folder)?;
        file.sentences().iter().for_each(|message| monitor.note(0, message));
    }
    let last_saved = found.checkpoint.as_ref().map(|checkpoint| checkpoint.step);

    let begun = Begun::of_first(communicator, recipe, estimate, snapshot, (folder, store, last_saved))?;
    let mut run = Run::new(communicator, recipe, estimate, device, &data, begun, monitor)?;
    if let Some(file) = &begun_with {
        run.recorder.line("init", run.snapshot.step(), &file.record())?;
    }
    let told = begun_with.iter().flat_map(InitFile::sentences).collect::<Vec<_>>();
    // Told already: the log is opened last.
    for message in changes.iter().chain(&passed_over).chain(&lost).chain(&unseen).chain(&sources).chain(&told)
    {
        run.recorder.event(run.snapshot.step(), message)?;
    }
    run.log_sources_at_begin()?;
    run.note_first_rows()?;
    run.recorder.adopt_recipe()?;
    Ok(Some(run))
}

/// What a run reads of each source of a mixture, in sentences: of each phase.
fn source_sentences(recipe: &Recipe, data: &RunData) -> Vec<String> {
    let of_phase = |(phase, uses): (Phase, Vec<SourceUse>)| {
        let name = if phase.of > 1 { format!("phase {}, ", phase.number) } else { String::new() };
        uses.into_iter().map(move |source| name.clone() + &source.sentence(phase.steps)).collect::<Vec<_>>()
    };
    recipe.phases().into_iter().zip(data.uses(recipe)).flat_map(of_phase).collect()
}

fn records_of(folder: &RunFolder) -> Result<Vec<Record>, TrainError> {
    Ok(read_metrics(&folder.metrics()).map_err(RunError::from)?)
}

/// Tells whether the log of a run ends with its end, all steps done.
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
/// the same, and the log has their hash. So it is with their average, if the run has one.
fn check_final(folder: &RunFolder, last: Option<&Checkpoint>) -> Result<(), DamagedWeights> {
    check_final_weights(folder.path())?;
    if let Some(saved) = last.and_then(|checkpoint| checkpoint.hash_of(AVERAGE)) {
        check_file_hash(&folder.path().join(AVERAGE_FOLDER).join(WEIGHTS), saved)?;
    }
    // Logs of older programs do not know the hash.
    match last.and_then(|checkpoint| checkpoint.hash_of(WEIGHTS)) {
        Some(saved) => check_file_hash(&folder.model(), saved),
        None => Ok(()),
    }
}
