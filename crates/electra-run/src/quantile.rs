//! Quantiles of a sample.

/// The `q`-quantile of `values`, `q` in `[0, 1]`, between neighbours by their distance.
///
/// Panics if there are no values.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    assert!(!values.is_empty() && (0.0..=1.0).contains(&q), "quantile {q} of {} values", values.len());
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = q * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours_whatever_the_order() {
        assert_eq!(quantile(&[4.0, 1.0, 2.0], 0.75), 3.0);
        assert_eq!([0.0, 0.5, 1.0].map(|q| quantile(&[4.0, 1.0, 3.0, 2.0], q)), [1.0, 2.5, 4.0]);
        assert_eq!(quantile(&[1.0], 0.975), 1.0);
    }
}
