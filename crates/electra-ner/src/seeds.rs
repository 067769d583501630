//! Several seeds of one recipe: mean, deviation, the best, and all their predictions together.
//!
//! ```text
//! OUT/seed-1/ seed-2/ ...   a run each; those that are finished are not trained again
//!     best/                 a copy of the tagger with the best F1 on the development data
//!     best.partial/         that copy while it is made
//!     best.old/             the one before it, until the new one has its name
//!     summary.json          what is printed, and scores on test data that an earlier call has named
//! ```

mod earlier_test;
mod summary;

use std::path::Path;

use electra_files::durable;
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;
use electra_text::wordpiece::SAVED_FILES;
use electra_train::layout::{CALIBRATION, HF_CONFIG, TAGGER_SETTINGS, WEIGHTS};
use electra_train::seeds::{SeedFiles, SeedsFolder, SeedsFolderError};
use electra_train::{EpochMonitor as Monitor, RunError, SeedOutcomes, SeedStop, run_seeds, stopped_by};
use thiserror::Error;

use crate::collapse_guard::remedy;
use crate::finetune::{
    Environment, FinetuneError, Outcome, PREDICTIONS_DEV, PREDICTIONS_TEST, SCORES, SplitOutcome, finetune,
};
use crate::head::EXTRA_FILES;
use crate::model_card::README;
use crate::recipe::Recipe;
use electra_annotations::{
    Evaluation, EvaluationSettings, Overlap, Predictions, PredictionsError, SeenEntities, Splits, evaluate,
    overlap_warnings,
};
use electra_train::encoder_init::EncoderInit;

pub use electra_train::seeds::{BEST, SUMMARY};
pub(crate) use summary::SeedRun;
pub use summary::{StoppedSeed, Summary};

use electra_train::seeds::Spread;

/// A seed whose run stopped.
#[derive(Debug, Error, miette::Diagnostic)]
#[error("seed {seed}: {source}")]
pub struct SeedError {
    /// The seed of the run.
    pub seed: u64,
    /// The error that stopped the run.
    #[diagnostic_source]
    pub source: FinetuneError,
}

/// The folder of fine-tuning's seeds.
#[must_use]
pub fn seeds_folder(out: &Path) -> SeedsFolder<'_> {
    SeedsFolder { path: out, files: &FILES }
}

/// Files of a seed, of which the tagger is the result.
static FILES: SeedFiles = SeedFiles {
    noun: "tagger",
    measure: "dev F1",
    of_result: &[
        &[HF_CONFIG, WEIGHTS],
        &EXTRA_FILES,
        &[TAGGER_SETTINGS, CALIBRATION, README, "recipe.toml", SCORES, PREDICTIONS_DEV, PREDICTIONS_TEST],
        &SAVED_FILES,
    ],
    scores: SCORES,
    read_scores: |bytes| {
        let Outcome { seed, dev, .. } = serde_json::from_slice(bytes).ok()?;
        Some((seed, dev.f1))
    },
};

/// Runs `recipes`, which differ in their seeds alone, one after the other below `out`, and sums
/// them up; none if somebody interrupts. A seed that learns nothing or diverges does not keep the
/// others from their end.
///
/// `others` are the same recipe with the other seeds that are [finished](SeedsFolder::finished) in `out`: they are scored
/// where the test data is new to them, and are summed up too, so that the best tagger is the best of
/// all that stand there.
///
/// # Errors
/// What lies in `out` and would be lost, or is of another recipe or other data. What stopped a run for another reason: the seeds after it
/// are not begun. Or why the first seed stopped, if none came to its end.
///
/// # Panics
/// If there are no recipes.
#[allow(clippy::too_many_arguments)]
pub fn finetune_seeds(
    recipes: &[Resolved<Recipe>],
    others: &[Resolved<Recipe>],
    start: &EncoderInit,
    splits: &Splits,
    out: &Path,
    environment: &Environment,
    interrupt: &Interrupt,
    monitor: &mut dyn Monitor,
) -> Result<Option<Summary>, SeedError> {
    let first = &recipes[0].value;
    let asked: Vec<u64> = recipes.iter().map(|recipe| recipe.value.seed).collect();
    let folder = seeds_folder(out);
    let at_first = |source: SeedsFolderError| SeedError { seed: first.seed, source: source.into() };
    folder.claim(start.folder()).map_err(at_first)?;
    folder.check_best(&asked).map_err(at_first)?;
    let overlaps = Overlap::all(splits, first.train.max_sentences);
    let mut warnings = overlap_warnings(splits, &overlaps);
    warnings.extend(start.warning());
    for warning in &warnings {
        monitor.note(0, &format!("WARNING: {warning}"));
    }
    let all = || recipes.iter().chain(others);
    let run = |seed: u64, run, monitor: &mut dyn Monitor| {
        let recipe = all().find(|recipe| recipe.value.seed == seed).expect("a seed of these recipes");
        finetune(recipe, start, splits, run, environment, interrupt, monitor)
    };
    let other_seeds: Vec<u64> = others.iter().map(|recipe| recipe.value.seed).collect();
    let ran = run_seeds(folder, &asked, &other_seeds, monitor, run, FinetuneError::stopped);
    let ran = ran.map_err(|(seed, source)| SeedError { seed, source })?;
    let Some(SeedOutcomes { finished: mut outcomes, stopped }) = ran else { return Ok(None) };
    outcomes.sort_by_key(|outcome| outcome.seed);
    let stopped_seed = |SeedStop { seed, run, stopped, error }: SeedStop<FinetuneError>| {
        let (reason, remedy) = (error.to_string(), remedy(stopped, first));
        StoppedSeed { seed, run, reason, remedy }
    };
    let stopped: Vec<StoppedSeed> = stopped.into_iter().map(stopped_seed).collect();
    let summary = sum_up(
        first,
        &outcomes,
        with_earlier(stopped, &asked, first, out),
        splits,
        (overlaps, warnings),
        out,
    );
    summary.map(Some).map_err(|source| SeedError { seed: first.seed, source })
}

/// These seeds, and others that have stopped in `out` before.
fn with_earlier(
    mut stopped: Vec<StoppedSeed>,
    asked: &[u64],
    recipe: &Recipe,
    out: &Path,
) -> Vec<StoppedSeed> {
    let is_other = |seed: &u64| !asked.contains(seed) && !seeds_folder(out).is_finished(*seed);
    stopped.extend(seeds_folder(out).seeds().into_iter().filter(is_other).filter_map(|seed| {
        let run = seeds_folder(out).run_of(seed);
        // One that was interrupted or is under way has not stopped.
        let (stopped, reason) = stopped_by(&run)?;
        Some(StoppedSeed { seed, run, reason, remedy: remedy(stopped, recipe) })
    }));
    stopped.sort_by_key(|stopped| stopped.seed);
    stopped
}

fn sum_up(
    recipe: &Recipe,
    outcomes: &[Outcome],
    stopped: Vec<StoppedSeed>,
    splits: &Splits,
    (overlaps, warnings): (Vec<Overlap>, Vec<String>),
    out: &Path,
) -> Result<Summary, FinetuneError> {
    // Of equal ones the first.
    let better = |best: &'_ Outcome, other: &'_ Outcome| other.dev.f1 > best.dev.f1;
    let best = outcomes.iter().reduce(|best, other| if better(best, other) { other } else { best });
    let best = best.expect("at least one seed");
    let run = |outcome: &Outcome| SeedRun {
        seed: outcome.seed,
        run: outcome.run.clone(),
        best_epoch: outcome.best_epoch,
        epochs: outcome.epochs,
        dev_f1: outcome.dev.f1,
        test_f1: outcome.test.as_ref().and_then(SplitOutcome::f1_if_any),
        found_nothing: !outcome.has_found_something(),
    };
    let runs: Vec<SeedRun> = outcomes.iter().map(run).collect();
    let test_f1: Option<Vec<f64>> = runs.iter().map(|run| run.test_f1).collect();
    let summary = Summary {
        name: recipe.name.clone(),
        dev: Spread::of(&runs.iter().map(|run| run.dev_f1).collect::<Vec<_>>()),
        test: test_f1.as_deref().map(Spread::of),
        best_seed: best.seed,
        best: seeds_folder(out).keep_best(&best.run)?,
        pooled_test: pooled(recipe, outcomes, splits)?,
        found_nothing: runs.iter().filter(|run| run.found_nothing).count(),
        warnings,
        overlaps,
        runs,
        stopped,
    };
    let path = out.join(SUMMARY);
    let text = earlier_test::text(&summary, &path);
    durable::write(&path, text.as_bytes()).map_err(|source| RunError::Write { path, source })?;
    Ok(summary)
}

/// The test predictions of all seeds, read back from their files.
fn pooled(
    recipe: &Recipe,
    outcomes: &[Outcome],
    splits: &Splits,
) -> Result<Option<Evaluation>, FinetuneError> {
    let Some(test) = &splits.test else { return Ok(None) };
    let read =
        |outcome: &Outcome| Predictions::read_of_run(&outcome.run.join(PREDICTIONS_TEST), Some(test.gold()));
    let runs = outcomes.iter().map(read).collect::<Result<Vec<_>, PredictionsError>>()?;
    let most = recipe.train.max_sentences.unwrap_or(usize::MAX);
    let seen = SeenEntities::of(splits.train.sentences.iter().take(most));
    let evaluation = evaluate(&runs, Some(&seen), EvaluationSettings::default());
    Ok(Some(evaluation.expect("every word has a tag, and a split has words")))
}
