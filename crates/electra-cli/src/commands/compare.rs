//! `electra compare`: arms against a base arm, from committed results or from run folders.

mod comparison;
mod experiment;
mod metrics;
mod page;
mod readmes;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use electra_ablate::comparison::Subject;
use electra_ablate::failed::{Outcome, Results};
use electra_ablate::metric::Metric;
use electra_ablate::quantities::Quantities;
use electra_ablate::record::{ResultRecord, read_folder};
use electra_ablate::run::{DivergedRun, FinishedRun};
use electra_ablate::standing::ArmContext;
use electra_ablate::{run, table};
use electra_files::{regular, shown};
use electra_ner::{PREDICTIONS_DEV, SCORES, SUMMARY};
use electra_pretrain::Recipe;
use electra_run::recipe::load;

use super::metrics::{by_name, catalogue};
use super::quantities;
use crate::failure::Failure;
use comparison::compared;
pub use comparison::of_experiment;
use experiment::{experiment_in, results_of, subject_of};
pub use page::{REPORT, write_report};

/// Compare arms of an experiment, or runs.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  electra compare experiments/001-generator-size
  electra compare experiments/001-generator-size --format markdown
  electra compare runs/a1 runs/a2 runs/b1 runs/b2 --base b --metric loss
  electra compare experiments/*/ experiments/README.md --write
  electra compare experiments/*/ experiments/README.md --check

Differences are paired by seed, with 95 % intervals by Student's t, exact sign-flip probabilities and Holm's \
correction; contrasts that the experiment states are tests beside those against the base arm. With a probe, \
correlations say which held-out measures go with its F1. Where the experiment states a margin, two one-sided \
tests say which arms are equivalent. A number that is of another task in each arm, such as the AUC of arms \
with generators of their own, is named as such; runs that differ so are compared by a --metric that is asked \
for. Losses of tokens are not compared between vocabularies, those by byte are. An arm is one recipe but for \
the seed, one data folder by its content and one version of the code. What has one name and is not one arm \
is named apart, or in an experiment refused, as are results of an arm that was edited since; seeds that \
diverged are told, in numbers of prose as well. --write begins a README.md where there is none, and puts the \
tables between the markers of each experiment's README.md, those of a tables.toml beside it as well, fills \
in the numbers of its prose, and writes report.html; --check only looks whether tables and numbers are those \
of the committed results. A number of prose stands in comments that rendering leaves out (docs/recipes.md \
has all of them):

  <!-- = width=0.5 rtd-auc mean -->0.726<!-- / -->")]
pub struct Compare {
    /// Folders of experiments, files or folders of results, or folders of pretraining runs; with --write
    /// and --check also a Markdown file about the experiments beside it
    #[arg(required = true, value_name = "RUN|RESULTS|EXPERIMENT")]
    inputs: Vec<PathBuf>,
    /// Arm that the others are compared with [default: the experiment's, or the first]
    #[arg(long, value_name = "ARM")]
    base: Option<String>,
    /// Number to compare by [default: the experiment's, or rtd-auc where it is of one task in all arms]
    #[arg(long, value_parser = by_name, value_name = "NAME")]
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
    /// Tables in Markdown, for a README
    Markdown,
    /// Every number as JSON
    Json,
}

impl Compare {
    /// Runs the command.
    ///
    /// # Errors
    /// If something is no result, or a table is out of date.
    pub fn run(self) -> Result<ExitCode, Failure> {
        if self.write || self.check {
            return readmes::update(&self.inputs, self.write);
        }
        self.html.iter().try_for_each(|html| crate::failure::uncompressed(html, "--html"))?;
        let (mut subject, results) = self.gather()?;
        if let Some(base) = self.base {
            if !subject.arms.contains(&base) {
                let help = format!("the arms here are {}", subject.arms.join(", "));
                return Err(Failure::new(format!("--base {base}: there is no such arm"), help));
            }
            // Against the new base arm each is tested already.
            subject.contrasts.retain(|contrast| contrast.arm != base && contrast.against != base);
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

    /// The subject of the comparison, and the results of the inputs.
    fn gather(&self) -> Result<(Subject, Vec<ResultRecord>), Failure> {
        if let [input] = &self.inputs[..]
            && let Some(file) = experiment_in(input)?
        {
            return subject_of(&file);
        }
        let (mut results, mut finished, mut diverged) = (Results::default(), Vec::new(), Vec::new());
        for input in &self.inputs {
            if let Some(file) = experiment_in(input)? {
                // What it has is held against it here as well.
                let found = results_of(&file)?;
                let folder = file.results();
                results.extend(there_are_some(found, &folder)?);
            } else if input.is_file() {
                results.add(input.clone(), Outcome::read(input)?);
            } else if input.join("run.json").is_file() {
                refuse_fine_tuning(input)?;
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
                refuse_fine_tuning(input)?;
                results.extend(there_are_some(read_folder(input)?, input)?);
            }
        }
        results.extend(of_runs(finished, diverged));
        results.disambiguate_names();
        results.check_once()?;
        let (results, failed) = results.into_parts();
        let mut arms: Vec<String> = Vec::new();
        let all = results.iter().map(|result| &result.arm).chain(failed.iter().map(|run| &run.arm));
        for arm in all {
            if !arms.contains(arm) {
                arms.push(arm.clone());
            }
        }
        let metric = self.metric.map_or_else(|| metrics::default(&results), Ok)?;
        let known = ArmContext { failed, table: quantities::TABLE, ..ArmContext::default() };
        let subject = Subject::of_runs("comparison", metric, catalogue(), arms, known);
        Ok((subject, results))
    }
}

/// Results, of which there have to be some.
fn there_are_some(found: Results, folder: &Path) -> Result<Results, Failure> {
    if !found.is_empty() {
        return Ok(found);
    }
    let help = "name a folder of an experiment, results/ of one, or a run of `electra pretrain`";
    Err(Failure::new(format!("there are no results in {}", folder.display()), help))
}

/// Says what a run of fine-tuning is, or a folder of several, which have no arms and no held-out losses.
fn refuse_fine_tuning(folder: &Path) -> Result<(), Failure> {
    let recipe = regular::read_to_string(&folder.join("recipe.toml")).unwrap_or_default();
    let is_tagger = recipe.parse::<toml::Table>().is_ok_and(|recipe| recipe.contains_key("labels"));
    let is_one = is_tagger && folder.join("run.json").is_file();
    if !is_one && !folder.join(SUMMARY).is_file() {
        return Ok(());
    }
    let what = if is_one { "a run" } else { "a folder of runs" };
    let message =
        format!("{} is {what} of `electra finetune ner`, and pretraining is compared here", folder.display());
    let predictions = if is_one { PREDICTIONS_DEV.to_owned() } else { format!("seed-1/{PREDICTIONS_DEV}") };
    let help = format!(
        "its scores are in {}; hold its predictions against those of another tagger with `electra eval ner --pred \
         {} --against OTHER`",
        folder.join(if is_one { SCORES } else { SUMMARY }).display(),
        folder.join(predictions).display()
    );
    Err(Failure::new(message, help))
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
    let (records, failed) = run::results_of_runs(finished, diverged);
    let mut results = Results::default();
    for (path, mut record) in of_finished.into_iter().zip(records) {
        record.run.quantities = quantities(&path);
        results.finished.push((path, record));
    }
    for (path, mut run) in of_diverged.into_iter().zip(failed) {
        run.run.quantities = quantities(&path);
        results.failed.push((path, run));
    }
    results
}
