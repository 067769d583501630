//! Thresholds of the metrics beyond which a run looks ill.

/// A detector is collapsed above this share of the entropy of the fake rate.
pub const COLLAPSE_RATIO: f64 = 0.98;
/// Or below this recall.
pub const COLLAPSE_RECALL: f64 = 0.05;
/// A discriminator that has begun to see more than frequencies has an area under the curve above this.
pub const LOW_AUC: f64 = 0.8;
/// Above it, the discriminator may just be saying "original" everywhere (with weight 50, a generator of
/// unigrams costs about 27).
pub const PLATEAU: f64 = 24.0;

/// What was measured of a discriminator that is as good as a constant answer, to stand behind its name:
/// recall at a probability of one half, and loss over the entropy of the fake rate.
pub fn majority_class(recall: Option<f64>, ratio: Option<f64>) -> String {
    let recall = recall.map_or_else(String::new, |recall| {
        format!(
            "finds {:.1} % of the replaced tokens (expected {:.0} % or more)",
            100.0 * recall,
            100.0 * COLLAPSE_RECALL
        )
    });
    let ratio = ratio.map_or_else(String::new, |ratio| {
        format!("has a loss of {ratio:.3} of what knowing the share of replaced tokens costs (expected below {COLLAPSE_RATIO})")
    });
    let both = [recall, ratio].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", and ");
    if both.is_empty() { "calls nearly every token original".to_owned() } else { both }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_class_is_told_by_what_was_measured() {
        assert_eq!(
            majority_class(Some(0.012), Some(0.994)),
            "finds 1.2 % of the replaced tokens (expected 5 % or more), and has a loss of 0.994 of what knowing the \
             share of replaced tokens costs (expected below 0.98)"
        );
        assert_eq!(majority_class(None, None), "calls nearly every token original");
    }
}
