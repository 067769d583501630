//! `electra finetune`: from a pretrained model to a tagger.

mod model_argument;
mod options;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use electra_annotations::{ReadError, ReadOptions, Split, Splits};
use electra_ner::{
    METRICS, Recipe, SUMMARY, SeedSummary, StoppedSeed, finetune_seeds, least_memory, seeds_folder,
};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;
use electra_train::encoder_init::EncoderInit;

use crate::commands::pretrain::report_interruption;
use crate::commands::reading::ReadArguments;
use crate::commands::report::write_tagger_report;
use crate::device::{DeviceName, use_threads};
use crate::failure::{self, Failure};
use crate::limits;
use crate::ranks::refuse_several;
use crate::watch;

use options::{FinetuneOptions, with_seeds};

pub use model_argument::ModelArgument;
pub use options::environment;

/// Fine-tune a pretrained model.
#[derive(Subcommand)]
pub enum FinetuneCommand {
    /// Named entity recognition: from labelled sentences to a tagger with scores
    Ner(Box<FinetuneNer>),
}

impl FinetuneCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever keeps it from going on.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let Self::Ner(command) = self;
        command.run()
    }
}

/// Fine-tune a tagger of named entities, or go on with it
#[derive(Args)]
#[command(after_help = "Examples:
  electra finetune ner --model runs/tiny --train train.conll --dev dev.conll \\
    --test test.conll
  electra finetune ner configs/ner/wnut17.toml --model runs/tiny --seeds 5 \\
    --train train.conll --dev dev.conll
  electra finetune ner --model scratch:runs/tiny --out runs/control \\
    --train train.conll --dev dev.conll
  electra finetune ner --model runs/tiny --set labels.decoding=\"crf\" \\
    --train train.conll --dev dev.conll

Each seed is a run of its own in OUT/seed-N, with predictions, scores and model card; OUT/best is a copy of \
the tagger with the best F1 on the development data, and OUT/summary.json sums up: both are about all seeds \
that stand finished in OUT. OUT may hold nothing else. Without a recipe the one of configs/ner/default.toml \
is used, which is part of the program; its window of 128 pieces is shortened to what the model can read. It \
is after the paper's fine-tuning, with another learning rate, schedule and number of epochs, and with bias \
correction; the heading of the recipe says each.

The same command again goes on where it stands: seeds that are finished are not trained again, and with \
another --test their taggers are scored on it. Ctrl-C and SIGTERM finish the step, save and exit with 75.

A seed that has found no entity correctly, or whose loss has not moved, after 3 epochs (guard.epochs) and \
300 steps (guard.steps) is stopped; the others go on, and the exit code is 4. train.patience counts from the \
first epoch with an F1 above 0. Sentences that test, dev and train share are counted, and said before \
training and beside the scores.")]
pub struct FinetuneNer {
    /// Recipe in TOML, such as configs/ner/wnut17.toml [default: the built-in one]
    recipe: Option<PathBuf>,
    /// Labelled sentences to learn from: columns, JSON lines, or an export of an annotation tool
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// Labelled sentences to choose the best epoch by
    #[arg(long, value_name = "FILE")]
    dev: PathBuf,
    /// Labelled sentences to report on
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    #[command(flatten)]
    with: FinetuneOptions,
    #[command(flatten)]
    reading: ReadArguments,
}

impl FinetuneNer {
    fn run(self) -> Result<ExitCode, Failure> {
        let FinetuneOptions { with, display, .. } = &self.with;
        let (display, device) = (*display, with.device);
        refuse_several("fine-tuning")?;
        let threads = use_threads(with.threads)?;
        let mut overrides = with.overrides.clone();
        let mut first = load_ner_recipe(self.recipe.as_deref(), &overrides)?;
        let out = self.with.out(&first.value.name);
        failure::utf8(&out, SUMMARY)?;
        let options: ReadOptions = self.reading.options();
        let read = |path: &Path, options: &ReadOptions| {
            let _heartbeat = watch::start_heartbeat(display, &format!("reading {}", path.display()));
            Split::read(path, options)
        };
        let words = options.words.or(first.value.input.words);
        let options = ReadOptions { words, ..options };
        let splits = read_splits(&self.train, &self.dev, self.test.as_deref(), &options, read)?;
        let start = self.with.start()?;
        let interrupt = Interrupt::listen().map_err(Failure::of_system)?;
        let mut monitor = watch::epoch_monitor(display, &interrupt, METRICS)?;
        let positions = start.config().max_position_embeddings;
        if let Some(window) = Recipe::shorter_window(self.recipe.as_deref(), &first, positions) {
            let default = first.value.input.window;
            // A part of the recipe, so that the run says with which window it was trained.
            overrides.push(format!("input.window={window}"));
            first = load_ner_recipe(self.recipe.as_deref(), &overrides)?;
            let message =
                format!("input.window is {window} and not the default {default}: the model reads no more");
            monitor.note(0, &message);
        }
        let other = |seed| with_seed(self.recipe.as_deref(), &overrides, seed);
        let (seed, seeds) = (first.value.seed, self.with.seeds);
        let recipes = with_seeds(first, seed, seeds, other)?;
        let asked: Vec<u64> = recipes.iter().map(|recipe| recipe.value.seed).collect();
        let others = seeds_folder(&out)
            .finished()
            .into_iter()
            .filter(|seed| !asked.contains(seed))
            .map(other)
            .collect::<Result<Vec<_>, _>>()?;
        let recipes = Recipes { asked: &recipes, others: &others };
        let summary = train(recipes, &start, &splits, &out, device, threads, &interrupt, &mut *monitor);
        drop(monitor);
        let Some(summary) = summary? else {
            return Ok(report_interruption(display));
        };
        if self.with.json {
            crate::output::json_out(&summary).map_err(Failure::of_json)?;
        } else {
            if let Some(pooled) = &summary.pooled_test {
                println!("\n{pooled}");
            }
            println!("{summary}");
        }
        let stopped = summary.stopped.iter().filter(|stopped| asked.contains(&stopped.seed));
        let is_whole = stopped.clone().next().is_none();
        for StoppedSeed { seed, reason, remedy, .. } in stopped {
            // The table has told why.
            let why = if self.with.json { format!("seed {seed}: {reason}\n") } else { String::new() };
            eprintln!("\n{why}help for seed {seed}: {remedy}");
        }
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(failure::DIVERGED) })
    }
}

/// Reads the files of a data set. Texts of all of them are divided as those of the training data are.
///
/// # Errors
/// Those of `read`.
pub fn read_splits(
    train: &Path,
    dev: &Path,
    test: Option<&Path>,
    options: &ReadOptions,
    read: impl Fn(&Path, &ReadOptions) -> Result<Split, ReadError>,
) -> Result<Splits, ReadError> {
    let train = read(train, options)?;
    let words = options.words.or(train.division.is_of_records().then_some(train.division.words));
    let options = ReadOptions { words, ..options.clone() };
    let test = test.map(|test| read(test, &options)).transpose()?;
    Ok(Splits { train, dev: read(dev, &options)?, test })
}

/// Loads and checks a fine-tuning recipe, or the built-in one.
///
/// # Errors
/// With the caret under the offending text.
pub fn load_ner_recipe(path: Option<&Path>, overrides: &[String]) -> Result<Resolved<Recipe>, Failure> {
    Recipe::load(path, overrides).map_err(failure::recipe)
}

/// The recipe with another seed.
fn with_seed(path: Option<&Path>, overrides: &[String], seed: u64) -> Result<Resolved<Recipe>, Failure> {
    load_ner_recipe(path, &[overrides, &[format!("seed={seed}")]].concat())
}

/// Resolved recipes that differ in their seeds.
#[derive(Clone, Copy)]
pub struct Recipes<'a> {
    /// The recipes that are to be run, one for each seed.
    pub asked: &'a [Resolved<Recipe>],
    /// The recipes whose runs stand finished in the same folder, and are summed up with them.
    pub others: &'a [Resolved<Recipe>],
}

/// Runs resolved recipes that differ in their seeds; none if somebody interrupts.
///
/// # Errors
/// Whatever keeps a run from going on.
#[allow(clippy::too_many_arguments)]
pub fn train(
    Recipes { asked, others }: Recipes<'_>,
    start: &EncoderInit,
    splits: &Splits,
    out: &Path,
    device_name: DeviceName,
    threads: usize,
    interrupt: &Interrupt,
    monitor: &mut dyn electra_ner::Monitor,
) -> Result<Option<SeedSummary>, Failure> {
    let needed = least_memory(start, asked[0].value.rates.freeze);
    limits::memory(&format!("fine-tuning {}", start.path().display()), needed, device_name)?;
    let environment = environment(device_name, asked[0].value.train.precision, threads)?;
    let summary = finetune_seeds(asked, others, start, splits, out, &environment, interrupt, monitor);
    for recipe in asked.iter().chain(others) {
        let run = seeds_folder(out).run_of(recipe.value.seed);
        if run.join("metrics.jsonl").exists() {
            let report = write_tagger_report(&run);
            // An error of the run is worth more than a report that fails.
            if summary.is_ok() {
                report?;
            }
        }
    }
    summary.map_err(|error| failure::finetuning(error, &asked[0].value))
}
