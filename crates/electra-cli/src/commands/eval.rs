//! `electra eval`: scores of predictions that were made before, and of discriminators on one text, and
//! whether two differ.

pub mod detection;
mod tagger;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use electra_annotations::{
    Bootstrap, Counts, Difference, Evaluation, EvaluationError, EvaluationSettings, Gold, MetricsError,
    PredictionForm, Predictions, ReadOptions, Scheme, SeenEntities, SliceBy, Slices, StrictScheme, Units,
    evaluate, paired_bootstrap, read, read_as_written,
};
use electra_ner::{PREDICTIONS_DEV, PREDICTIONS_TEST};
use electra_run::nearby::folders_with;
use serde::Serialize;

use crate::commands::reading::{FormArguments, PredictionArguments};
use crate::device::{self, DeviceName, Precision};
use crate::failure::{self, Failure};

/// Score predictions, or discriminators.
#[derive(Subcommand)]
pub enum EvalCommand {
    /// Discriminators on one corruption of held-out text: AUC, precision, recall, loss, differences
    Detection(detection::DetectionEval),
    /// Entities: precision, recall, F1, errors, and whether one prediction beats another
    Ner(NerEval),
}

impl EvalCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If a file cannot be read, or does not fit the gold tags.
    pub fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Detection(command) => command.run(),
            Self::Ner(command) => command.run(),
        }
    }
}

/// Score predicted entities as seqeval and conlleval do
#[derive(Args)]
#[command(after_help = "Examples:
  electra eval ner --pred runs/wnut17/seed-1/predictions-test.conll
  electra eval ner --gold test.conll --pred tags.conll --train train.conll
  electra eval ner --model runs/wnut17/best --gold test.conll
  electra eval ner --model runs/wnut17/best --gold test.conll \\
    --train train.conll --slices length,seen,type,case
  electra eval ner --gold test.conll --pred ours.conll --against theirs.conll
  electra eval ner --pred a1.conll --pred a2.conll --against b1.conll \\
    --against b2.conll --json
  electra eval ner --gold corrected.jsonl.gz --skip-misaligned \\
    --pred predictions-test.conll
  electra eval ner --gold test.conll --pred theirs.jsonl \\
    --pred-from doccano --pred-offsets utf-16

Files are read as `electra check ner` and `electra finetune` read them: columns or JSON lines, compressed or \
not, in any scheme of tags. Predictions have the gold and the predicted tag in the last two columns, as the \
conlleval script reads them, or with --gold the predicted tag alone. If both --gold and a column have gold \
tags, --gold counts, and how many differ is said. Several files of a side are runs on the same sentences, \
for example seeds: they are scored together.

With --model a tagger reads the words of --gold and is scored, as finetune scores it and as predict and eval ner \
do one after the other.

--slices divides the entities by tokens of their sentence (length), by whether --train has their words with their \
type (seen), by type, by capital letters (case) and by document: a correct entity counts as gold and as predicted in \
one slice. Of more than 20 slices the table has those with most mistakes, --json all.

Partial credit is that of MUC and SemEval 2013: strict by bounds and type, exact by bounds, partial with a \
half for words in common, type by the type with words in common.

A ratio with nothing to divide by is no number: precision where nothing was predicted, recall and F1 where \
there is no gold entity. The table has - for it. --json has 0, as seqeval does, beside `support` and \
`predicted`, which are 0 then; so have f1_mean and f1_interval without a gold entity, and the macro average \
counts it as 0.

Intervals are by document where the gold file says where documents begin, and by sentence otherwise.")]
pub struct NerEval {
    /// Gold file: columns, JSON lines or an export of a tool; may be left out if --pred holds gold tags
    #[arg(long, value_name = "FILE")]
    gold: Option<PathBuf>,
    /// Predictions to score; again for each run
    #[arg(long, required_unless_present = "model", value_name = "FILE")]
    pred: Vec<PathBuf>,
    #[command(flatten)]
    predictions: PredictionArguments,
    /// Tagger to score on --gold, in place of predictions
    #[arg(long, value_name = "DIR|NAME", requires = "gold",
          conflicts_with_all = ["pred", "pred_column", "pred_from", "pred_offsets", "pred_annotator"])]
    model: Option<PathBuf>,
    /// Predictions of another system on the same sentences, to compare with; again for each run
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Training data, to tell recall of entities it has from that of others
    #[arg(long, value_name = "FILE")]
    train: Option<PathBuf>,
    /// Scores of the entities that are alike in something: length, seen, type, case, document
    #[arg(long, value_name = "BY", value_delimiter = ',')]
    slices: Vec<SliceBy>,
    /// Analyse and compare by the strict rules of the scheme instead of those of conlleval
    #[arg(long)]
    strict: bool,
    /// Scheme to which all tags must belong for strict scores: iob2, iobes or bilou [default: that of the
    /// files, and IOB2 if they differ]
    #[arg(long, value_name = "NAME")]
    scheme: Option<StrictScheme>,
    /// Resamples of intervals and of the test
    #[arg(long, default_value_t = Bootstrap::default().resamples as u64, value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    resamples: u64,
    /// Seed of the resamples
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    #[arg(long, default_value = "flex", help = device::HELP)]
    device: DeviceName,
    #[arg(long, requires = "model", default_value = "f32", value_name = "TYPE", value_parser = device::precision(),
          help = device::PRECISION_HELP)]
    precision: Precision,
    /// CPU threads of --model [default: all cores]
    #[arg(long, value_name = "N", requires = "model")]
    threads: Option<usize>,
    #[command(flatten)]
    reading: FormArguments,
}

/// The JSON output.
#[derive(Serialize)]
struct Report {
    gold: GoldFile,
    pred: Side,
    against: Option<Side>,
    difference: Option<Difference>,
}

/// The file whose tags count as right.
#[derive(Serialize)]
struct GoldFile {
    path: PathBuf,
    /// The scheme of its tags.
    scheme: Scheme,
}

/// The scores of one system.
#[derive(Serialize)]
struct Side {
    files: Vec<FileScore>,
    /// The mean of F1 over the files.
    f1_mean: f64,
    /// Sample standard deviation over the files; none for one file.
    f1_sd: Option<f64>,
    #[serde(flatten)]
    evaluation: Evaluation,
    /// Scores of the entities that are alike in something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slices: Vec<Slices>,
}

/// Micro F1 of one file, in the mode that is analysed.
#[derive(Serialize)]
struct FileScore {
    path: PathBuf,
    f1: f64,
    /// The scheme of its predicted tags.
    scheme: Scheme,
    /// The number of tags of its own gold column that differ from those of the gold file; `None` if it has no
    /// such column or there is no gold file.
    other_gold: Option<usize>,
}

impl NerEval {
    fn run(self) -> Result<ExitCode, Failure> {
        if self.json {
            self.pred
                .iter()
                .chain(&self.against)
                .try_for_each(|path| failure::utf8(path, "JSON").map(drop))?;
        }
        if self.predictions.pred_from.is_none() {
            self.pred.iter().chain(&self.against).try_for_each(|path| refuse_folder(path))?;
        }
        if self.slices.contains(&SliceBy::Seen) && self.train.is_none() {
            return Err(Failure::new(
                "--slices seen needs the training data, and --train is not given",
                "name it with --train FILE",
            ));
        }
        let mut options = self.reading.options();
        if options != ReadOptions::default() && self.gold.is_none() && self.train.is_none() {
            return Err(Failure::new(
                "options about the form of files describe --gold and --train, and neither is given",
                "leave them out, or say it of the predictions: --pred-column, --pred-from, --pred-offsets, \
                 --pred-annotator; their text is in UTF-8",
            ));
        }
        let open = |path: &Path| tagger::open(path, self.device, self.precision, self.threads);
        let tagger = self.model.as_deref().map(open).transpose()?;
        if let Some(tagger) = &tagger {
            tagger.divide_alike(&mut options);
        }
        let gold_file = self.gold.as_deref().map(|path| read_as_written(path, &options)).transpose()?;
        let given = gold_file.as_ref().map(Gold::as_written);
        let pred_options = self.predictions.options(&options);
        let form = PredictionForm { column: self.predictions.column(), options: Some(&pred_options) };
        let (files, first) = match (&tagger, given) {
            (Some(tagger), Some(gold)) => (std::slice::from_ref(&tagger.path), tagger.predictions(gold)),
            _ => (&self.pred[..], Predictions::read_as(&self.pred[0], given, form)?),
        };
        let gold = given.unwrap_or_else(|| first.gold(&files[0]));
        let read_run = |path: &PathBuf| match given {
            Some(_) => Predictions::read_as(path, given, form),
            // Nobody has said which of two gold columns counts: they must agree.
            None => Predictions::read_agreeing(path, gold, form),
        };
        let mut runs = vec![first.clone()];
        for path in &files[1..] {
            runs.push(read_run(path)?);
        }
        let others = self.against.iter().map(read_run).collect::<Result<Vec<_>, _>>()?;
        let train = self.train.as_deref().map(|path| read(path, &options)).transpose()?;
        let seen = train.map(|train| SeenEntities::of(train.sentences.iter()));

        let bootstrap = Bootstrap { resamples: self.resamples as usize, seed: self.seed };
        let settings = EvaluationSettings { strict: self.strict, scheme: self.scheme, bootstrap };
        let slices = (&self.slices[..], seen.as_ref());
        let pred = side(files, &runs, gold, slices, settings)?;
        let against = match others.as_slice() {
            [] => None,
            others => Some(side(&self.against, others, gold, slices, settings)?),
        };
        let difference = against.as_ref().map(|against| {
            let counts = [&pred, against].map(|side| side.evaluation.comparison.sentence_counts());
            paired_bootstrap(&counts[0], &counts[1], &Units::of(gold.sentences), bootstrap)
        });
        let gold = GoldFile { path: gold.path.to_owned(), scheme: gold.scheme };
        let report = Report { gold, pred, against, difference };
        if self.json {
            crate::output::json_out(&report).map_err(Failure::of_json)?;
        } else {
            report.tell();
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Refuses a folder, and names the predictions in it.
fn refuse_folder(path: &Path) -> Result<(), Failure> {
    if !path.is_dir() {
        return Ok(());
    }
    let names = [PREDICTIONS_TEST, PREDICTIONS_DEV];
    let folders = [&[path.to_owned()][..], &folders_with(path, &names)[..]].concat();
    let mut files = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let help = match files.find(|file| file.is_file()) {
        Some(file) => format!("give the file itself: {}", file.display()),
        None => "give the file of the predictions".to_owned(),
    };
    Err(Failure::new(format!("{} is a folder", path.display()), help))
}

fn side(
    files: &[PathBuf],
    runs: &[Predictions],
    gold: Gold<'_>,
    (by, seen): (&[SliceBy], Option<&SeenEntities>),
    settings: EvaluationSettings,
) -> Result<Side, Failure> {
    let evaluation = evaluate(runs, seen, settings)
        .map_err(|error| located(&error, &files[error.run], &runs[error.run], gold))?;
    let f1: Vec<f64> = evaluation.comparison.run_counts().into_iter().map(Counts::f1).collect();
    let mean = f1.iter().sum::<f64>() / f1.len() as f64;
    let variance = f1.iter().map(|f1| (f1 - mean).powi(2)).sum::<f64>() / (f1.len() - 1).max(1) as f64;
    let score = |((path, run), f1): ((&PathBuf, &Predictions), f64)| {
        let Predictions { predicted_scheme: scheme, other_gold, .. } = *run;
        FileScore { path: path.clone(), f1, scheme, other_gold }
    };
    let slices = by.iter().map(|&by| Slices::of(by, &evaluation.comparison, gold.sentences, seen)).collect();
    Ok(Side {
        slices,
        f1_mean: mean,
        f1_sd: (f1.len() > 1).then(|| variance.sqrt()),
        files: files.iter().zip(runs).zip(f1).map(score).collect(),
        evaluation,
    })
}

/// The error at its line.
fn located(error: &EvaluationError, path: &Path, run: &Predictions, gold: Gold<'_>) -> Failure {
    let MetricsError::NotInScheme { sentence, of_gold, source } = &error.source else {
        return Failure::new(
            format!("{}: {error}", path.display()),
            "give files with a token and its tag in each line",
        );
    };
    let (path, line) = match of_gold {
        true => (gold.path, gold.line(*sentence, source.token)),
        false => (path, run.line(*sentence, source.token)),
    };
    Failure::new(
        format!("line {line} of {}: {source}", path.display()),
        "leave --scheme out: the files say theirs, and tags of different schemes are compared in IOB2",
    )
}

impl Report {
    fn tell(&self) {
        self.pred.tell(&self.gold);
        if let Some(against) = &self.against {
            println!("\nagainst");
            against.tell(&self.gold);
        }
        if let Some(difference) = &self.difference {
            print!("\n{difference}");
        }
    }
}

impl Side {
    fn tell(&self, gold: &GoldFile) {
        for file in &self.files {
            match self.f1_sd {
                Some(_) => println!("{}  micro F1 {:.2}", file.path.display(), 100.0 * file.f1),
                None => println!("{}", file.path.display()),
            }
        }
        if let Some(sd) = self.f1_sd {
            println!("mean {:.2}, standard deviation {:.2}", 100.0 * self.f1_mean, 100.0 * sd);
        }
        for FileScore { path, scheme, other_gold, .. } in &self.files {
            let (path, gold_path) = (path.display(), gold.path.display());
            if let Some(other) = other_gold.filter(|&other| other > 0) {
                let tokens = self.evaluation.default.tokens / self.evaluation.runs as u64;
                println!(
                    "{other} of the {tokens} gold tags in {path} are others than in {gold_path}, which counts"
                );
            }
            if *scheme != gold.scheme {
                println!(
                    "tags of {path} are {scheme}, those of {gold_path} {}: both are read alike",
                    gold.scheme
                );
            }
        }
        print!("\n{}", self.evaluation);
        for slices in &self.slices {
            print!("\n{slices}");
        }
    }
}
