//! Which types are taken for which.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Comparison;

/// Gold types against predicted types, over the pairs of [`Comparison::matches`].
///
/// The diagonal holds pairs of the right type, whatever their bounds. The last row, `O`, holds the
/// spurious entities, the last column the missed ones; where they cross is 0, for what nobody
/// marked cannot be counted. A row's sum is the number of gold entities of its type, a column's sum
/// that of the predicted ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// The types that gold or prediction have, sorted, and `O` at the end.
    pub labels: Vec<String>,
    /// `counts[gold][predicted]`, both as numbers of labels.
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// The heading of the last row: entities that the prediction alone marks.
    pub const NO_ENTITY: &str = "no entity";
    /// The heading of the last column: entities that gold alone marks.
    pub const MISSED: &str = "missed";

    /// The confusion of a comparison.
    #[must_use]
    pub fn of(comparison: &Comparison) -> Self {
        let spans = comparison.sentences().iter().flat_map(|spans| spans.gold.iter().chain(&spans.predicted));
        let left_out = || comparison.sentences().iter().flat_map(|spans| &spans.left_out).map(String::as_str);
        let types: BTreeSet<&str> = spans.map(|span| span.kind.as_str()).chain(left_out()).collect();
        let types: Vec<&str> = types.into_iter().collect();
        let outside = types.len();
        let number = |kind: &str| types.binary_search(&kind).expect("every type is listed");
        let mut counts = vec![vec![0; outside + 1]; outside + 1];
        for found in comparison.matches() {
            let [gold, predicted] =
                [found.gold, found.predicted].map(|span| span.map_or(outside, |span| number(&span.kind)));
            counts[gold][predicted] += 1;
        }
        left_out().for_each(|kind| counts[number(kind)][outside] += 1);
        let labels = types.into_iter().chain(["O"]).map(str::to_owned).collect();
        Self { labels, counts }
    }
}
