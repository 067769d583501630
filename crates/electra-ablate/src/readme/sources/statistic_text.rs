//! Parts of the numbers of an arm, or of two by seed, and what is said where seeds failed.

use std::collections::BTreeSet;

use super::standing::CheckedResults;
use crate::readme::expression::{Condition, ExpressionError, Operator, Statistic};
use crate::readme::format::Format;
use crate::readme::quantity::Quantity;
use crate::record::ResultRecord;
use crate::statistics::{Paired, Sample};

/// Seeds of some arms of which one failed.
pub(super) struct FailedSeeds(usize);

impl FailedSeeds {
    pub(super) fn of(results: &CheckedResults, arms: &[&str]) -> Self {
        let seeds: BTreeSet<u64> = arms.iter().flat_map(|arm| results.failed_seeds(arm)).collect();
        Self(seeds.len())
    }

    /// The text of a number, with the number of survivors it is over where not all survived:
    /// `0.726 (5 of 6 seeds, 1 failed)`. A mean over survivors never stands alone.
    pub(super) fn with_failures(&self, text: String, noun: &str, survivors: usize) -> String {
        match self.0 {
            0 => text,
            failed => format!("{text} ({survivors} of {} {noun}, {failed} failed)", survivors + failed),
        }
    }
}

/// The number of a seed.
pub(super) type SeedValue = (u64, f64);

impl Condition {
    /// Whether it holds of a run; not of one that has no such number.
    pub(super) fn holds(&self, run: &ResultRecord) -> bool {
        let value = self.quantity.of(run);
        value.is_some_and(|value| if self.is_above { value > self.bound } else { value < self.bound })
    }
}

/// The finished runs of an arm by their seeds.
pub(super) fn of_arm<'a>(
    results: &'a CheckedResults,
    arm: &str,
) -> Result<Vec<&'a ResultRecord>, ExpressionError> {
    let mut found: Vec<&ResultRecord> = results.finished.iter().filter(|run| run.arm == arm).collect();
    found.sort_by_key(|run| run.seed);
    if found.is_empty() {
        let failed = results.failed_seeds(arm).len();
        if failed > 0 {
            return Err(ExpressionError::AllFailed { arm: arm.to_owned(), failed });
        }
        let mut known: Vec<&str> = results.finished.iter().map(|run| run.arm.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        let known = if known.is_empty() { "no arm".to_owned() } else { known.join(", ") };
        return Err(ExpressionError::NoArm { arm: arm.to_owned(), known });
    }
    Ok(found)
}

pub(super) fn of_runs(runs: &[&ResultRecord], quantity: &Quantity) -> Vec<SeedValue> {
    runs.iter().filter_map(|run| Some((run.seed, quantity.of(run)?))).collect()
}

pub(super) fn paired(
    runs: &[&ResultRecord],
    others: &[&ResultRecord],
    quantity: &Quantity,
    operator: Operator,
) -> Vec<SeedValue> {
    let others = of_runs(others, quantity);
    let with = |(seed, value): SeedValue| {
        let (_, other) = others.iter().find(|(other, _)| *other == seed)?;
        Some((seed, if operator == Operator::Difference { value - other } else { value / other }))
    };
    of_runs(runs, quantity).into_iter().filter_map(with).collect()
}

/// A part of several numbers, of which there is at least one.
pub(super) fn statistic_text(
    values: &[SeedValue],
    statistic: Statistic,
    quantity: &Quantity,
    format: Format,
) -> Result<String, ExpressionError> {
    let decimals = quantity.decimals();
    let write = |value: f64| format.write(value, decimals);
    let numbers: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    let none_of = |what| ExpressionError::NoneOf { found: numbers.len(), what };
    if let Some((seed, _)) = values.iter().find(|(_, value)| !value.is_finite()) {
        return Err(ExpressionError::NoNumber { seed: *seed });
    }
    let sample = Sample::of(&numbers).ok_or_else(|| none_of("mean"))?;
    let sd = || sample.sd.ok_or_else(|| none_of("standard deviation"));
    let interval = |level: f64| -> Result<String, ExpressionError> {
        let [low, high] = sample.interval(level).ok_or_else(|| none_of("interval"))?;
        Ok(format!("[{}, {}]", write(low), write(high)))
    };
    let of = |count: usize| format!("{count} of {}", numbers.len());
    Ok(match statistic {
        Statistic::Mean => write(sample.mean),
        Statistic::Sd => write(sd()?),
        Statistic::Spread => format!("{} ± {}", write(sample.mean), write(sd()?)),
        Statistic::Min => write(numbers.iter().copied().fold(f64::INFINITY, f64::min)),
        Statistic::Max => write(numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        Statistic::Seed(wanted) => {
            let found = values.iter().find(|(seed, _)| *seed == wanted);
            let known = || values.iter().map(|(seed, _)| seed.to_string()).collect::<Vec<_>>().join(", ");
            let (_, value) = found.ok_or_else(|| ExpressionError::NoSeed { seed: wanted, known: known() })?;
            write(*value)
        }
        Statistic::Each => numbers.iter().map(|value| write(*value)).collect::<Vec<_>>().join(", "),
        Statistic::Interval => interval(0.95)?,
        Statistic::Interval90 => interval(0.9)?,
        Statistic::MeanAndInterval => format!("{} {}", write(sample.mean), interval(0.95)?),
        Statistic::P => {
            let paired = Paired::of(&numbers).ok_or_else(|| none_of("exact probability"))?;
            format.write(paired.p, 3)
        }
        Statistic::Verdict | Statistic::PHolm | Statistic::PEquivalence => {
            unreachable!("a part of the family of tests is no part of {} numbers", numbers.len())
        }
        Statistic::Pairs => numbers.len().to_string(),
        Statistic::Ahead => {
            let less = quantity.less_is_better();
            of(numbers.iter().filter(|value| if less { **value < 0.0 } else { **value > 0.0 }).count())
        }
        Statistic::Above(least) => of(numbers.iter().filter(|value| **value > least).count()),
        Statistic::Below(most) => of(numbers.iter().filter(|value| **value < most).count()),
    })
}
