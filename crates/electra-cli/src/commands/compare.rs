//! `electra compare`: arms against a base arm, from committed results or from run folders.

pub(super) mod experiment;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use electra_ablate::comparison::{Comparison, Subject};
use electra_ablate::experiment::{EXPERIMENT, ExperimentFile};
use electra_ablate::failed::{FailedRun, Outcome, Results};
use electra_ablate::metric::Metric;
use electra_ablate::quantities::Quantities;
use electra_ablate::record::{ResultRecord, read_folder};
use electra_ablate::run::{DivergedRun, FinishedRun};
use electra_ablate::standing::Known;
use electra_ablate::{readme, report, run, table};
use electra_files::{durable, regular, shown};
use electra_pretrain::Recipe;
use electra_run::recipe::load;

use super::quantities;
use crate::failure::{self, Failure};
use experiment::subject_of;

/// The page of an experiment.
pub const REPORT: &str = "report.html";

/// Compare arms of an experiment, or runs.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  electra compare experiments/001-generator-size
  electra compare experiments/001-generator-size --format markdown
  electra compare runs/a1 runs/a2 runs/b1 runs/b2 --base b --metric loss
  electra compare experiments/*/ --write
  electra compare experiments/*/ --check

Differences are paired by seed, with 95 % intervals by Student's t, exact sign-flip probabilities and
Holm's correction. An arm is one recipe but for the seed, one data folder by its content and one
version of the code. What has one name and is not one arm is named apart, or in an experiment
refused, as are results of an arm that was edited since; seeds that diverged are told. --write puts
the tables between the markers of each experiment's README.md and writes its report.html; --check only
looks whether the tables are those of the committed results.")]
pub struct Compare {
    /// Folders of experiments, files or folders of results, or folders of pretraining runs
    #[arg(required = true, value_name = "RUN|RESULTS|EXPERIMENT")]
    inputs: Vec<PathBuf>,
    /// Arm that the others are compared with [default: the experiment's, or the first]
    #[arg(long, value_name = "ARM")]
    base: Option<String>,
    /// Number to compare by [default: the experiment's, or rtd-auc]
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
    /// Fail if the table in an experiment's README.md is not that of its results
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
            return self.keep_readmes();
        }
        let (mut subject, results) = self.gather()?;
        if let Some(base) = self.base {
            if !subject.arms.contains(&base) {
                let help = format!("the arms here are {}", subject.arms.join(", "));
                return Err(Failure::new(format!("--base {base}: there is no such arm"), help));
            }
            subject.base_arm = base;
        }
        if let Some(metric) = self.metric {
            subject.metric = metric;
        }
        let comparison = Comparison::new(subject, &results);
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
        let (mut results, mut finished, mut diverged) = (Results::default(), Vec::new(), Vec::new());
        for input in &self.inputs {
            if input.is_file() {
                results.add(input.clone(), Outcome::read(input)?);
            } else if input.join("run.json").is_file() {
                match (run::read(input)?, run::read_diverged(input)) {
                    (Some(run), _) => finished.push((input.clone(), run)),
                    (None, Ok(Some(run))) => diverged.push((input.clone(), run)),
                    _ => {
                        return Err(Failure::new(
                            format!("{} is not finished", input.display()),
                            "leave it out",
                        ));
                    }
                }
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
        results.extend(of_runs(finished, diverged));
        results.name_apart();
        results.check_once()?;
        let (results, failed) = results.into_parts();
        let mut arms: Vec<String> = Vec::new();
        let all = results.iter().map(|result| &result.arm).chain(failed.iter().map(|run| &run.arm));
        for arm in all {
            if !arms.contains(arm) {
                arms.push(arm.clone());
            }
        }
        let subject = Subject {
            name: "comparison".to_owned(),
            question: String::new(),
            prediction: String::new(),
            metric: Metric::RtdAuc,
            base_arm: arms[0].clone(),
            arms,
            known: Known { failed, table: quantities::TABLE, ..Known::default() },
        };
        Ok((subject, results))
    }

    /// Tables between markers.
    fn keep_readmes(&self) -> Result<ExitCode, Failure> {
        let mut stale = Vec::new();
        let mut experiments = 0;
        for input in &self.inputs {
            // Experiments that are told in words have no file, and no table of ours.
            let Some(file) = experiment_in(input)? else {
                if !input.exists() {
                    let message = format!("there is no {}", input.display());
                    return Err(Failure::new(message, "name folders of experiments: experiments/*/"));
                }
                continue;
            };
            experiments += 1;
            let comparison = of_experiment(&file)?;
            let path = file.folder().join("README.md");
            let there = regular::read_to_string(&path).map_err(|e| Failure::of_file("read", &path, &e))?;
            let help =
                format!("add these two lines where the results belong:\n{}\n{}", readme::BEGIN, readme::END);
            let now = readme::with_table(&there, &table::markdown(&comparison))
                .map_err(|error| Failure::new(format!("{}: {error}", path.display()), help))?;
            if self.write {
                if now != there {
                    write(&path, now.as_bytes())?;
                    println!("{}", path.display());
                }
                println!("{}", write_report(&comparison, &file.folder().join(REPORT))?.display());
            } else if now != there {
                stale.push(path.display().to_string());
            }
        }
        if experiments == 0 {
            let message = format!("no {EXPERIMENT} in any folder that was named");
            return Err(Failure::new(message, "name folders of experiments: experiments/*/"));
        }
        if stale.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        let message = format!("not the table of the committed results: {}", stale.join(", "));
        Err(Failure::new(message, "electra compare experiments/*/ --write brings it up to date"))
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

/// Run folders as results, with what their recipes come to.
fn of_runs(finished: Vec<(PathBuf, FinishedRun)>, diverged: Vec<(PathBuf, DivergedRun)>) -> Results {
    // A recipe of another version of the program may be one that this one does not read.
    let quantities = |run: &Path| {
        let recipe = load::<Recipe>(&run.join("recipe.toml"), &[]);
        recipe.map_or_else(|_| Quantities::new(), |recipe| quantities::of(&recipe.value))
    };
    let [of_finished, of_diverged] = [
        finished.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>(),
        diverged.iter().map(|(path, _)| path.clone()).collect(),
    ];
    let (records, failed) = run::as_results(finished, diverged);
    let mut results = Results::default();
    for (path, record) in of_finished.into_iter().zip(records) {
        let quantities = quantities(&path);
        results.finished.push((path, ResultRecord { quantities, ..record }));
    }
    for (path, run) in of_diverged.into_iter().zip(failed) {
        let quantities = quantities(&path);
        results.failed.push((path, FailedRun { quantities, ..run }));
    }
    results
}

/// The arms of an experiment as its results are now.
///
/// # Errors
/// If a result cannot be read or is not its.
pub fn of_experiment(file: &ExperimentFile) -> Result<Comparison, Failure> {
    let (subject, results) = subject_of(file)?;
    Ok(Comparison::new(subject, &results))
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
