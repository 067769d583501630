//! `electra finetune`: from a pretrained model to a tagger.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Subcommand};
use electra_annotations::{ReadOptions, Split, Splits};
use electra_ner::{
    Environment, METRICS, Recipe, SUMMARY, SeedSummary, StoppedSeed, finetune_seeds, least_memory,
    seeds_folder,
};
use electra_run::interrupt::Interrupt;
use electra_run::recipe::Resolved;
use electra_text::{DataSet, Tokenizer};
use electra_train::encoder_init::EncoderInit;
use electra_train::model_folder::PretrainedEncoder;

use crate::commands::pretrain::{RecipeOptions, load_recipe, tell_interrupted};
use crate::commands::reading::ReadArguments;
use crate::commands::report::write_tagger_report;
use crate::device::{DeviceName, use_threads};
use crate::failure::{self, Failure};
use crate::limits;
use crate::watch;

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
    /// A run of `electra pretrain`, a folder of transformers, or scratch:RECIPE.toml (or scratch:RUN) for
    /// the same network with nothing learned
    #[arg(
        long,
        value_name = "RUN|DIR|scratch:RECIPE",
        value_parser = OsStringValueParser::new().try_map(|text| ModelArgument::read(&text))
    )]
    model: ModelArgument,
    /// Tokenizer of a network from scratch [default: that of the recipe's data folder, or of the run]
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// Labelled sentences to learn from: columns or JSON lines
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// Labelled sentences to choose the best epoch by
    #[arg(long, value_name = "FILE")]
    dev: PathBuf,
    /// Labelled sentences to report on
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Train with so many seeds, beginning at the recipe's
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Folder for everything [default: runs/NAME, with the recipe's name]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    with: RecipeOptions,
    /// How the run is shown
    #[arg(long, value_enum, default_value_t = watch::Display::Auto)]
    display: watch::Display,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: ReadArguments,
}

/// Where fine-tuning starts, as written after `--model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelArgument {
    /// A pretrained model.
    Folder(PathBuf),
    /// A pretraining recipe, or a run of one, of which only sizes and tokenizer are taken.
    Scratch(PathBuf),
}

impl ModelArgument {
    /// Reads the argument; a folder may have any name.
    pub fn read(argument: &OsStr) -> Result<Self, String> {
        let Some(text) = argument.to_str() else {
            return match argument.as_encoded_bytes().starts_with(b"scratch:") {
                true => {
                    Err(format!("the path in {argument:?} is not UTF-8: rename the recipe or its folder"))
                }
                false => Ok(Self::Folder(argument.into())),
            };
        };
        match text.strip_prefix("scratch:") {
            Some("") => {
                Err("expected a recipe behind `scratch:`, such as scratch:configs/pretrain/tiny.toml".into())
            }
            Some(recipe) => Ok(Self::Scratch(recipe.into())),
            None => Ok(Self::Folder(text.into())),
        }
    }

    /// Opens the model; `tokenizer` is for a network from scratch alone.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn open(&self, tokenizer: Option<&Path>) -> Result<EncoderInit, Failure> {
        match (self, tokenizer) {
            (Self::Folder(path), None) => {
                Ok(EncoderInit::Pretrained(Box::new(PretrainedEncoder::open(path)?)))
            }
            (Self::Folder(_), Some(_)) => Err(Failure::new(
                "a pretrained model has a tokenizer of its own",
                "leave --tokenizer out, or use --model scratch:RECIPE.toml",
            )),
            (Self::Scratch(path), tokenizer) => {
                let (recipe, own) = match path.is_dir() {
                    true => (path.join("recipe.toml"), Some(path.join("tokenizer"))),
                    false => (path.clone(), None),
                };
                let resolved = load_recipe(&recipe, &[])?;
                let tokenizer = match tokenizer.map(Path::to_path_buf).or(own) {
                    Some(folder) => Tokenizer::load_named(&folder, None)?,
                    None => of_data(&resolved.value.data.path)?,
                };
                Ok(EncoderInit::scratch(path, resolved.value.model.clone(), tokenizer)?)
            }
        }
    }
}

fn of_data(data: &Path) -> Result<Tokenizer, Failure> {
    let opened = DataSet::open(data).map_err(|error| {
        let help = format!(
            "name the tokenizer with --tokenizer DIR, or build the data folder {} of the recipe, which is to have \
             one",
            data.display()
        );
        Failure::new(error, help)
    })?;
    Ok(Tokenizer::load(opened.tokenizer_folder())?)
}

impl FinetuneNer {
    fn run(self) -> Result<ExitCode, Failure> {
        let threads = use_threads(self.with.threads)?;
        let mut overrides = self.with.overrides;
        let mut first = load_ner_recipe(self.recipe.as_deref(), &overrides)?;
        let out = self.out.unwrap_or_else(|| PathBuf::from("runs").join(&first.value.name));
        failure::utf8(&out, SUMMARY)?;
        let options: ReadOptions = self.reading.options();
        let read = |path: &PathBuf| {
            let _pulse = watch::busy(self.display, &format!("reading {}", path.display()));
            Split::read(path, &options)
        };
        let test = self.test.as_ref().map(read).transpose()?;
        let splits = Splits { train: read(&self.train)?, dev: read(&self.dev)?, test };
        let pulse = watch::busy(self.display, "reading the model");
        let start = self.model.open(self.tokenizer.as_deref())?;
        drop(pulse);
        let interrupt = Interrupt::listen()?;
        let mut monitor = watch::epoch_monitor(self.display, &interrupt, METRICS)?;
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
        let (seed, seeds) = (first.value.seed, self.seeds);
        let recipes = with_seeds(first, seed, seeds, other)?;
        let asked: Vec<u64> = recipes.iter().map(|recipe| recipe.value.seed).collect();
        let others = seeds_folder(&out)
            .finished()
            .into_iter()
            .filter(|seed| !asked.contains(seed))
            .map(other)
            .collect::<Result<Vec<_>, _>>()?;
        let recipes = Recipes { asked: &recipes, others: &others };
        let summary =
            train(recipes, &start, &splits, &out, self.with.device, threads, &interrupt, &mut *monitor);
        drop(monitor);
        let Some(summary) = summary? else {
            return Ok(tell_interrupted(self.display));
        };
        if self.json {
            crate::output::json_out(&summary)?;
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
            let why = if self.json { format!("seed {seed}: {reason}\n") } else { String::new() };
            eprintln!("\n{why}help for seed {seed}: {remedy}");
        }
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(failure::DIVERGED) })
    }
}

/// Loads and checks a fine-tuning recipe, or the built-in one.
///
/// # Errors
/// With the caret under the culprit.
pub fn load_ner_recipe(path: Option<&Path>, overrides: &[String]) -> Result<Resolved<Recipe>, Failure> {
    Recipe::load(path, overrides).map_err(failure::recipe)
}

/// The recipe with its own seed and those that follow, which `other` loads.
fn with_seeds<R>(
    first: Resolved<R>,
    seed: u64,
    seeds: u64,
    other: impl Fn(u64) -> Result<Resolved<R>, Failure>,
) -> Result<Vec<Resolved<R>>, Failure> {
    if seed.checked_add(seeds).is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(Failure::new(
            format!("{seeds} seeds from {seed} on are too many"),
            "use a smaller `seed`",
        ));
    }
    let others = (seed + 1..seed + seeds).map(other).collect::<Result<Vec<_>, _>>()?;
    Ok(std::iter::once(first).chain(others).collect())
}

/// The recipe with another seed.
fn with_seed(path: Option<&Path>, overrides: &[String], seed: u64) -> Result<Resolved<Recipe>, Failure> {
    load_ner_recipe(path, &[overrides, &[format!("seed={seed}")]].concat())
}

/// Resolved recipes that differ in their seeds.
#[derive(Clone, Copy)]
pub struct Recipes<'a> {
    /// Those that are to be run.
    pub asked: &'a [Resolved<Recipe>],
    /// Those that stand finished in the same folder, and are summed up with them.
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
    let environment = Environment {
        device: device_name.open_with(asked[0].value.train.precision)?,
        device_name: device_name.to_string(),
        threads,
        program_version: concat!("electra ", env!("CARGO_PKG_VERSION")).into(),
    };
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
