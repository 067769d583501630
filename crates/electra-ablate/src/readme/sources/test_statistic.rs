//! The tests of two arms within their family: p after Holm's correction, and the verdict of a margin.

use super::standing::CheckedResults;
use crate::comparison::Comparison;
use crate::readme::expression::{ExpressionError, Operator, TestStatistic, UntestedReason};
use crate::readme::format::Format;
use crate::readme::quantity::Quantity;
use crate::statistics::equivalence::Equivalence;

/// A part of the test of two arms.
///
/// # Errors
/// If the experiment has no such test: tests are those of its metric, of arms against the base arm and of its
/// contrasts.
pub(super) fn test_statistic_text(
    results: &CheckedResults,
    arm: &str,
    against: Option<(Operator, &str)>,
    quantity: &Quantity,
    statistic: TestStatistic,
    format: Format,
) -> Result<String, ExpressionError> {
    let Some((Operator::Difference, against)) = against else {
        return Err(ExpressionError::Untested { reason: UntestedReason::NoDifference });
    };
    let untested = |reason| ExpressionError::Untested { reason };
    let comparison = results.comparison.as_ref().ok_or_else(|| untested(UntestedReason::NoExperiment))?;
    if *quantity != Quantity::Metric(comparison.metric, None) {
        return Err(untested(UntestedReason::OtherMetric { metric: comparison.metric.name().to_owned() }));
    }
    let not_stated =
        || untested(UntestedReason::NotStated { arm: arm.to_owned(), against: against.to_owned() });
    let (p_holm, equivalence) = of_pair(comparison, arm, against).ok_or_else(not_stated)?;
    let no_margin = || match comparison.margin {
        None => untested(UntestedReason::NoMargin),
        Some(_) => untested(UntestedReason::NoPairs),
    };
    match statistic {
        TestStatistic::PHolm => Ok(format.write(p_holm.ok_or_else(|| untested(UntestedReason::NoPairs))?, 3)),
        TestStatistic::PEquivalence => {
            let p = equivalence.ok_or_else(no_margin)?.p;
            Ok(format.write(p.ok_or_else(|| untested(UntestedReason::NoPairs))?, 3))
        }
        TestStatistic::Verdict => Ok(equivalence.ok_or_else(no_margin)?.verdict.words().to_owned()),
    }
}

/// The test of two arms, in either order: its p-value and verdict are the same both ways.
fn of_pair(comparison: &Comparison, arm: &str, against: &str) -> Option<(Option<f64>, Option<Equivalence>)> {
    let other = match (arm == comparison.base_arm, against == comparison.base_arm) {
        (true, false) => Some(against),
        (false, true) => Some(arm),
        _ => None,
    };
    if let Some(other) = other {
        let found = comparison.arms.iter().find(|summary| summary.name == other);
        return found.map(|found| (found.p_holm, found.equivalence));
    }
    let is_it = |one: &str, other: &str| (one, other) == (arm, against) || (other, one) == (arm, against);
    let found = comparison.contrasts.iter().find(|contrast| is_it(&contrast.arm, &contrast.against));
    found.map(|found| (found.p_holm, found.equivalence))
}
