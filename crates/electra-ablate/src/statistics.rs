//! Statistics of a few seeds: samples, and paired differences with interval and exact test.

pub mod correlation;
pub mod equivalence;
pub mod holm;
pub mod sign_flip;
pub mod student;

use serde::Serialize;

/// Values of one arm over its seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// The number of values.
    pub n: usize,
    /// The mean of the values.
    pub mean: f64,
    /// Sample standard deviation; none for one value.
    pub sd: Option<f64>,
}

/// Differences from the base arm over the seeds that both have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paired {
    /// The sample of the differences.
    pub difference: Sample,
    /// 95 % interval of the mean difference by Student's t; none for one pair.
    pub interval: Option<[f64; 2]>,
    /// Two-sided probability of a mean difference as large, over all flips of signs.
    pub p: f64,
    /// The least `p` that so many pairs can reach: `2 / 2^n`, and 1 for one pair.
    pub p_floor: f64,
}

impl Sample {
    /// The sample of at least one value; `None` of no value.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { n, mean, sd: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()) })
    }

    /// Half the 95 % interval of the mean by Student's t; none for one value.
    #[must_use]
    pub fn margin(&self) -> Option<f64> {
        self.half_interval(0.95)
    }

    /// The interval of the mean at a level such as 0.95, by Student's t; none for one value.
    #[must_use]
    pub fn interval(&self, level: f64) -> Option<[f64; 2]> {
        self.half_interval(level).map(|half| [self.mean - half, self.mean + half])
    }

    fn half_interval(&self, level: f64) -> Option<f64> {
        let sd = self.sd?;
        Some(student::quantile(0.5 + 0.5 * level, (self.n - 1) as f64) * sd / (self.n as f64).sqrt())
    }
}

impl Paired {
    /// The test of the differences of at least one and at most [`sign_flip::MAX_PAIRS`] pairs.
    #[must_use]
    pub fn of(differences: &[f64]) -> Option<Self> {
        let difference = Sample::of(differences)?;
        let interval = difference.margin().map(|m| [difference.mean - m, difference.mean + m]);
        let p = sign_flip::p(differences)?;
        Some(Self { difference, interval, p, p_floor: sign_flip::least_p(differences.len()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_what_one_computes_by_hand() {
        assert_eq!(Sample::of(&[]), None);
        assert_eq!(Sample::of(&[0.5]), Some(Sample { n: 1, mean: 0.5, sd: None }));
        // Deviations -1, 0, 1: variance 2 / 2.
        assert_eq!(Sample::of(&[1.0, 2.0, 3.0]), Some(Sample { n: 3, mean: 2.0, sd: Some(1.0) }));
        assert_eq!(Sample::of(&[0.5]).unwrap().margin(), None);
    }

    #[test]
    fn a_paired_difference_is_what_one_computes_by_hand() {
        // Mean 2, sd 1, t of 2 degrees 4.30265: 2 +- 4.30265 / sqrt(3). All signs agree: p = 2 / 8.
        let paired = Paired::of(&[1.0, 2.0, 3.0]).unwrap();
        let [low, high] = paired.interval.unwrap();
        assert!((low - (2.0 - 2.484_138)).abs() < 1e-5, "{low}");
        assert!((high - (2.0 + 2.484_138)).abs() < 1e-5, "{high}");
        assert_eq!((paired.p, paired.p_floor), (0.25, 0.25));
    }

    #[test]
    fn one_pair_says_nothing() {
        let paired = Paired::of(&[0.3]).unwrap();
        assert_eq!((paired.interval, paired.p, paired.p_floor), (None, 1.0, 1.0));
    }

    #[test]
    fn an_arm_that_equals_the_base_arm_differs_by_nothing() {
        let paired = Paired::of(&[0.0; 4]).unwrap();
        assert_eq!((paired.difference.mean, paired.interval, paired.p), (0.0, Some([0.0, 0.0]), 1.0));
    }
}
