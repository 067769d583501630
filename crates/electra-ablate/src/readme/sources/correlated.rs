//! The points of a correlation: runs, means of arms, or differences from the base arm.

use std::collections::BTreeSet;

use super::standing::CheckedResults;
use super::statistic_text::of_arm;
use crate::readme::expression::{Correlation, ExpressionError, Over};
use crate::record::ResultRecord;
use crate::statistics::Sample;

/// The arms of a correlation. A name may have commas, so that the longest one counts that there is.
///
/// # Errors
/// If a name is that of no arm.
pub(super) fn arms_of(
    results: &CheckedResults,
    asked: &Correlation,
) -> Result<BTreeSet<String>, ExpressionError> {
    let finished = results.finished.iter().map(|run| &run.arm);
    let known: BTreeSet<String> =
        finished.chain(results.failed.iter().map(|run| &run.arm)).cloned().collect();
    let Some(listed) = &asked.arms else { return Ok(known) };
    let pieces: Vec<&str> = listed.split(',').collect();
    let (mut found, mut at) = (BTreeSet::new(), 0);
    while at < pieces.len() {
        let name = |end: usize| pieces[at..end].join(",");
        let Some(end) = (at + 1..=pieces.len()).rev().find(|end| known.contains(&name(*end))) else {
            // Says which arms there are.
            of_arm(results, pieces[at])?;
            break;
        };
        of_arm(results, &name(end))?;
        found.insert(name(end));
        at = end;
    }
    Ok(found)
}

/// The points of a correlation.
pub(super) fn points(
    results: &CheckedResults,
    asked: &Correlation,
) -> Result<Vec<[f64; 2]>, ExpressionError> {
    let arms = arms_of(results, asked)?;
    let holds = |run: &ResultRecord| asked.only.as_ref().is_none_or(|only| only.holds(run));
    let is_asked = |run: &&ResultRecord| holds(run) && arms.contains(&run.arm);
    let both = |run: &ResultRecord| -> Option<[f64; 2]> {
        let [x, y] = &asked.quantities;
        Some([x.of(run)?, y.of(run)?])
    };
    let finished = &results.finished;
    let runs = || finished.iter().filter(is_asked);
    Ok(match asked.over {
        Over::Runs => runs().filter_map(both).collect(),
        Over::Arms => {
            let mut arms: Vec<&str> = runs().map(|run| run.arm.as_str()).collect();
            arms.sort_unstable();
            arms.dedup();
            let mean = |arm: &&str| -> Option<[f64; 2]> {
                let of: Vec<[f64; 2]> = runs().filter(|run| run.arm == *arm).filter_map(both).collect();
                let mean = |i: usize| Sample::of(&of.iter().map(|both| both[i]).collect::<Vec<_>>());
                Some([mean(0)?.mean, mean(1)?.mean])
            };
            arms.iter().filter_map(mean).collect()
        }
        Over::Differences => {
            let base_arm = results.comparison.as_ref().map(|comparison| comparison.base_arm.as_str());
            let base_arm = base_arm.ok_or_else(|| ExpressionError::Word {
                word: "differences".to_owned(),
                expected: "runs or arms (without an experiment there is no base arm)".to_owned(),
            })?;
            let base = |seed: u64| finished.iter().find(|run| run.arm == base_arm && run.seed == seed);
            let less = |run: &ResultRecord| {
                let of_base = base(run.seed).filter(|run| holds(run)).and_then(both)?;
                let own = both(run)?;
                Some([own[0] - of_base[0], own[1] - of_base[1]])
            };
            runs().filter(|run| run.arm != base_arm).filter_map(less).collect()
        }
    })
}
