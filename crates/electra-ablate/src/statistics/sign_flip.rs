//! The exact sign-flip permutation test of paired differences.
//!
//! If an arm were the base arm under another name, every difference could as well have had the
//! other sign. The probability of a mean difference as large as the one found is the share of all
//! `2^n` choices of signs that reach it.

/// The most pairs that are enumerated: 16 million choices of signs.
pub const MAX_PAIRS: usize = 24;

/// The two-sided probability; none without differences, or with more than [`MAX_PAIRS`].
#[must_use]
pub fn p(differences: &[f64]) -> Option<f64> {
    let n = differences.len();
    if n == 0 || n > MAX_PAIRS {
        return None;
    }
    let found = differences.iter().sum::<f64>().abs();
    // Sums of the same numbers in another order differ by rounding.
    let enough = found - 1e-9 * differences.iter().map(|d| d.abs()).sum::<f64>();
    // A choice of signs and its opposite are equally far out: the first sign can stay.
    let mut signs = vec![1.0; n];
    let mut sum: f64 = differences.iter().sum();
    let mut reached = usize::from(sum.abs() >= enough);
    let choices = 1usize << (n - 1);
    for code in 1..choices {
        // By Gray's code one sign changes at a time.
        let at = 1 + code.trailing_zeros() as usize;
        signs[at] = -signs[at];
        sum += 2.0 * signs[at] * differences[at];
        reached += usize::from(sum.abs() >= enough);
    }
    Some(reached as f64 / choices as f64)
}

/// The least probability that `n` pairs can reach: `2 / 2^n`.
#[must_use]
pub fn least_p(n: usize) -> f64 {
    2.0 / 2f64.powi(i32::try_from(n).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_brute_force(differences: &[f64]) -> f64 {
        let n = differences.len();
        let found = differences.iter().sum::<f64>().abs();
        let reached = (0..1usize << n).filter(|signs| {
            let flipped = differences.iter().enumerate();
            let sum: f64 = flipped.map(|(i, d)| if signs >> i & 1 == 1 { -d } else { *d }).sum();
            sum.abs() >= found - 1e-7
        });
        reached.count() as f64 / (1usize << n) as f64
    }

    #[test]
    fn differences_of_one_sign_reach_the_floor() {
        for n in 1..10 {
            let differences: Vec<f64> = (1..=n).map(|d| d as f64).collect();
            assert_eq!(p(&differences), Some(least_p(n)));
        }
    }

    #[test]
    fn a_small_case_by_hand() {
        // Sum 4; of the 8 sums +-1 +-2 +-5 those with |sum| >= 4: 8, 6, 4 and their opposites.
        assert_eq!(p(&[1.0, -2.0, 5.0]), Some(0.75));
        // Of +-1 +-1 +-1 +-1 all are as far out as 0.
        assert_eq!(p(&[1.0, -1.0, 1.0, -1.0]), Some(1.0));
        // Sum 2 of four ones: only +-1 +-1 +-1 +-1 = 0 in six of sixteen are nearer.
        assert_eq!(p(&[1.0, 1.0, 1.0, -1.0]), Some(10.0 / 16.0));
    }

    #[test]
    fn no_differences_and_too_many_have_no_probability() {
        assert_eq!(p(&[]), None);
        assert_eq!(p(&[1.0; MAX_PAIRS + 1]), None);
    }

    proptest! {
        #[test]
        fn the_probability_is_that_of_brute_force(tenths in proptest::collection::vec(-30i32..30, 1..9)) {
            let differences: Vec<f64> = tenths.iter().map(|t| f64::from(*t) / 10.0).collect();
            prop_assert_eq!(p(&differences), Some(by_brute_force(&differences)));
        }

        #[test]
        fn it_never_goes_below_the_floor(differences in proptest::collection::vec(-1.0f64..1.0, 1..12)) {
            prop_assert!(p(&differences).unwrap() >= least_p(differences.len()));
        }
    }
}
