//! Correlation of two numbers of the same runs: Pearson's coefficient, and Spearman's of their ranks.

/// Pearson's coefficient; none for fewer than three pairs, or where one of the two does not vary.
#[must_use]
pub fn pearson(pairs: &[[f64; 2]]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let mean = |i: usize| pairs.iter().map(|pair| pair[i]).sum::<f64>() / pairs.len() as f64;
    let means = [mean(0), mean(1)];
    let product = |i: usize, j: usize| -> f64 {
        pairs.iter().map(|pair| (pair[i] - means[i]) * (pair[j] - means[j])).sum()
    };
    let r = product(0, 1) / (product(0, 0) * product(1, 1)).sqrt();
    r.is_finite().then(|| r.clamp(-1.0, 1.0))
}

/// Spearman's coefficient: Pearson's of the ranks, where equal numbers share the mean of theirs.
#[must_use]
pub fn spearman(pairs: &[[f64; 2]]) -> Option<f64> {
    let ranks = [0, 1].map(|i| ranks(&pairs.iter().map(|pair| pair[i]).collect::<Vec<_>>()));
    let of_ranks: Vec<[f64; 2]> = (0..pairs.len()).map(|n| [ranks[0][n], ranks[1][n]]).collect();
    pearson(&of_ranks)
}

/// The ranks of numbers, from 0.
fn ranks(numbers: &[f64]) -> Vec<f64> {
    let less = |number: f64| numbers.iter().filter(|other| **other < number).count() as f64;
    let alike = |number: f64| numbers.iter().filter(|other| **other == number).count() as f64;
    numbers.iter().map(|&number| less(number) + (alike(number) - 1.0) / 2.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_those_one_computes_by_hand() {
        // Deviations -1 0 1 and -1 1 0: 1 / 2.
        assert_eq!(pearson(&[[1.0, 4.0], [2.0, 6.0], [3.0, 5.0]]), Some(0.5));
        assert_eq!(pearson(&[[1.0, 9.0], [2.0, 5.0], [3.0, 1.0]]), Some(-1.0));
        // Any order alike: the ranks alone.
        assert_eq!(spearman(&[[1.0, 1.0], [2.0, 10.0], [3.0, 1000.0]]), Some(1.0));
        // Ranks 0 1 2 3 and .5 .5 2 3: 4.5 / sqrt(5 * 4.5).
        let tied = spearman(&[[1.0, 7.0], [2.0, 7.0], [3.0, 8.0], [4.0, 9.0]]).unwrap();
        assert!((tied - 4.5 / 22.5_f64.sqrt()).abs() < 1e-12, "{tied}");
    }

    #[test]
    fn what_does_not_vary_goes_with_nothing() {
        assert_eq!(pearson(&[[1.0, 1.0], [2.0, 2.0]]), None);
        assert_eq!(pearson(&[[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]]), None);
        assert_eq!(spearman(&[]), None);
    }
}
