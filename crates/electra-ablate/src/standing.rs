//! The standing of an arm beside its numbers: seeds that failed, the budget, quantities it differs in without
//! naming them, and runs that it shares with other experiments.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::experiment::Budget;
use crate::failed::{Failed, FailedRun};
use crate::plan;
use crate::quantities::{Quantities, Quantity, UnnamedDifference, differing_keys, unnamed_differences};
use crate::record::ResultRecord;
use crate::statistics::Sample;

/// The facts about arms that their results do not hold.
#[derive(Clone, Debug, Default)]
pub struct ArmContext {
    /// Seeds that every arm is to have; none where nothing plans them.
    pub seeds: Vec<u64>,
    /// The budget that arms are to have in common, if something plans it.
    pub budget: Option<Budget>,
    /// Runs that came to nothing.
    pub failed: Vec<FailedRun>,
    /// The table of quantities that follow from a recipe.
    pub table: &'static [Quantity],
    /// The quantities of each arm's recipe; where an arm is missing here, its results may have them.
    pub quantities: BTreeMap<String, Quantities>,
    /// Runs of each arm that other experiments have as well, in words.
    pub same_runs: BTreeMap<String, Vec<String>>,
}

/// The standing of an arm beside its numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ArmStatus {
    /// Seeds that it is to have, those without numbers among them.
    pub planned_seeds: Vec<u64>,
    /// Seeds that came to no numbers.
    pub failed: Vec<FailedSeed>,
    /// Seeds without a file.
    pub missing_seeds: Vec<u64>,
    /// Operations in units of the base arm's, where they should be equal and differ by more than 2 %.
    pub off_budget: Option<f64>,
    /// The quantities of the arm's recipe.
    pub quantities: Quantities,
    /// The quantities in which the arm differs from the base arm without naming them.
    pub also_differs: Vec<UnnamedDifference>,
    /// Runs that other experiments have as well.
    pub same_runs_as: Vec<String>,
}

/// A seed that came to no numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FailedSeed {
    /// The seed of the failed run.
    pub seed: u64,
    /// Last step and reason of the failure.
    #[serde(flatten)]
    pub failed: Failed,
}

/// The seeds that an arm has in common with the base arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pairs {
    /// The seeds of the pairs.
    pub seeds: Vec<u64>,
    /// The arm over these.
    pub arm: Sample,
    /// The base arm over these.
    pub base: Sample,
}

/// The runs of an arm, in the order of their seeds.
#[derive(Clone, Debug)]
pub(crate) struct Runs<'a> {
    pub(crate) finished: Vec<&'a ResultRecord>,
    pub(crate) failed: Vec<&'a FailedRun>,
}

impl<'a> Runs<'a> {
    pub(crate) fn of(name: &str, results: &'a [ResultRecord], failed: &'a [FailedRun]) -> Self {
        let mut finished: Vec<&ResultRecord> = results.iter().filter(|r| r.arm == name).collect();
        finished.sort_by_key(|record| record.seed);
        let mut failed: Vec<&FailedRun> = failed.iter().filter(|run| run.arm == name).collect();
        failed.sort_by_key(|run| run.seed);
        Self { finished, failed }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.finished.is_empty() && self.failed.is_empty()
    }

    /// Operations of a run.
    pub(crate) fn flops(&self) -> Option<f64> {
        let finished = self.finished.first().map(|run| run.flops);
        finished.or_else(|| self.failed.first().map(|run| run.flops))
    }

    /// The settings of the arm: all its runs set the same.
    fn settings(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let finished = self.finished.first().map(|run| &run.differences);
        finished.or_else(|| self.failed.first().map(|run| &run.differences)).into_iter().flatten()
    }

    fn quantities(&self, name: &str, known: &ArmContext) -> Quantities {
        let finished = self.finished.iter().map(|run| &run.quantities);
        let mut stored = finished.chain(self.failed.iter().map(|run| &run.quantities));
        let planned = known.quantities.get(name);
        planned.or_else(|| stored.find(|quantities| !quantities.is_empty())).cloned().unwrap_or_default()
    }
}

impl ArmStatus {
    pub(crate) fn of(name: &str, base_arm: &str, [runs, base]: [&Runs<'_>; 2], known: &ArmContext) -> Self {
        let finished: BTreeSet<u64> = runs.finished.iter().map(|run| run.seed).collect();
        let failed: Vec<FailedSeed> =
            runs.failed.iter().map(|run| FailedSeed { seed: run.seed, failed: run.failed }).collect();
        let without: BTreeSet<u64> = failed.iter().map(|failed| failed.seed).collect();
        let planned: BTreeSet<u64> = known.seeds.iter().chain(&finished).chain(&without).copied().collect();
        let is_missing = |seed: &&u64| !finished.contains(seed) && !without.contains(seed);
        let quantities = runs.quantities(name, known);
        let named = differing_keys(runs.settings(), base.settings());
        let off_budget = known.budget.zip(runs.flops()).zip(base.flops());
        Self {
            missing_seeds: planned.iter().filter(is_missing).copied().collect(),
            planned_seeds: planned.into_iter().collect(),
            failed,
            off_budget: off_budget.and_then(|((budget, own), base)| plan::off_budget(budget, own, base)),
            also_differs: unnamed_differences(
                known.table,
                named,
                &base.quantities(base_arm, known),
                &quantities,
            ),
            quantities,
            same_runs_as: known.same_runs.get(name).cloned().unwrap_or_default(),
        }
    }

    /// "6", or "1 of 6".
    pub(crate) fn of_seeds(&self, finished: usize) -> String {
        match self.planned_seeds.len() {
            planned if planned > finished => format!("{finished} of {planned}"),
            _ => finished.to_string(),
        }
    }
}

/// A value of some arms.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueOfArms<T> {
    /// The value that these arms have.
    pub value: T,
    /// Names of the arms.
    pub arms: Vec<String>,
}

/// The values of arms that say theirs, each with its arms.
pub(crate) fn of_arms<T: Ord + Clone>(
    arms: &[String],
    results: &[ResultRecord],
    value: impl Fn(&ResultRecord) -> Option<T>,
) -> Vec<ValueOfArms<T>> {
    let mut found: BTreeMap<T, Vec<String>> = BTreeMap::new();
    for arm in arms {
        for value in results.iter().filter(|result| result.arm == *arm).filter_map(&value) {
            let own = found.entry(value).or_default();
            if own.last() != Some(arm) {
                own.push(arm.clone());
            }
        }
    }
    found.into_iter().map(|(value, arms)| ValueOfArms { value, arms }).collect()
}
