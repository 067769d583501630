//! The family of tests: every arm against the base arm, and the contrasts that the experiment states.

use serde::Serialize;

use super::arm::ArmSummary;
use crate::experiment::Contrast;
use crate::metric::Metric;
use crate::record::ResultRecord;
use crate::standing::{Pairs, Runs};
use crate::statistics::equivalence::{self, Equivalence};
use crate::statistics::{Paired, Sample, holm};

/// A planned comparison of two arms neither of which is the base arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContrastSummary {
    /// Arm that the other is subtracted from.
    pub arm: String,
    /// Arm that is subtracted.
    pub against: String,
    /// The first less the second, paired by seed; none where no seed is in both.
    pub paired: Option<Paired>,
    /// The means of both over those seeds; `base` is the second arm.
    pub pairs: Option<Pairs>,
    /// The probability after Holm's correction over all tests.
    pub p_holm: Option<f64>,
    /// The test of equivalence of the two arms, where a margin was stated.
    pub equivalence: Option<Equivalence>,
}

impl ContrastSummary {
    pub(super) fn of(contrast: &Contrast, [runs, others]: [&Runs<'_>; 2], metric: Metric) -> Self {
        let (paired, pairs) = paired(&runs.finished, &others.finished, metric);
        let Contrast { arm, against } = contrast.clone();
        Self { arm, against, paired, pairs, p_holm: None, equivalence: None }
    }

    /// The name of the contrast in tables.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} − {}", self.arm, self.against)
    }
}

/// Runs less others of the same seeds, and the means of both over these.
pub(super) fn paired(
    runs: &[&ResultRecord],
    others: &[&ResultRecord],
    metric: Metric,
) -> (Option<Paired>, Option<Pairs>) {
    let pair = |run: &&ResultRecord| {
        let other = others.iter().find(|other| other.seed == run.seed)?;
        Some((run.seed, metric.of(run)?, metric.of(other)?))
    };
    let pairs: Vec<(u64, f64, f64)> = runs.iter().filter_map(pair).collect();
    let differences: Vec<f64> = pairs.iter().map(|(_, own, other)| own - other).collect();
    let mean = |of: fn(&(u64, f64, f64)) -> f64| Sample::of(&pairs.iter().map(of).collect::<Vec<_>>());
    let both = mean(|pair| pair.1).zip(mean(|pair| pair.2));
    let seeds = pairs.iter().map(|pair| pair.0).collect();
    (Paired::of(&differences), both.map(|(arm, base)| Pairs { seeds, arm, base }))
}

/// A test of the family: what was found, and where to write what the family makes of it.
struct Test<'a> {
    paired: Paired,
    p_holm: &'a mut Option<f64>,
    equivalence: &'a mut Option<Equivalence>,
}

/// Corrects all tests together, and says which arms are equivalent where a margin was stated.
pub(super) fn correct(arms: &mut [ArmSummary], contrasts: &mut [ContrastSummary], margin: Option<f64>) {
    let of_arms = arms.iter_mut().filter_map(|arm| {
        Some(Test { paired: arm.paired?, p_holm: &mut arm.p_holm, equivalence: &mut arm.equivalence })
    });
    let of_contrasts = contrasts.iter_mut().filter_map(|contrast| {
        let paired = contrast.paired?;
        Some(Test { paired, p_holm: &mut contrast.p_holm, equivalence: &mut contrast.equivalence })
    });
    let mut family: Vec<Test<'_>> = of_arms.chain(of_contrasts).collect();
    let p: Vec<f64> = family.iter().map(|test| test.paired.p).collect();
    for (test, p) in family.iter_mut().zip(holm::adjust(&p)) {
        *test.p_holm = Some(p);
    }
    if let Some(margin) = margin {
        let differences: Vec<Sample> = family.iter().map(|test| test.paired.difference).collect();
        for (test, found) in family.iter_mut().zip(equivalence::of_arms(&differences, margin)) {
            *test.equivalence = Some(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::tests::subject;
    use crate::comparison::{Comparison, Subject};
    use crate::record::tests::result;
    use crate::statistics::equivalence::Verdict;

    fn contrast(arm: &str, against: &str) -> Contrast {
        Contrast { arm: arm.into(), against: against.into() }
    }

    /// Base arm a at .5, b above it by .1 to .14, c above b by 0 to .002, with five seeds.
    fn results() -> Vec<ResultRecord> {
        let mut results = Vec::new();
        for (seed, above) in (1..).zip([0.0, 0.01, 0.02, 0.03, 0.04]) {
            results.push(result("a", seed, 0.5));
            results.push(result("b", seed, 0.6 + above));
            results.push(result("c", seed, 0.6 + above + if seed % 2 == 0 { 0.002 } else { 0.0 }));
        }
        results
    }

    #[test]
    fn a_contrast_is_tested_as_an_arm_is_and_counts_in_holms_correction() {
        let of = |contrasts: Vec<Contrast>| {
            let subject = Subject { contrasts, margin: Some(0.01), ..subject(&["a", "b", "c"]) };
            Comparison::new(subject, &results())
        };
        let (without, with) = (of(vec![]), of(vec![contrast("c", "b")]));
        assert!(without.contrasts.is_empty());
        // Two tests at the floor of 2 / 2^5 = .0625, then three of which the third has p = .5.
        assert_eq!((without.arms[1].p_holm, with.arms[1].p_holm), (Some(0.125), Some(0.1875)));
        let [found] = &with.contrasts[..] else { panic!("{:?}", with.contrasts) };
        let paired = found.paired.unwrap();
        assert!((paired.difference.mean - 0.0008).abs() < 1e-12, "{paired:?}");
        assert_eq!((paired.difference.n, paired.p, found.p_holm), (5, 0.5, Some(0.5)));
        assert_eq!(found.equivalence.unwrap().verdict, Verdict::Equivalent);
        let pairs = found.pairs.as_ref().unwrap();
        assert!((pairs.arm.mean - pairs.base.mean - 0.0008).abs() < 1e-12);
        assert_eq!(with.tests(), [2, 1]);
    }

    #[test]
    fn a_contrast_without_pairs_is_no_test() {
        let subject = Subject { contrasts: vec![contrast("c", "b")], ..subject(&["a", "b", "c"]) };
        let results = [result("a", 1, 0.5), result("b", 1, 0.6), result("c", 2, 0.7)];
        let comparison = Comparison::new(subject, &results);
        assert_eq!((comparison.contrasts[0].paired, comparison.tests()), (None, [1, 0]));
        assert_eq!(comparison.arms[1].p_holm, Some(1.0));
    }
}
