//! `electra compare --write` and `--check`: tables and numbers of the READMEs of experiments.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use electra_ablate::comparison::Comparison;
use electra_ablate::experiment::{EXPERIMENT, ExperimentFile};
use electra_ablate::readme::placeholder::{self, StaleValue, fill};
use electra_ablate::readme::sources::{CheckedResults, ReadResults, Sources};
use electra_ablate::readme::tables::{self, TABLES, Tables, with_tables};
use electra_ablate::readme::{self, ExpressionError, with_table};
use electra_ablate::table;
use electra_files::shown::in_markdown;
use electra_files::{durable, regular};
use electra_run::recipe::load;
use miette::Diagnostic;

use super::comparison::compared;
use super::experiment::{experiment_in, subject_of};
use super::page::{REPORT, write_report};
use crate::commands::metrics::catalogue;
use crate::failure::{self, Failure};

/// The file that tells an experiment.
const README: &str = "README.md";

/// A text with numbers of results, and where they come from.
struct Text<'a> {
    path: PathBuf,
    /// The text of the file; the beginning of a README where there is no file yet.
    there: String,
    is_new: bool,
    /// The comparison whose table it has.
    comparison: Option<Rc<CheckedResults>>,
    /// Tables that are made from other files.
    tables: Option<Tables>,
    sources: Sources<'a>,
}

/// Brings every text up to date, or looks whether it is.
///
/// # Errors
/// If a text cannot be, or is not.
pub fn update(inputs: &[PathBuf], is_written: bool) -> Result<ExitCode, Failure> {
    let mut stale = Vec::new();
    let mut kept = 0;
    let known = Known::default();
    let read = |folder: &Path| known.results(folder);
    for input in inputs {
        let Some(mut text) = Text::of(input, &known, &read)? else { continue };
        kept += 1;
        let (now, differing) = text.up_to_date()?;
        if !is_written {
            if text.is_new {
                stale.push(format!("{}: there is no such file", text.path.display()));
            }
            stale.extend(differing);
            continue;
        }
        if now != text.there || text.is_new {
            durable::write(&text.path, now.as_bytes())
                .map_err(|error| Failure::of_file("write", &text.path, &error))?;
            println!("{}", text.path.display());
        }
        if let Some(comparison) = text.comparison() {
            println!("{}", write_report(comparison, &text.path.with_file_name(REPORT))?.display());
        }
    }
    if kept == 0 {
        let message = format!("no {EXPERIMENT} in any folder that was named");
        return Err(Failure::new(message, "name folders of experiments: experiments/*/"));
    }
    if stale.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let message = format!("not what the committed results say:\n{}", stale.join("\n"));
    let help = "the same command with --write in place of --check brings it up to date; read the sentences around it";
    Err(Failure::new(message, help))
}

/// Experiments that were read, each once: several texts may ask for one.
#[derive(Default)]
struct Known(RefCell<HashMap<PathBuf, Rc<CheckedResults>>>);

impl Known {
    /// The results of an experiment, held against it.
    fn of_experiment(&self, file: &ExperimentFile) -> Result<Rc<CheckedResults>, Failure> {
        let place = file.path.canonicalize().unwrap_or_else(|_| file.path.clone());
        if let Some(known) = self.0.borrow().get(&place) {
            return Ok(known.clone());
        }
        let (subject, finished) = subject_of(file)?;
        let failed = subject.known.failed.clone();
        let comparison = Some(compared(subject, &finished)?);
        let found = Rc::new(CheckedResults { finished, failed, comparison });
        self.0.borrow_mut().insert(place, found.clone());
        Ok(found)
    }

    /// The results of a folder, held against its experiment if it holds one.
    fn results(&self, folder: &Path) -> Result<Rc<CheckedResults>, ExpressionError> {
        let failed = |failure: Failure| {
            let (reason, help) = failure.parts();
            ExpressionError::Experiment { folder: folder.display().to_string(), reason, help }
        };
        match experiment_in(folder).map_err(failed)? {
            Some(file) => self.of_experiment(&file).map_err(failed),
            None => CheckedResults::of_folder(folder).map(Rc::new),
        }
    }
}

/// The failure of an error in the text `at`, with the error's own help or else the general one.
fn failure_at(at: &str, error: &dyn Diagnostic, general: String) -> Failure {
    let help = error.help().map_or(general, |help| help.to_string());
    Failure::new(format!("{at}: {error}"), help)
}

/// The beginning of an experiment's README.
fn beginning(file: &ExperimentFile) -> String {
    let experiment = file.experiment();
    format!(
        "# {}\n\n**Question.** {}\n\n**Prediction**, written before the start. {}\n\n## Results\n\n{}\n{}\n\n\
         **Verdict.** Open: prediction only.\n",
        in_markdown(&file.name()),
        experiment.question.trim(),
        experiment.prediction.trim(),
        readme::BEGIN,
        readme::END
    )
}

impl<'a> Text<'a> {
    /// The comparison whose table it has.
    fn comparison(&self) -> Option<&Comparison> {
        self.comparison.as_ref()?.comparison.as_ref()
    }

    /// The text of an input; `None` for a folder without an experiment or tables.
    fn of(input: &Path, known: &Known, results: &'a ReadResults<'a>) -> Result<Option<Self>, Failure> {
        let read = |path: &Path| {
            regular::read_to_string(path).map_err(|error| Failure::of_file("read", path, &error))
        };
        if let Some(file) = experiment_in(input)? {
            let (folder, path) = (file.folder(), file.folder().join(README));
            let is_new = !path.exists();
            let own = known.of_experiment(&file)?;
            return Ok(Some(Self {
                there: if is_new { beginning(&file) } else { read(&path)? },
                is_new,
                tables: tables_in(folder)?,
                sources: Sources::of_experiment(folder, results, catalogue()).with_own(own.clone()),
                comparison: Some(own),
                path,
            }));
        }
        if input.extension().is_some_and(|extension| extension == "md") {
            let folder = match input.parent() {
                Some(folder) if folder != Path::new("") => folder,
                _ => Path::new("."),
            };
            return Ok(Some(Self {
                path: input.to_owned(),
                there: read(input)?,
                is_new: false,
                comparison: None,
                tables: None,
                sources: Sources::of_index(folder, folder, results, catalogue()),
            }));
        }
        if !input.exists() {
            let message = format!("there is no {}", input.display());
            return Err(Failure::new(message, "name folders of experiments: experiments/*/"));
        }
        // An experiment that is told in words has no file, and perhaps numbers.
        let path = input.join(README);
        if !path.is_file() {
            return Ok(None);
        }
        let (there, tables) = (read(&path)?, tables_in(input)?);
        if tables.is_none() && !there.contains(placeholder::BEGIN) {
            return Ok(None);
        }
        let sources = Sources::of_experiment(input, results, catalogue());
        Ok(Some(Self { path, there, is_new: false, comparison: None, tables, sources }))
    }

    /// The text as it should be, and each place where it is not.
    fn up_to_date(&mut self) -> Result<(String, Vec<String>), Failure> {
        let at = self.path.display().to_string();
        let mut now = self.there.clone();
        let mut differing = Vec::new();
        let standing = self.comparison.clone();
        let (there, sources) = (&self.there, &mut self.sources);
        if let Some(comparison) = standing.as_ref().and_then(|standing| standing.comparison.as_ref()) {
            let help =
                format!("add these two lines where the results belong:\n{}\n{}", readme::BEGIN, readme::END);
            now = with_table(&now, &table::markdown(comparison))
                .map_err(|error| failure_at(&at, &error, help))?;
            if now != *there {
                differing.push(format!("{at}: the table of results"));
            }
        }
        if let Some(tables) = &self.tables {
            let before = now.clone();
            now = with_tables(&now, tables, sources).map_err(|error| {
                let help = format!(
                    "{TABLES} says what is in a table; in {README} it stands between these lines:\n{}\n{}",
                    tables::begin("NAME"),
                    tables::END
                );
                failure_at(&at, &error, help)
            })?;
            if now != before {
                differing.push(format!("{at}: the tables of {TABLES}"));
            }
        }
        let mut filled = |text: &str| {
            let help = "docs/recipes.md says what a number in prose may ask for";
            fill(text, |expression| sources.value(expression))
                .map_err(|error| failure_at(&at, &error, help.to_owned()))
        };
        let (_, stale) = filled(there)?;
        differing.extend(stale.iter().map(|StaleValue { line, expression, found, expected }| {
            format!("{at}:{line}: `{found}`, expected `{expected}` (= {expression})")
        }));
        Ok((filled(&now)?.0, differing))
    }
}

fn tables_in(folder: &Path) -> Result<Option<Tables>, Failure> {
    let path = folder.join(TABLES);
    if !path.is_file() {
        return Ok(None);
    }
    load(&path, &[]).map(|resolved| Some(resolved.value)).map_err(failure::recipe)
}
