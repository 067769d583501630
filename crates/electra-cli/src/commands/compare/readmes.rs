//! `electra compare --write` and `--check`: tables and numbers of the READMEs of experiments.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use electra_ablate::comparison::Comparison;
use electra_ablate::experiment::EXPERIMENT;
use electra_ablate::readme::placeholder::{self, Stale, fill};
use electra_ablate::readme::sources::Sources;
use electra_ablate::readme::tables::{self, TABLES, Tables, with_tables};
use electra_ablate::readme::{self, with_table};
use electra_ablate::table;
use electra_files::regular;
use electra_run::recipe::load;

use super::{REPORT, experiment_in, of_experiment, write, write_report};
use crate::commands::metrics::catalogue;
use crate::failure::{self, Failure};

/// The file that tells an experiment.
const README: &str = "README.md";

/// A text with numbers of results, and where they come from.
struct Text {
    path: PathBuf,
    there: String,
    /// The comparison whose table it has.
    comparison: Option<Comparison>,
    /// Tables that are made from other files.
    tables: Option<Tables>,
    sources: Sources,
}

/// Brings every text up to date, or looks whether it is.
///
/// # Errors
/// If a text cannot be, or is not.
pub fn keep(inputs: &[PathBuf], is_written: bool) -> Result<ExitCode, Failure> {
    let mut stale = Vec::new();
    let mut kept = 0;
    for input in inputs {
        let Some(mut text) = Text::of(input)? else { continue };
        kept += 1;
        let (now, differing) = text.up_to_date()?;
        if !is_written {
            stale.extend(differing);
            continue;
        }
        if now != text.there {
            write(&text.path, now.as_bytes())?;
            println!("{}", text.path.display());
        }
        if let Some(comparison) = &text.comparison {
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

impl Text {
    /// What an input is; none for a folder that has nothing of ours.
    fn of(input: &Path) -> Result<Option<Self>, Failure> {
        let read = |path: &Path| {
            regular::read_to_string(path).map_err(|error| Failure::of_file("read", path, &error))
        };
        if let Some(file) = experiment_in(input)? {
            let (folder, path) = (file.folder(), file.folder().join(README));
            let base_arm = Some(file.experiment().base_arm.clone());
            return Ok(Some(Self {
                there: read(&path)?,
                comparison: Some(of_experiment(&file)?),
                tables: tables_in(folder)?,
                sources: Sources::of_experiment(folder, base_arm, catalogue()),
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
                comparison: None,
                tables: None,
                sources: Sources::of_index(folder, folder, catalogue()),
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
        let sources = Sources::of_experiment(input, None, catalogue());
        Ok(Some(Self { path, there, comparison: None, tables, sources }))
    }

    /// The text as it should be, and each place where it is not.
    fn up_to_date(&mut self) -> Result<(String, Vec<String>), Failure> {
        let at = self.path.display().to_string();
        let (there, sources) = (&self.there, &mut self.sources);
        let mut now = there.clone();
        let mut differing = Vec::new();
        if let Some(comparison) = &self.comparison {
            let help =
                format!("add these two lines where the results belong:\n{}\n{}", readme::BEGIN, readme::END);
            now = with_table(&now, &table::markdown(comparison))
                .map_err(|error| Failure::new(format!("{at}: {error}"), help))?;
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
                Failure::new(format!("{at}: {error}"), help)
            })?;
            if now != before {
                differing.push(format!("{at}: the tables of {TABLES}"));
            }
        }
        let mut filled = |text: &str| {
            let help = "docs/recipes.md says what a number in prose may ask for";
            fill(text, |expression| sources.value(expression))
                .map_err(|error| Failure::new(format!("{at}: {error}"), help))
        };
        let (_, stale) = filled(there)?;
        differing.extend(stale.iter().map(|Stale { line, expression, found, expected }| {
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
