//! Parts of the numbers of an arm, or of two by seed, and what is said where seeds failed.

use std::collections::BTreeSet;

use super::standing::StandingResults;
use crate::readme::expression::{Condition, ExpressionError, Operator, Part};
use crate::readme::format::Format;
use crate::readme::quantity::Quantity;
use crate::record::ResultRecord;
use crate::statistics::{Paired, Sample};

/// Seeds of some arms of which one failed.
pub(super) struct Lost(usize);

impl Lost {
    pub(super) fn of(results: &StandingResults, arms: &[&str]) -> Self {
        let seeds: BTreeSet<u64> = arms.iter().flat_map(|arm| results.failed_seeds(arm)).collect();
        Self(seeds.len())
    }

    /// The text of a number, with the number of survivors it is over where not all survived:
    /// `0.726 (5 of 6 seeds, 1 failed)`. A mean over survivors never stands alone.
    pub(super) fn said_of(&self, told: String, noun: &str, survivors: usize) -> String {
        match self.0 {
            0 => told,
            failed => format!("{told} ({survivors} of {} {noun}, {failed} failed)", survivors + failed),
        }
    }
}

/// The number of a seed.
pub(super) type OfSeed = (u64, f64);

impl Condition {
    /// Whether it holds of a run; not of one that has no such number.
    pub(super) fn holds(&self, run: &ResultRecord) -> bool {
        let value = self.quantity.of(run);
        value.is_some_and(|value| if self.is_above { value > self.bound } else { value < self.bound })
    }
}

/// The finished runs of an arm by their seeds.
pub(super) fn of_arm<'a>(
    results: &'a StandingResults,
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

pub(super) fn of_runs(runs: &[&ResultRecord], quantity: &Quantity) -> Vec<OfSeed> {
    runs.iter().filter_map(|run| Some((run.seed, quantity.of(run)?))).collect()
}

pub(super) fn paired(
    runs: &[&ResultRecord],
    others: &[&ResultRecord],
    quantity: &Quantity,
    operator: Operator,
) -> Vec<OfSeed> {
    let others = of_runs(others, quantity);
    let with = |(seed, value): OfSeed| {
        let (_, other) = others.iter().find(|(other, _)| *other == seed)?;
        Some((seed, if operator == Operator::Difference { value - other } else { value / other }))
    };
    of_runs(runs, quantity).into_iter().filter_map(with).collect()
}

/// A part of several numbers, of which there is at least one.
pub(super) fn told(
    values: &[OfSeed],
    part: Part,
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
    Ok(match part {
        Part::Mean => write(sample.mean),
        Part::Sd => write(sd()?),
        Part::Spread => format!("{} ± {}", write(sample.mean), write(sd()?)),
        Part::Min => write(numbers.iter().copied().fold(f64::INFINITY, f64::min)),
        Part::Max => write(numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        Part::Seed(wanted) => {
            let found = values.iter().find(|(seed, _)| *seed == wanted);
            let known = || values.iter().map(|(seed, _)| seed.to_string()).collect::<Vec<_>>().join(", ");
            let (_, value) = found.ok_or_else(|| ExpressionError::NoSeed { seed: wanted, known: known() })?;
            write(*value)
        }
        Part::Each => numbers.iter().map(|value| write(*value)).collect::<Vec<_>>().join(", "),
        Part::Interval => interval(0.95)?,
        Part::Interval90 => interval(0.9)?,
        Part::MeanAndInterval => format!("{} {}", write(sample.mean), interval(0.95)?),
        Part::P => {
            let paired = Paired::of(&numbers).ok_or_else(|| none_of("exact probability"))?;
            format.write(paired.p, 3)
        }
        Part::Verdict | Part::PHolm | Part::PEquivalence => {
            unreachable!("a part of the family of tests is no part of {} numbers", numbers.len())
        }
        Part::Pairs => numbers.len().to_string(),
        Part::Ahead => {
            let less = quantity.less_is_better();
            of(numbers.iter().filter(|value| if less { **value < 0.0 } else { **value > 0.0 }).count())
        }
        Part::Above(least) => of(numbers.iter().filter(|value| **value > least).count()),
        Part::Below(most) => of(numbers.iter().filter(|value| **value < most).count()),
    })
}
