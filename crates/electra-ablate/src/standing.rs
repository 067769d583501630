//! How an arm stands beside its numbers: seeds that came to none, the budget, what it differs in without
//! naming it, and runs that it shares with other experiments.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::comparison::{ArmSummary, Comparison};
use crate::experiment::Budget;
use crate::failed::{Failed, FailedRun};
use crate::plan;
use crate::quantities::{Quantities, Quantity, Unnamed, shown, unnamed, warnings};
use crate::record::{ResultRecord, short};
use crate::statistics::Sample;
use crate::table::{NamesIn, Table};

/// What is known of arms beside their results.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Seeds that every arm is to have; none where nothing plans them.
    pub seeds: Vec<u64>,
    /// What arms are to have in common, if something plans it.
    pub budget: Option<Budget>,
    /// Runs that came to nothing.
    pub failed: Vec<FailedRun>,
    /// What follows from a recipe.
    pub table: &'static [Quantity],
    /// What the recipe of each arm comes to; where it is not here, results may say.
    pub quantities: BTreeMap<String, Quantities>,
    /// Runs of each arm that other experiments have as well, in words.
    pub same_runs: BTreeMap<String, Vec<String>>,
}

/// How an arm stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Standing {
    /// Seeds that it is to have, those without numbers among them.
    pub planned_seeds: Vec<u64>,
    /// Seeds that came to no numbers.
    pub failed: Vec<FailedSeed>,
    /// Seeds without a file.
    pub missing_seeds: Vec<u64>,
    /// Operations in units of the base arm's, where they should be equal and differ by more than 2 %.
    pub off_budget: Option<f64>,
    /// What its recipe comes to.
    pub quantities: Quantities,
    /// What it differs in from the base arm without naming it.
    pub also_differs: Vec<Unnamed>,
    /// Runs that other experiments have as well.
    pub same_runs_as: Vec<String>,
}

/// A seed that came to no numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FailedSeed {
    /// The seed.
    pub seed: u64,
    /// Last step and reason of the failure.
    #[serde(flatten)]
    pub failed: Failed,
}

/// The seeds that an arm has in common with the base arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pairs {
    /// The seeds.
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

    fn named(&self) -> BTreeSet<&String> {
        let finished = self.finished.iter().flat_map(|run| run.differences.keys());
        finished.chain(self.failed.iter().flat_map(|run| run.differences.keys())).collect()
    }

    fn quantities(&self, name: &str, known: &Known) -> Quantities {
        let finished = self.finished.iter().map(|run| &run.quantities);
        let mut stored = finished.chain(self.failed.iter().map(|run| &run.quantities));
        let planned = known.quantities.get(name);
        planned.or_else(|| stored.find(|quantities| !quantities.is_empty())).cloned().unwrap_or_default()
    }
}

impl Standing {
    pub(crate) fn of(name: &str, base_arm: &str, [runs, base]: [&Runs<'_>; 2], known: &Known) -> Self {
        let finished: BTreeSet<u64> = runs.finished.iter().map(|run| run.seed).collect();
        let failed: Vec<FailedSeed> =
            runs.failed.iter().map(|run| FailedSeed { seed: run.seed, failed: run.failed }).collect();
        let without: BTreeSet<u64> = failed.iter().map(|failed| failed.seed).collect();
        let planned: BTreeSet<u64> = known.seeds.iter().chain(&finished).chain(&without).copied().collect();
        let is_missing = |seed: &&u64| !finished.contains(seed) && !without.contains(seed);
        let quantities = runs.quantities(name, known);
        let named = runs.named().into_iter().chain(base.named());
        let off_budget = known.budget.zip(runs.flops()).zip(base.flops());
        Self {
            missing_seeds: planned.iter().filter(is_missing).copied().collect(),
            planned_seeds: planned.into_iter().collect(),
            failed,
            off_budget: off_budget.and_then(|((budget, own), base)| plan::off_budget(budget, own, base)),
            also_differs: unnamed(known.table, named, &base.quantities(base_arm, known), &quantities),
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

/// What a reader has to know before the numbers, in sentences.
pub(crate) fn notes(comparison: &Comparison, names: &NamesIn) -> Vec<String> {
    let arms = || comparison.arms.iter().map(|arm| ((names.text)(&arm.name), arm));
    let mut notes: Vec<String> = arms().filter_map(|(name, arm)| survivors(&name, arm)).collect();
    if comparison.arms.iter().any(|arm| arm.mean_of_pairs(comparison).is_some()) {
        notes.push(
            "Where an arm and the base arm do not have the same seeds, both means over the pairs stand behind \
             the arm's own: the difference is of these."
                .to_owned(),
        );
    }
    for (name, arm) in arms() {
        if let Some(times) = arm.standing.off_budget {
            notes.push(format!(
                "{name} misses the budget: it spends {} times the operations of the base arm, which should be \
                 equal.",
                in_times(times)
            ));
        }
        if !arm.standing.same_runs_as.is_empty() {
            let same: Vec<String> = arm.standing.same_runs_as.iter().map(|same| (names.text)(same)).collect();
            notes.push(format!("{name}: the same runs as {}.", same.join("; ")));
        }
    }
    let with: Vec<(String, &[Unnamed])> =
        arms().map(|(name, arm)| (name, arm.standing.also_differs.as_slice())).collect();
    if comparison.names_something {
        notes.extend(warnings(&(names.text)(&comparison.base_arm), &with));
    } else if let Some(table) = also(comparison) {
        notes.push(format!(
            "Nothing says what the arms are about; they differ in {}.",
            table.head[1..].join(", ")
        ));
    }
    let data = "Arms were trained and held out on unlike data";
    notes.extend(unlike(data, &comparison.data, names, |data| short(data)));
    let code = "Arms were trained by unlike versions of the code";
    notes.extend(unlike(code, &comparison.code, names, |code| match code.is_first() {
        true => "the first of all parts".to_owned(),
        false => code.hashed().trim_end().replace('\n', ", "),
    }));
    notes
}

/// A value of some arms.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfArms<T> {
    /// The value.
    pub value: T,
    /// Names of the arms.
    pub arms: Vec<String>,
}

/// The values of arms that say theirs, each with its arms.
pub(crate) fn of_arms<T: Ord + Clone>(
    arms: &[String],
    results: &[ResultRecord],
    value: impl Fn(&ResultRecord) -> Option<T>,
) -> Vec<OfArms<T>> {
    let mut found: BTreeMap<T, Vec<String>> = BTreeMap::new();
    for arm in arms {
        for value in results.iter().filter(|result| result.arm == *arm).filter_map(&value) {
            let own = found.entry(value).or_default();
            if own.last() != Some(arm) {
                own.push(arm.clone());
            }
        }
    }
    found.into_iter().map(|(value, arms)| OfArms { value, arms }).collect()
}

/// A sentence where arms do not all have one value.
fn unlike<T>(
    what: &str,
    found: &[OfArms<T>],
    names: &NamesIn,
    shown: impl Fn(&T) -> String,
) -> Option<String> {
    if found.len() < 2 {
        return None;
    }
    let of = |of: &OfArms<T>| {
        let arms: Vec<String> = of.arms.iter().map(|arm| (names.text)(arm)).collect();
        format!("{} for {}", shown(&of.value), arms.join(", "))
    };
    let told: Vec<String> = found.iter().map(of).collect();
    Some(format!("{what} ({}): a number of one is not a number of the other.", told.join("; ")))
}

/// Floating-point operations of a run, with a mark where they should be those of the base arm and are not.
#[must_use]
pub fn operations(flops: f64, off_budget: Option<f64>) -> String {
    match off_budget {
        Some(times) => format!("{flops:.2e}, {} × the budget", in_times(times)),
        None => format!("{flops:.2e}"),
    }
}

/// "38.0", and "0.971" where one decimal would say 1.0.
fn in_times(times: f64) -> String {
    if (times - 1.0).abs() < 0.1 { format!("{times:.3}") } else { format!("{times:.1}") }
}

/// Which seeds have no numbers, and why.
fn survivors(name: &str, arm: &ArmSummary) -> Option<String> {
    let standing = &arm.standing;
    if standing.failed.is_empty() && standing.missing_seeds.is_empty() {
        return None;
    }
    let failed = standing.failed.iter().map(|seed| format!("seed {} {}", seed.seed, seed.failed.sentence()));
    let mut told: Vec<String> = failed.collect();
    if !standing.missing_seeds.is_empty() {
        let seeds: Vec<String> = standing.missing_seeds.iter().map(u64::to_string).collect();
        let noun = if seeds.len() == 1 { "seed" } else { "seeds" };
        told.push(format!("no result yet of {noun} {}", seeds.join(", ")));
    }
    let (finished, planned) = (arm.seeds.len(), standing.planned_seeds.len());
    let what = match finished {
        0 => "",
        _ if standing.failed.is_empty() => " so far",
        _ => ", and its means are over survivors",
    };
    Some(format!("{name}: numbers of {finished} of {planned} seeds{what} ({}).", told.join("; ")))
}

/// The values of every arm in what some arm differs in without naming it; none if there is no such thing.
/// Costs are left to the table of the verdict.
#[must_use]
pub fn also(comparison: &Comparison) -> Option<Table> {
    let mut columns: Vec<&Unnamed> = Vec::new();
    let all = comparison.arms.iter().flat_map(|arm| &arm.standing.also_differs);
    for found in all.filter(|found| !found.is_cost) {
        if !columns.iter().any(|column| column.key == found.key) {
            columns.push(found);
        }
    }
    if columns.is_empty() {
        return None;
    }
    let row = |arm: &ArmSummary| {
        let cells = columns.iter().map(|column| shown(arm.standing.quantities.get(column.key)));
        std::iter::once(arm.name.clone()).chain(cells).collect()
    };
    let head = std::iter::once("arm".to_owned()).chain(columns.iter().map(|column| column.title.to_owned()));
    Some(Table { head: head.collect(), rows: comparison.arms.iter().map(row).collect() })
}

/// What stands above that table.
pub const ALSO: &str = "What differs beside what the arms name:";

#[cfg(test)]
mod tests;
