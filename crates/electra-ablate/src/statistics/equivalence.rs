//! Two one-sided tests: whether a mean difference is smaller than a margin that was stated before
//! (Schuirmann 1987).
//!
//! A difference that is not significant may still be large. Equivalence has to be shown: both that the
//! mean is above `-margin` and that it is below `margin`, each by a paired t test at 5 %, which is the
//! same as a 90 % interval that lies within the margin.

use serde::Serialize;

use super::{Sample, holm, student};

/// Probability of an error that is accepted.
pub const LEVEL: f64 = 0.05;

/// The verdict on the difference of an arm from the base arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The difference is within the margin, whether it is zero or not.
    Equivalent,
    /// There is a difference, and it is not shown to be within the margin.
    Different,
    /// Neither equivalence nor a difference is shown.
    NotToldApart,
}

impl Verdict {
    /// The verdict in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Equivalent => "equivalent",
            Self::Different => "different",
            Self::NotToldApart => "not told apart",
        }
    }
}

/// The two tests of an arm against the base arm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Equivalence {
    /// Equivalence margin in units of the metric.
    pub margin: f64,
    /// 90 % interval of the mean difference; none, as what follows, for one pair and for pairs that all
    /// differ alike.
    pub interval: Option<[f64; 2]>,
    /// The greater probability of the two one-sided tests: below 0.05 is equivalent.
    pub p: Option<f64>,
    /// Two-sided probability of the paired t test, after Holm's correction over the arms: below 0.05 is
    /// different. With one arm that is a 95 % interval without zero.
    pub p_difference: Option<f64>,
    /// The verdict of the test.
    pub verdict: Verdict,
}

/// The tests of each arm, from the paired differences that it has.
#[must_use]
pub fn of_arms(differences: &[Sample], margin: f64) -> Vec<Equivalence> {
    let raw: Vec<Option<f64>> =
        differences.iter().map(|sample| Some(test(sample, sample.mean.abs())? * 2.0)).collect();
    let mut adjusted = holm::adjust(&raw.iter().copied().flatten().collect::<Vec<_>>()).into_iter();
    differences
        .iter()
        .zip(raw)
        .map(|(sample, raw)| {
            let p_difference = raw.and_then(|_| adjusted.next());
            let p = test(sample, sample.mean + margin).zip(test(sample, margin - sample.mean));
            let p = p.map(|(below, above)| below.max(above));
            let is_below = |p: Option<f64>| p.is_some_and(|p| p < LEVEL);
            let verdict = match (is_below(p), is_below(p_difference)) {
                (true, _) => Verdict::Equivalent,
                (false, true) => Verdict::Different,
                (false, false) => Verdict::NotToldApart,
            };
            let interval = p.and_then(|_| sample.interval(1.0 - 2.0 * LEVEL));
            Equivalence { margin, interval, p, p_difference, verdict }
        })
        .collect()
}

/// Probability that the mean of a sample as wide is by so much or more above its expectation; none for
/// one value, and for values that are all alike: runs that all fail in the same way differ by 0 with every
/// seed, and how much others would differ is not known from them.
fn test(sample: &Sample, above: f64) -> Option<f64> {
    let error = sample.sd.filter(|sd| *sd > 0.0)? / (sample.n as f64).sqrt();
    Some(student::upper_tail(above / error, (sample.n - 1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The additional sleep of ten patients with the second drug over the first, in hours (Student 1908). R
    /// says of `t.test(extra ~ group, data = sleep, paired = TRUE)`: t = -4.0621, df = 9, p-value = 0.002833,
    /// 95 % interval -2.4598858 to -0.7001142; with `conf.level = 0.9` -2.2930053 to -0.8669947.
    const SLEEP: [f64; 10] = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];

    fn of(differences: &[f64], margin: f64) -> Equivalence {
        of_arms(&[Sample::of(differences).unwrap()], margin)[0]
    }

    #[test]
    fn the_tests_are_those_of_r() {
        let found = of(&SLEEP, 2.0);
        assert!((found.p_difference.unwrap() - 0.002_833).abs() < 1e-6, "{found:?}");
        let [low, high] = found.interval.unwrap();
        assert!((low - 0.866_994_7).abs() < 1e-5 && (high - 2.293_005_3).abs() < 1e-5, "{low} {high}");
        let [low, high] = Sample::of(&SLEEP).unwrap().interval(0.95).unwrap();
        assert!((low - 0.700_114_2).abs() < 1e-5 && (high - 2.459_885_8).abs() < 1e-5, "{low} {high}");
        // 1 - pt((3 - 1.58) / .3889587, 9) = 1 - pt(3.650773, 9) = 0.0026556.
        assert!((of(&SLEEP, 3.0).p.unwrap() - 0.002_655_6).abs() < 1e-6, "{:?}", of(&SLEEP, 3.0).p);
    }

    #[test]
    fn two_degrees_by_hand() {
        // Mean 2, sd 1, three pairs: t = 2 sqrt 3; P(|T| > t) = 1 - t / sqrt(2 + t^2) = 1 - sqrt(12 / 14).
        let found = of(&[1.0, 2.0, 3.0], 5.0);
        assert!((found.p_difference.unwrap() - (1.0 - (12f64 / 14.0).sqrt())).abs() < 1e-9);
        // To the margin it is 3: t = 3 sqrt 3, half of 1 - sqrt(27 / 29).
        assert!((found.p.unwrap() - 0.5 * (1.0 - (27f64 / 29.0).sqrt())).abs() < 1e-9);
    }

    #[test]
    fn an_arm_is_equivalent_where_the_90_percent_interval_lies_within_the_margin() {
        assert_eq!(of(&SLEEP, 2.2931).verdict, Verdict::Equivalent, "although it differs from zero");
        assert_eq!(of(&SLEEP, 2.2929).verdict, Verdict::Different);
        let about_zero = [-1.0, 1.0, -2.0, 2.0, 0.5, -0.5];
        let [low, high] = of(&about_zero, 9.0).interval.unwrap();
        assert_eq!(of(&about_zero, high.max(-low) + 1e-6).verdict, Verdict::Equivalent);
        assert_eq!(of(&about_zero, high.max(-low) - 1e-6).verdict, Verdict::NotToldApart);
    }

    #[test]
    fn a_difference_has_to_stand_holms_correction() {
        // t = 3.88 of 4 degrees: p = .018, and five times that for five alike.
        let few: Vec<f64> = vec![1.0, 2.0, 3.0, 2.5, 0.5];
        let alone = of(&few, 0.1);
        assert!(alone.p_difference.unwrap() < LEVEL && alone.verdict == Verdict::Different, "{alone:?}");
        let together = of_arms(&[Sample::of(&few).unwrap(); 5], 0.1);
        for arm in together {
            assert!((arm.p_difference.unwrap() - 5.0 * alone.p_difference.unwrap()).abs() < 1e-12);
            assert_eq!(arm.verdict, Verdict::NotToldApart);
        }
        // One pair takes no part in it.
        let beside = of_arms(&[Sample::of(&few).unwrap(), Sample::of(&[7.0]).unwrap()], 0.1);
        assert_eq!(beside[0], alone);
    }

    #[test]
    fn one_pair_shows_nothing_and_neither_do_pairs_that_all_differ_alike() {
        for differences in [&[0.0][..], &[0.0; 4], &[3.0; 4]] {
            let found = of(differences, 2.0);
            assert_eq!(
                (found.interval, found.p, found.p_difference, found.verdict),
                (None, None, None, Verdict::NotToldApart),
                "{differences:?}"
            );
        }
    }
}
