//! `electra eval`: scores of predictions that were made before, and whether two differ.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use electra_ner::metrics::{
    Bootstrap, Counts, Difference, Evaluation, EvaluationError, MetricsError, SeenEntities, Settings,
    StrictScheme, evaluate, paired_bootstrap,
};
use electra_ner::predictions::{self, Gold, Predictions};
use serde::Serialize;

use crate::failure::Failure;

/// Score predictions.
#[derive(Subcommand)]
pub enum EvalCommand {
    /// Entities: precision, recall, F1, errors, and whether one prediction beats another
    Ner(NerEval),
}

impl EvalCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If a file cannot be read, or does not fit the gold tags.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let Self::Ner(command) = self;
        command.run()
    }
}

/// Score predicted entities as seqeval and conlleval do
#[derive(Args)]
#[command(after_help = "Examples:
  electra eval ner --pred runs/wnut17/seed-1/predictions-test.conll
  electra eval ner --gold test.conll --pred tags.conll --train train.conll
  electra eval ner --gold test.conll --pred ours.conll --against theirs.conll
  electra eval ner --pred a1.conll --pred a2.conll --against b1.conll --against b2.conll --json

Files have a token first in each line and a blank line between sentences. Predictions have the gold and the \
predicted tag in the last two columns, as the conlleval script reads them, or with --gold the predicted tag \
alone. Several files of a side are runs on the same sentences, for example seeds: they are scored together.")]
pub struct NerEval {
    /// Gold file, tag in the last column; may be left out if --pred holds gold tags
    #[arg(long, value_name = "FILE")]
    gold: Option<PathBuf>,
    /// Predictions to score; again for each run
    #[arg(long, required = true, value_name = "FILE")]
    pred: Vec<PathBuf>,
    /// Predictions of another system on the same sentences, to compare with; again for each run
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Training data, to tell recall of entities it has from that of others
    #[arg(long, value_name = "FILE")]
    train: Option<PathBuf>,
    /// Analyse and compare by the strict rules of the scheme instead of those of conlleval
    #[arg(long)]
    strict: bool,
    /// Scheme of strict scores: iob2, iobes or bilou [default: what the gold tags look like]
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
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Report {
    pred: Side,
    against: Option<Side>,
    difference: Option<Difference>,
}

/// One system.
#[derive(Serialize)]
struct Side {
    files: Vec<FileScore>,
    /// Over the files.
    f1_mean: f64,
    /// Sample standard deviation over the files; none for one file.
    f1_sd: Option<f64>,
    #[serde(flatten)]
    evaluation: Evaluation,
}

/// Micro F1 of one file, in the mode that is analysed.
#[derive(Serialize)]
struct FileScore {
    path: PathBuf,
    f1: f64,
}

impl NerEval {
    fn run(self) -> Result<ExitCode, Failure> {
        let gold = self.gold.as_deref().map(predictions::read_tagged).transpose()?;
        let given =
            self.gold.as_deref().zip(gold.as_deref()).map(|(path, sentences)| Gold { path, sentences });
        let first = predictions::read(&self.pred[0], given)?;
        let gold = match given {
            Some(gold) => gold,
            None => Gold { path: &self.pred[0], sentences: &first.sentences },
        };
        let read = |path: &PathBuf| predictions::read(path, Some(gold));
        let mut runs = vec![first.clone()];
        for path in &self.pred[1..] {
            runs.push(read(path)?);
        }
        let others = self.against.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let train = self.train.as_deref().map(predictions::read_tagged).transpose()?;
        let seen = train.map(|train| SeenEntities::of(&train));

        let bootstrap = Bootstrap { resamples: self.resamples as usize, seed: self.seed };
        let settings = Settings { strict: self.strict, scheme: self.scheme, bootstrap };
        let pred = side(&self.pred, &runs, seen.as_ref(), settings)?;
        let against = match others.as_slice() {
            [] => None,
            others => Some(side(&self.against, others, seen.as_ref(), settings)?),
        };
        let difference = against.as_ref().map(|against| {
            let counts = [&pred, against].map(|side| side.evaluation.comparison.sentence_counts());
            paired_bootstrap(&counts[0], &counts[1], bootstrap)
        });
        let report = Report { pred, against, difference };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            report.tell();
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn side(
    files: &[PathBuf],
    runs: &[Predictions],
    seen: Option<&SeenEntities>,
    settings: Settings,
) -> Result<Side, Failure> {
    let evaluation = evaluate(runs, seen, settings)
        .map_err(|error| located(&error, &files[error.run], &runs[error.run], settings))?;
    let f1: Vec<f64> = evaluation.comparison.run_counts().into_iter().map(Counts::f1).collect();
    let mean = f1.iter().sum::<f64>() / f1.len() as f64;
    let variance = f1.iter().map(|f1| (f1 - mean).powi(2)).sum::<f64>() / (f1.len() - 1).max(1) as f64;
    let score = |(path, f1): (&PathBuf, f64)| FileScore { path: path.clone(), f1 };
    Ok(Side {
        f1_mean: mean,
        f1_sd: (f1.len() > 1).then(|| variance.sqrt()),
        files: files.iter().zip(f1).map(score).collect(),
        evaluation,
    })
}

/// The error at its line.
fn located(error: &EvaluationError, path: &Path, run: &Predictions, settings: Settings) -> Failure {
    let MetricsError::NotInScheme { sentence, source } = &error.source else {
        return Failure::new(format!("{}: {error}", path.display()), "");
    };
    let found =
        format!("line {} of {}: {source}", run.sentences[*sentence].line + source.token, path.display());
    let help = match settings.scheme {
        Some(_) => "name the scheme of the tags with --scheme, or leave --strict out",
        None => "gold and predicted tags must be of one scheme; convert one of them, or leave --strict out",
    };
    Failure::new(found, help)
}

impl Report {
    fn tell(&self) {
        self.pred.tell();
        if let Some(against) = &self.against {
            println!("\nagainst");
            against.tell();
        }
        if let Some(difference) = &self.difference {
            print!("\n{difference}");
        }
    }
}

impl Side {
    fn tell(&self) {
        for file in &self.files {
            match self.f1_sd {
                Some(_) => println!("{}  micro F1 {:.2}", file.path.display(), 100.0 * file.f1),
                None => println!("{}", file.path.display()),
            }
        }
        if let Some(sd) = self.f1_sd {
            println!("mean {:.2}, standard deviation {:.2}", 100.0 * self.f1_mean, 100.0 * sd);
        }
        print!("\n{}", self.evaluation);
    }
}
