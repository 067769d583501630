//! `electra eval detection`: any number of discriminators on one fixed corruption of held-out text.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use electra_ablate::table::Table;
use electra_files::durable;
use electra_files::regular;
use electra_files::shown;
use electra_pretrain::corruption::{Corruption, CorruptionIdentity, CorruptionPlan, Sampler};
use electra_pretrain::detection::{
    DetectionLogits, Estimates, Measure, Resampling, compare, detection_logits,
};
use electra_run::record::thousands;
use electra_text::DataSet;
use electra_train::layout::{HF_CONFIG, MODEL_CONFIG};
use electra_train::model_folder::ModelFolder;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::commands::ablate::end_with_driver;
use crate::commands::data::meter::Meter;
use crate::commands::detect::{check_detects, warn_if_unfinished};
use crate::device::{self, DeviceName, use_threads};
use crate::failure::{self, Failure};
use crate::hub;

/// Judge discriminators on one corruption of held-out text
#[derive(clap::Args)]
#[command(after_help = "Examples:
  electra eval detection --model runs/a --model runs/b --generator runs/a
  electra eval detection --model runs/a runs/b runs/c --generator unigram \\
    --data data/english
  electra eval detection --model exported/discriminator --generator runs/a \\
    --json --out judged.json

The area under the curve that a run logs is on samples of its own generator, and says first how weak that \
generator is. Here all discriminators read one text: the same held-out rows with the same tokens masked, 15 \
% of them, and the same samples in their places, from the generator of one run at temperature 1 or from the \
frequencies of the word pieces in the training text (unigram, as proposals = \"unigram\" of a recipe draws \
them; a folder of that name is ./unigram).

Intervals are 95 % of a percentile bootstrap over the held-out rows, whose tokens are read together; a data \
folder does not say which rows are of one document. Differences are from the first model, on the same \
resamples for both. The hash of the corruption names the text with its replacements: numbers with the same \
hash are of one task.")]
pub struct DetectionEval {
    /// Discriminators: runs, imported models, folders that transformers saved, or names on the Hub
    #[arg(long, required = true, num_args = 1.., value_name = "DIR|NAME")]
    model: Vec<PathBuf>,
    /// Source of the replacements: a run or imported model with a generator, or unigram
    #[arg(long, value_name = "DIR|unigram")]
    generator: PathBuf,
    /// Data folder whose held-out rows are read [default: that of the generator's run, or of the first model's]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Seed of masks and samples
    #[arg(long, default_value_t = CorruptionPlan::default().seed, value_name = "N")]
    seed: u64,
    /// Held-out rows at most, spread evenly over all
    #[arg(long, visible_alias = "samples", default_value_t = CorruptionPlan::default().max_examples as u64,
          value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    max_examples: u64,
    /// Resamples of intervals
    #[arg(long, default_value_t = Resampling::default().resamples as u64, value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    resamples: u64,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// Write the JSON to this file as well
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[arg(long, default_value = "flex", help = device::HELP)]
    device: DeviceName,
    /// CPU threads [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// The word for word frequencies in place of a generator's folder.
pub const UNIGRAM: &str = "unigram";

/// The JSON output.
#[derive(Serialize)]
struct Report {
    /// The folder of the generator that sampled.
    generator: PathBuf,
    /// Whose held-out rows were read.
    data: PathBuf,
    corruption: CorruptionIdentity,
    /// Share of the tokens that are replaced.
    fake_rate: f64,
    bootstrap: Bootstrap,
    models: Vec<Model>,
    /// Each model less the first.
    differences: Vec<Model>,
}

/// The method of the confidence intervals.
#[derive(Serialize)]
struct Bootstrap {
    unit: &'static str,
    resamples: usize,
    seed: u64,
}

/// A discriminator, or how it differs from the first.
#[derive(Serialize)]
struct Model {
    model: PathBuf,
    /// `{value, interval}` of each measure.
    #[serde(flatten)]
    measures: Map<String, Value>,
    #[serde(skip)]
    estimates: Estimates,
}

impl DetectionEval {
    /// Runs the command.
    ///
    /// # Errors
    /// If a model or the data cannot be used, or they do not fit each other.
    pub fn run(self) -> Result<ExitCode, Failure> {
        end_with_driver()?;
        self.out.iter().try_for_each(|out| failure::uncompressed(out, "--out"))?;
        for path in self.model.iter().chain([&self.generator]).chain(&self.data) {
            failure::utf8(path, "JSON")?;
        }
        use_threads(self.threads)?;
        let device = self.device.open()?;
        let is_unigram = self.generator.as_os_str() == UNIGRAM;
        let generator = match is_unigram {
            true => None,
            false => {
                refuse_export(&self.generator)?;
                Some(ModelFolder::open(&hub::model_folder(&self.generator)?)?)
            }
        };
        let folders =
            self.model.iter().map(|path| open(path)).collect::<Result<Vec<ModelFolder>, Failure>>()?;
        let source = if is_unigram { &self.model[0] } else { &self.generator };
        let data = self.data.clone().map_or_else(|| data_of(source), Ok)?;
        let plan = CorruptionPlan {
            seed: self.seed,
            max_examples: usize::try_from(self.max_examples).unwrap_or(usize::MAX),
            ..CorruptionPlan::default()
        };
        if generator.is_some() {
            warn_if_unfinished(&self.generator);
        }
        let sampler = generator.as_ref().map_or(Sampler::Unigram, Sampler::Generator);
        let text = DataSet::open(&data)?;
        // Before the time is spent.
        for folder in &folders {
            Corruption::check_tokenizer(&text, folder)?;
        }
        let mut meter = Meter::new("corrupting");
        let detail = |done: usize, of: usize| {
            let (done, of) = (done as u64, of as u64);
            move || format!("{} of {} rows", thousands(done), thousands(of))
        };
        let corruption = Corruption::new(text, &plan, &sampler, &device, |done, of| {
            meter.show(done as u64, of as u64, detail(done, of));
        });
        meter.finish();
        let corruption = corruption?;
        let mut judgements: Vec<DetectionLogits> = Vec::new();
        for folder in &folders {
            corruption.check_reader(folder)?;
            warn_if_unfinished(&folder.path);
            let model = folder.discriminator(&device)?;
            let mut meter = Meter::new("judging");
            judgements.push(detection_logits(&model, &corruption, &device, |done, of| {
                meter.show(done as u64, of as u64, detail(done, of));
            }));
            meter.finish();
        }
        let resampling = Resampling { resamples: self.resamples as usize, ..Resampling::default() };
        let found = compare(&judgements, resampling);
        let models = |paths: &[PathBuf], estimates: &[Estimates]| {
            paths.iter().zip(estimates).map(|(path, estimates)| Model::new(path, *estimates)).collect()
        };
        let identity = corruption.identity;
        let report = Report {
            generator: self.generator,
            data,
            fake_rate: identity.replaced_tokens as f64 / identity.tokens as f64,
            corruption: identity,
            bootstrap: Bootstrap { unit: "row", resamples: resampling.resamples, seed: resampling.seed },
            models: models(&self.model, &found.models),
            differences: models(&self.model[1..], &found.differences),
        };
        if let Some(path) = &self.out {
            let text = serde_json::to_string_pretty(&report).map_err(Failure::of_json)? + "\n";
            durable::write(path, shown::json(&text).as_bytes())
                .map_err(|error| Failure::of_file("write", path, &error))?;
        }
        if self.json {
            crate::output::json_out(&report).map_err(Failure::of_json)?;
        } else {
            report.tell();
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A discriminator that detects.
fn open(path: &Path) -> Result<ModelFolder, Failure> {
    let folder = ModelFolder::open(&hub::model_folder(path)?)?;
    check_detects(&folder)?;
    Ok(folder)
}

/// Refuses as a generator what was written for transformers, where each network has a folder of its own.
fn refuse_export(path: &Path) -> Result<(), Failure> {
    let is_export = |path: &Path| path.join(HF_CONFIG).is_file();
    let holds_model = path.join(MODEL_CONFIG).is_file();
    if holds_model || ![path, &path.join("discriminator"), &path.join("generator")].into_iter().any(is_export)
    {
        return Ok(());
    }
    Err(Failure::new(
        format!(
            "{} has no generator that can be read here: it was written for transformers, where each network has a \
             folder of its own",
            path.display()
        ),
        "give --generator the run that it was exported from, what `electra import hf DISCRIMINATOR --generator \
         GENERATOR` makes of both, or unigram",
    ))
}

/// The data that a run was trained on, by its recipe.
fn data_of(run: &Path) -> Result<PathBuf, Failure> {
    let named = || -> Option<PathBuf> {
        let recipe: toml::Table = regular::read_to_string(&run.join("recipe.toml")).ok()?.parse().ok()?;
        // A run is evaluated on the data of its last phase, which may have that of the recipe.
        let of_phase = || recipe.get("phases")?.as_array()?.last()?.get("data");
        let names_folders = |data: &&toml::Value| data.get("path").or(data.get("sources")).is_some();
        let data = of_phase().filter(names_folders).or(recipe.get("data"))?;
        // Of a mixture the first source: rows of one folder are corrupted.
        let first = || data.get("sources")?.as_array()?.first()?.get("path");
        data.get("path").or_else(first)?.as_str().map(PathBuf::from)
    };
    named().ok_or_else(|| {
        Failure::new(
            format!("{} is no run whose recipe names its data", run.display()),
            "name the data folder whose held-out rows are to be read, with --data",
        )
    })
}

impl Model {
    fn new(path: &Path, estimates: Estimates) -> Self {
        let pairs = Measure::ALL.into_iter().zip(&estimates);
        let measures = pairs.map(|(measure, estimate)| (measure.key().to_owned(), json!(estimate)));
        Self { model: path.to_owned(), measures: measures.collect(), estimates }
    }

    fn row(&self, is_difference: bool) -> Vec<String> {
        let number = |value: f64| match is_difference {
            true => format!("{value:+.4}"),
            false => format!("{value:.4}"),
        };
        let cell = |at: usize| match (self.estimates[at].value, self.estimates[at].interval) {
            (Some(value), Some([low, high])) => {
                format!("{} [{}, {}]", number(value), number(low), number(high))
            }
            (Some(value), None) => number(value),
            (None, _) => "–".to_owned(),
        };
        std::iter::once(self.model.display().to_string()).chain((0..Measure::ALL.len()).map(cell)).collect()
    }
}

impl Report {
    fn tell(&self) {
        let identity = &self.corruption;
        println!(
            "{}: {}; seed {} of masks and samples; {}",
            self.data.display(),
            identity.heldout,
            identity.seed,
            match &identity.generator_hash {
                Some(hash) => format!("samples of {} (weights {})", self.generator.display(), short(hash)),
                None => "samples from the frequencies of word pieces".to_owned(),
            },
        );
        println!(
            "{} of {} tokens are replaced, {:.2} %; corruption {}\n",
            thousands(identity.replaced_tokens),
            thousands(identity.tokens),
            100.0 * self.fake_rate,
            short(&identity.hash),
        );
        let table = |name: &str, models: &[Model], is_difference| Table {
            head: std::iter::once(name).chain(Measure::ALL.map(Measure::title)).map(str::to_owned).collect(),
            rows: models.iter().map(|model| model.row(is_difference)).collect(),
        };
        print!("{}", table("model", &self.models, false).text());
        if !self.differences.is_empty() {
            println!("\ndifferences from {}", self.models[0].model.display());
            print!("{}", table("model", &self.differences, true).text());
        }
        println!(
            "\n95 % intervals: bootstrap over the {} held-out rows, {} resamples, the same for all models",
            thousands(identity.heldout.examples),
            thousands(self.bootstrap.resamples as u64),
        );
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
