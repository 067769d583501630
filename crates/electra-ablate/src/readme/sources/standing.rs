//! The results of a folder, held against the experiment that it holds.

use std::path::Path;

use crate::comparison::Comparison;
use crate::failed::FailedRun;
use crate::readme::expression::ExpressionError;
use crate::record::{ResultRecord, read_folder};

/// The results of a folder as they stand.
#[derive(Clone, Debug, Default)]
pub struct CheckedResults {
    /// Runs with numbers.
    pub finished: Vec<ResultRecord>,
    /// The runs that failed.
    pub failed: Vec<FailedRun>,
    /// The comparison of the experiment that the folder holds; none where it is told in words.
    pub comparison: Option<Comparison>,
}

impl CheckedResults {
    /// The results of a folder that holds no experiment to check them against.
    ///
    /// # Errors
    /// If a result cannot be read.
    pub fn of_folder(folder: &Path) -> Result<Self, ExpressionError> {
        let (finished, failed) = read_folder(&folder.join("results"))?.into_parts();
        Ok(Self { finished, failed, comparison: None })
    }

    /// Seeds that an arm is to have, or as many as have ended.
    pub(super) fn planned_seeds(&self, arm: &str) -> usize {
        let arms = self.comparison.iter().flat_map(|comparison| &comparison.arms);
        let planned = arms.filter(|summary| summary.name == arm).map(|arm| arm.standing.planned_seeds.len());
        let ended = self.finished.iter().filter(|run| run.arm == arm).count() + self.failed_seeds(arm).len();
        planned.max().unwrap_or(0).max(ended)
    }

    /// Seeds of an arm that came to no numbers.
    pub(super) fn failed_seeds(&self, arm: &str) -> Vec<u64> {
        self.failed.iter().filter(|run| run.arm == arm).map(|run| run.seed).collect()
    }
}
