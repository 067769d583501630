//! `electra compare`: arms against a base arm, from committed results or from run folders.

mod metrics;
mod readmes;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use electra_ablate::arms::arms;
use electra_ablate::comparison::{Comparison, Subject};
use electra_ablate::experiment::{EXPERIMENT, ExperimentFile};
use electra_ablate::metric::Metric;
use electra_ablate::record::{ResultRecord, check_belongs, check_once, read_folder};
use electra_ablate::{report, run, table, task};
use electra_files::{durable, shown};

use crate::failure::{self, Failure};

/// The page of an experiment.
pub const REPORT: &str = "report.html";

/// Compare arms of an experiment, or runs.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  electra compare experiments/001-generator-size
  electra compare experiments/001-generator-size --format markdown
  electra compare runs/a1 runs/a2 runs/b1 runs/b2 --base b --metric loss
  electra compare experiments/*/ experiments/README.md --write
  electra compare experiments/*/ experiments/README.md --check

Differences are paired by seed, with 95 % intervals by Student's t, exact sign-flip probabilities and
Holm's correction; where the experiment states a margin, two one-sided tests say which arms are
equivalent. A number that is of another task in each arm, such as the AUC of arms with generators of
their own, is named as such; runs that differ so are compared by a --metric that is asked for. Losses
of tokens are not compared between vocabularies, those by byte are. Runs whose recipes differ in their
seeds alone are one arm. --write puts the tables between the markers of each experiment's README.md,
those of a tables.toml beside it as well, fills in the numbers of its prose, and writes report.html;
--check only looks whether tables and numbers are those of the committed results. A number of prose
stands in comments that rendering leaves out: <!-- = width=0.5 rtd-auc mean -->0.726<!-- / -->
(docs/recipes.md has all of them).")]
pub struct Compare {
    /// Folders of experiments, files or folders of results, or folders of pretraining runs; with --write
    /// and --check also a Markdown file about the experiments beside it
    #[arg(required = true, value_name = "RUN|RESULTS|EXPERIMENT")]
    inputs: Vec<PathBuf>,
    /// Arm that the others are compared with [default: the experiment's, or the first]
    #[arg(long, value_name = "ARM")]
    base: Option<String>,
    /// Number to compare by [default: the experiment's, or rtd-auc where it is of one task in all arms]
    #[arg(long, value_parser = metric, value_name = "NAME")]
    metric: Option<Metric>,
    /// Form of the tables
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with_all = ["write", "check"])]
    format: Format,
    /// Write the page with drawings to this file as well
    #[arg(long, value_name = "FILE", conflicts_with_all = ["write", "check"])]
    html: Option<PathBuf>,
    /// Bring README.md and report.html of experiments up to date
    #[arg(long, conflicts_with_all = ["check", "base", "metric"])]
    write: bool,
    /// Fail if tables or numbers of an experiment's README.md are not those of its results
    #[arg(long, conflicts_with_all = ["base", "metric"])]
    check: bool,
}

/// Form of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns
    Text,
    /// For a README
    Markdown,
    /// Every number
    Json,
}

/// A metric by its name in an experiment's file.
fn metric(name: &str) -> Result<Metric, String> {
    serde_json::from_value(name.into()).map_err(|error| error.to_string())
}

impl Compare {
    /// Runs the command.
    ///
    /// # Errors
    /// If something is no result, or a table is out of date.
    pub fn run(self) -> Result<ExitCode, Failure> {
        if self.write || self.check {
            return readmes::keep(&self.inputs, self.write);
        }
        let (mut subject, results) = self.gather()?;
        if let Some(base) = self.base {
            if !subject.arms.contains(&base) {
                let help = format!("the arms here are {}", subject.arms.join(", "));
                return Err(Failure::new(format!("--base {base}: there is no such arm"), help));
            }
            subject.base_arm = base;
        }
        if let Some(metric) = self.metric.filter(|metric| *metric != subject.metric) {
            // A margin is in units of the metric that it was stated with.
            (subject.metric, subject.margin) = (metric, None);
        }
        let comparison = compared(subject, &results)?;
        match self.format {
            Format::Text => print!("{}", table::text(&comparison)),
            Format::Markdown => print!("{}", table::markdown(&comparison)),
            Format::Json => crate::output::bytes_out(shown::json(&table::json(&comparison)).as_bytes()),
        }
        if let Some(path) = self.html {
            write_report(&comparison, &path)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What the inputs are about, and their results.
    fn gather(&self) -> Result<(Subject, Vec<ResultRecord>), Failure> {
        if let [input] = &self.inputs[..]
            && let Some(file) = experiment_in(input)?
        {
            return subject_of(&file);
        }
        let (mut results, mut runs) = (Vec::new(), Vec::new());
        for input in &self.inputs {
            if input.is_file() {
                results.push((input.clone(), ResultRecord::read(input)?));
            } else if input.join("run.json").is_file() {
                let unfinished =
                    || Failure::new(format!("{} is not finished", input.display()), "leave it out");
                runs.push((input.clone(), run::read(input)?.ok_or_else(unfinished)?));
            } else {
                let folder =
                    if experiment_in(input)?.is_some() { input.join("results") } else { input.clone() };
                let found = read_folder(&folder)?;
                if found.is_empty() {
                    let help =
                        "name a folder of an experiment, results/ of one, or a run of `electra pretrain`";
                    return Err(Failure::new(format!("there are no results in {}", folder.display()), help));
                }
                results.extend(found);
            }
        }
        let paths: Vec<PathBuf> = runs.iter().map(|(path, _)| path.clone()).collect();
        results.extend(paths.into_iter().zip(run::as_results(runs)));
        check_once(&results)?;
        let results: Vec<ResultRecord> = results.into_iter().map(|(_, result)| result).collect();
        let mut arms: Vec<String> = Vec::new();
        for result in &results {
            if !arms.contains(&result.arm) {
                arms.push(result.arm.clone());
            }
        }
        let subject = Subject {
            name: "comparison".to_owned(),
            question: String::new(),
            prediction: String::new(),
            metric: self.metric.map_or_else(|| metrics::default(&results), Ok)?,
            margin: None,
            base_arm: arms[0].clone(),
            arms,
        };
        Ok((subject, results))
    }
}

/// The experiment that a folder holds, or that a file is.
fn experiment_in(input: &Path) -> Result<Option<ExperimentFile>, Failure> {
    let is_file = input.extension().is_some_and(|extension| extension == "toml") && input.is_file();
    let path = if is_file { input.to_owned() } else { input.join(EXPERIMENT) };
    if !path.is_file() {
        return Ok(None);
    }
    ExperimentFile::read(&path).map(Some).map_err(failure::recipe)
}

/// What an experiment is about, and its results.
fn subject_of(file: &ExperimentFile) -> Result<(Subject, Vec<ResultRecord>), Failure> {
    let experiment = file.experiment();
    let arms: Vec<String> =
        arms(&file.resolved).map_err(failure::recipe)?.into_iter().map(|arm| arm.name).collect();
    let results = read_folder(&file.results())?;
    let name = file.name();
    check_belongs(&results, &name, &arms.iter().map(String::as_str).collect::<Vec<_>>())?;
    let subject = Subject {
        name,
        question: experiment.question.trim().to_owned(),
        prediction: experiment.prediction.trim().to_owned(),
        metric: experiment.metric,
        margin: experiment.margin,
        base_arm: experiment.base_arm.clone(),
        arms,
    };
    Ok((subject, results.into_iter().map(|(_, result)| result).collect()))
}

/// The arms of an experiment as its results are now.
///
/// # Errors
/// If a result cannot be read or is not its.
pub fn of_experiment(file: &ExperimentFile) -> Result<Comparison, Failure> {
    let (subject, results) = subject_of(file)?;
    compared(subject, &results)
}

/// The comparison, unless its numbers mean something else in each arm.
fn compared(subject: Subject, results: &[ResultRecord]) -> Result<Comparison, Failure> {
    task::check_vocabularies(subject.metric, results)
        .map_err(|error| Failure::new(error, metrics::BY_BYTE))?;
    Ok(Comparison::new(subject, results))
}

/// Writes the page of a comparison.
///
/// # Errors
/// If the disk refuses.
pub fn write_report(comparison: &Comparison, path: &Path) -> Result<PathBuf, Failure> {
    write(path, report::render(comparison).as_bytes())?;
    Ok(path.to_owned())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    durable::write(path, bytes).map_err(|e| Failure::of_file("write", path, &e))
}
