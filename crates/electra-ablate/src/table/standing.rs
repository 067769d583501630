//! The standing of arms, in sentences and as a table: seeds without numbers, the budget, and quantities they
//! differ in without naming them.

use super::cells::{NameStyle, Table, with_noun};
use crate::comparison::{ArmSummary, Comparison};
use crate::quantities::{UnnamedDifference, shown, warnings};
use crate::record::short;
use crate::standing::ValueOfArms;

/// The notes that a reader needs before the numbers, in sentences.
pub(super) fn notes(comparison: &Comparison, names: &NameStyle) -> Vec<String> {
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
    let with: Vec<(String, &[UnnamedDifference])> =
        arms().map(|(name, arm)| (name, arm.standing.also_differs.as_slice())).collect();
    if comparison.names_something {
        notes.extend(warnings(&(names.text)(&comparison.base_arm), &with));
    } else if let Some(table) = unnamed_differences_table(comparison) {
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

/// A sentence where arms do not all have one value.
fn unlike<T>(
    what: &str,
    found: &[ValueOfArms<T>],
    names: &NameStyle,
    shown: impl Fn(&T) -> String,
) -> Option<String> {
    if found.len() < 2 {
        return None;
    }
    let of = |of: &ValueOfArms<T>| {
        let arms: Vec<String> = of.arms.iter().map(|arm| (names.text)(arm)).collect();
        format!("{} for {}", shown(&of.value), arms.join(", "))
    };
    let groups: Vec<String> = found.iter().map(of).collect();
    Some(format!("{what} ({}): a number of one is not a number of the other.", groups.join("; ")))
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
    let mut reasons: Vec<String> = failed.collect();
    if !standing.missing_seeds.is_empty() {
        let seeds: Vec<String> = standing.missing_seeds.iter().map(u64::to_string).collect();
        let noun = if seeds.len() == 1 { "seed" } else { "seeds" };
        reasons.push(format!("no result yet of {noun} {}", seeds.join(", ")));
    }
    let (finished, planned) = (arm.seeds.len(), standing.planned_seeds.len());
    let what = match finished {
        0 => "",
        _ if standing.failed.is_empty() => " so far",
        _ => ", and its means are over survivors",
    };
    let of_planned = with_noun(planned, "seed");
    Some(format!("{name}: numbers of {finished} of {of_planned}{what} ({}).", reasons.join("; ")))
}

/// The values of every arm in what some arm differs in without naming it; none if there is no such thing.
/// Costs are left to the table of the verdict.
#[must_use]
pub fn unnamed_differences_table(comparison: &Comparison) -> Option<Table> {
    let mut columns: Vec<&UnnamedDifference> = Vec::new();
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

/// The heading above that table.
pub const UNNAMED_DIFFERENCES: &str = "What differs beside what the arms name:";

#[cfg(test)]
mod tests;
