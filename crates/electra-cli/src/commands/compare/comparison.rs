//! The comparison of an experiment, or of runs, by a number that means the same in all of them.

use electra_ablate::comparison::{Comparison, Subject};
use electra_ablate::experiment::ExperimentFile;
use electra_ablate::record::ResultRecord;
use electra_ablate::task;

use super::experiment::subject_of;
use super::metrics::PER_BYTE_HELP;
use crate::failure::Failure;

/// The arms of an experiment as its results are now.
///
/// # Errors
/// If a result cannot be read or is not its.
pub fn of_experiment(file: &ExperimentFile) -> Result<Comparison, Failure> {
    let (subject, results) = subject_of(file)?;
    compared(subject, &results)
}

/// The comparison, unless its numbers mean something else in each arm.
pub(super) fn compared(subject: Subject, results: &[ResultRecord]) -> Result<Comparison, Failure> {
    task::check_vocabularies(subject.metric, results).map_err(|error| Failure::new(error, PER_BYTE_HELP))?;
    Ok(Comparison::new(subject, results))
}
