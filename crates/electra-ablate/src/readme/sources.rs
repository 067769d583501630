//! The value of an expression: results and files of the experiment, and of those beside it.

mod correlated;
mod standing;
mod statistic_text;
mod test_statistic;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use electra_files::regular;
use serde_json::Value;

use super::document;
use super::expression::{Expression, ExpressionError, Field, Query};
use crate::failed::FailedRun;
use crate::metric::Catalogue;
use crate::record::ProbeScores;
use crate::statistics::correlation;

pub use standing::CheckedResults;

use correlated::{arms_of, points};
use statistic_text::{FailedSeeds, of_arm, of_runs, paired, statistic_text};

/// Reads the results of a folder and holds them against its experiment. Whoever knows recipes does that.
pub type ReadResults<'a> = dyn Fn(&Path) -> Result<Rc<CheckedResults>, ExpressionError> + 'a;

/// The files and results that the numbers of a text come from.
pub struct Sources<'a> {
    /// The folder of the text.
    folder: PathBuf,
    /// The folder in which other experiments are.
    beside: PathBuf,
    read: &'a ReadResults<'a>,
    /// The numbers that can be asked for.
    metrics: &'static Catalogue,
    results: BTreeMap<PathBuf, Rc<CheckedResults>>,
    documents: BTreeMap<PathBuf, Value>,
}

impl<'a> Sources<'a> {
    /// For the README of an experiment in this folder.
    #[must_use]
    pub fn of_experiment(folder: &Path, read: &'a ReadResults<'a>, metrics: &'static Catalogue) -> Self {
        Self::of_index(folder, &folder.join(".."), read, metrics)
    }

    /// For a text in `folder` about the experiments in `experiments`.
    #[must_use]
    pub fn of_index(
        folder: &Path,
        experiments: &Path,
        read: &'a ReadResults<'a>,
        metrics: &'static Catalogue,
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            beside: experiments.to_owned(),
            read,
            metrics,
            results: BTreeMap::new(),
            documents: BTreeMap::new(),
        }
    }

    /// These sources with results of the text's own folder that were read already.
    #[must_use]
    pub fn with_own(mut self, results: Rc<CheckedResults>) -> Self {
        self.results.insert(self.folder.clone(), results);
        self
    }

    /// The value of an expression as it is written.
    ///
    /// # Errors
    /// If it is none, or asks for what is not there.
    pub fn value(&mut self, text: &str) -> Result<String, ExpressionError> {
        let Expression { within, query, format } = Expression::parse(text, self.metrics)?;
        let folder = match &within {
            None => self.folder.clone(),
            Some(name) => {
                let folder = self.beside.join(name);
                let exists = folder.is_dir();
                exists.then_some(folder).ok_or_else(|| ExpressionError::NoExperiment(name.clone()))?
            }
        };
        if let Query::Field { field, less } = query {
            let number = self.number(&folder, &field)?;
            let less = less.map_or(Ok(0.0), |less| self.number(&folder, &less))?;
            let is_whole = number.fract() == 0.0 && less.fract() == 0.0;
            return Ok(format.write(number - less, if is_whole { 0 } else { 3 }));
        }
        let results = self.results(&folder)?;
        match query {
            Query::Field { .. } => unreachable!("it was answered above"),
            Query::Seeds { arm } => {
                let count = of_arm(&results, &arm)?.len();
                let failed = results.failed_seeds(&arm).len();
                let count_of = format.write(count as f64, 0);
                Ok(if failed == 0 { count_of } else { format!("{count_of} of {}", count + failed) })
            }
            Query::Finished { arm } => {
                let count = results.finished.iter().filter(|run| run.arm == arm).count();
                if count == 0 && results.failed_seeds(&arm).is_empty() {
                    of_arm(&results, &arm)?;
                }
                Ok(format!("{count} of {}", results.planned_seeds(&arm)))
            }
            Query::Failed { arm } => {
                let count = results.failed_seeds(&arm).len();
                if count == 0 {
                    of_arm(&results, &arm)?;
                }
                Ok(format!("{count} of {}", results.planned_seeds(&arm)))
            }
            Query::FoundNothing { arm } => {
                let runs = of_arm(&results, &arm)?;
                let probes = || runs.iter().filter_map(|run| run.probe.as_ref());
                let nothing: usize = probes().map(ProbeScores::found_nothing).sum();
                let all: usize = probes().map(|probe| probe.scores.len()).sum();
                Ok(FailedSeeds::of(&results, &[&arm]).with_failures(
                    format!("{nothing} of {all}"),
                    "seeds",
                    runs.len(),
                ))
            }
            Query::Values { arm, against, quantity, statistic, only } => {
                if let Some(test_statistic) = statistic.test_statistic() {
                    let against = against.as_ref().map(|(operator, other)| (*operator, other.as_str()));
                    return test_statistic::test_statistic_text(
                        &results,
                        &arm,
                        against,
                        &quantity,
                        test_statistic,
                        format,
                    );
                }
                let runs_of = |arm: &str| {
                    let mut runs = of_arm(&results, arm)?;
                    runs.retain(|run| only.as_ref().is_none_or(|only| only.holds(run)));
                    Ok::<_, ExpressionError>(runs)
                };
                let runs = runs_of(&arm)?;
                let values = match &against {
                    None => of_runs(&runs, &quantity),
                    Some((operator, other)) => paired(&runs, &runs_of(other)?, &quantity, *operator),
                };
                if values.is_empty() {
                    let other = against.map(|(_, other)| format!(" and {other}")).unwrap_or_default();
                    return Err(ExpressionError::NotMeasured { arms: format!("{arm}{other}") });
                }
                let text = statistic_text(&values, statistic, &quantity, format)?;
                let arms: Vec<&str> = std::iter::once(arm.as_str())
                    .chain(against.iter().map(|(_, other)| other.as_str()))
                    .collect();
                let noun = if against.is_some() { "pairs" } else { "seeds" };
                Ok(match quantity.is_of_the_recipe() || statistic.is_of_one_seed() {
                    true => text,
                    false => FailedSeeds::of(&results, &arms).with_failures(text, noun, values.len()),
                })
            }
            Query::Correlation(asked) => {
                let points = points(&results, &asked)?;
                if asked.count {
                    return Ok(format.write(points.len() as f64, 0));
                }
                let coefficient = match asked.of_ranks {
                    true => correlation::spearman(&points),
                    false => correlation::pearson(&points),
                };
                let none_of = ExpressionError::NoneOf { found: points.len(), what: "correlation" };
                let text = format.write(coefficient.ok_or(none_of)?, 2);
                let arms = arms_of(&results, &asked)?;
                let is_asked = |run: &&FailedRun| arms.contains(&run.arm);
                Ok(match results.failed.iter().filter(is_asked).count() {
                    0 => text,
                    1 => format!("{text} (without 1 failed run)"),
                    failed => format!("{text} (without {failed} failed runs)"),
                })
            }
        }
    }

    fn results(&mut self, folder: &Path) -> Result<Rc<CheckedResults>, ExpressionError> {
        if let Some(known) = self.results.get(folder) {
            return Ok(known.clone());
        }
        let found = (self.read)(folder)?;
        self.results.insert(folder.to_owned(), found.clone());
        Ok(found)
    }

    fn number(&mut self, folder: &Path, field: &Field) -> Result<f64, ExpressionError> {
        let Field { file, path } = field;
        let found = document::at(self.document(folder, file)?, path).and_then(Value::as_f64);
        found.ok_or_else(|| ExpressionError::NoValue { file: file.clone(), path: path.clone() })
    }

    /// A JSON file of the text's own folder, or of another.
    pub(super) fn document(&mut self, folder: &Path, file: &str) -> Result<&Value, ExpressionError> {
        let path = folder.join(file);
        if !self.documents.contains_key(&path) {
            let failed = |reason: String| ExpressionError::File { file: file.to_owned(), reason };
            let bytes = regular::read(&path).map_err(|error| failed(error.to_string()))?;
            let value = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
            self.documents.insert(path.clone(), value);
        }
        Ok(&self.documents[&path])
    }

    /// The folder of the text.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.clone()
    }
}

#[cfg(test)]
mod tests;
