//! The values of a fine-tuning run in TensorBoard.

use super::outcome::SplitOutcome;

/// The tags that runs are compared by.
pub(super) const HPARAM_METRICS: [&str; 3] = ["best/dev_f1", "best/test_f1", "speed/words_per_second"];

/// The scores of the epoch that was kept, on a split.
pub(super) fn of_split(name: &str, scores: &SplitOutcome) -> Vec<(String, f64)> {
    [("precision", scores.precision), ("recall", scores.recall), ("f1", scores.f1)]
        .map(|(measure, share)| (format!("best/{name}_{measure}"), share))
        .to_vec()
}
