//! The curve of a result: held-out numbers over steps, thinned.

use std::collections::BTreeMap;

use electra_run::record::Record;
use serde::{Deserialize, Serialize};

/// The most points of a curve.
pub const MAX_POINTS: usize = 50;

/// Losses by steps, as columns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Steps, ascending.
    pub step: Vec<u64>,
    /// A column for each number that was measured, with nothing where it was not finite.
    #[serde(flatten)]
    pub columns: BTreeMap<String, Vec<Option<f64>>>,
}

/// The metrics that are drawn over steps.
const DRAWN: [&str; 4] = ["loss", "mlm_loss", "rtd_loss", "rtd_auc"];

impl Curve {
    /// The curve of evaluations in ascending order: at most [`MAX_POINTS`] of them, the first and the last
    /// always.
    #[must_use]
    pub fn of(evaluations: &[&Record]) -> Self {
        let kept: Vec<&&Record> =
            thin(evaluations.len(), MAX_POINTS).into_iter().map(|at| &evaluations[at]).collect();
        let column = |key: &str| -> Option<(String, Vec<Option<f64>>)> {
            let values: Vec<Option<f64>> = kept.iter().map(|record| record.number(key)).collect();
            values.iter().any(Option::is_some).then(|| (key.to_owned(), values))
        };
        Self {
            step: kept.iter().map(|record| record.step).collect(),
            columns: DRAWN.into_iter().filter_map(column).collect(),
        }
    }
}

/// At most `most` of the numbers below `count`, evenly spread, with both ends.
fn thin(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    (0..most).map(|i| (i * (count - 1) + (most - 1) / 2) / (most - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_thinned_to_fifty_points_with_both_ends() {
        for count in [0, 1, 49, 50, 51, 99, 1000] {
            let kept = thin(count, MAX_POINTS);
            assert_eq!(kept.len(), count.min(MAX_POINTS));
            assert!(kept.windows(2).all(|pair| pair[0] < pair[1]), "{kept:?}");
            if count > 0 {
                assert_eq!((kept[0], kept[kept.len() - 1]), (0, count - 1));
            }
        }
    }
}
