//! Holm's step-down correction for several comparisons with one base arm.

/// Each probability as it stands among all of them: the smallest times their number, the next
/// times one less, never below one that was smaller, never above 1.
#[must_use]
pub fn adjust(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 0f64;
    for (rank, &at) in order.iter().enumerate() {
        least = least.max(p[at] * (p.len() - rank) as f64).min(1.0);
        adjusted[at] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_by_hand() {
        // 3 * .01, 2 * .03, then .04 not below .06.
        let adjusted = adjust(&[0.03, 0.01, 0.04]);
        for (found, expected) in adjusted.iter().zip([0.06, 0.03, 0.06]) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
    }

    #[test]
    fn one_comparison_needs_no_correction_and_none_goes_above_one() {
        assert_eq!(adjust(&[0.2]), [0.2]);
        assert_eq!(adjust(&[0.6, 0.7]), [1.0, 1.0]);
        assert!(adjust(&[]).is_empty());
    }
}
