//! Comparisons of a few results, and the numbers that one computes by hand.

use electra_run::record::HeldoutRows;

use super::*;
use crate::metric::tests::{catalogue, metric};
use crate::record::tests::result;
use crate::standing::ArmContext;

pub(crate) fn subject(arms: &[&str]) -> Subject {
    Subject {
        name: "000-test".into(),
        question: "Is a < b?".into(),
        prediction: "Yes.".into(),
        metric: metric("rtd-auc"),
        metrics: catalogue().all().to_vec(),
        margin: None,
        base_arm: arms[0].into(),
        arms: arms.iter().map(ToString::to_string).collect(),
        contrasts: Vec::new(),
        word_frequency_loss: None,
        known: ArmContext::default(),
    }
}

/// Base .50 .60 .70, arm b .52 .61 .73, arm c with one seed alone, no arm d.
pub(crate) fn comparison() -> Comparison {
    let mut results = Vec::new();
    for (seed, [a, b]) in [[0.5, 0.52], [0.6, 0.61], [0.7, 0.73]].into_iter().enumerate() {
        results.push(result("b", seed as u64 + 1, b));
        results.push(result("a", seed as u64 + 1, a));
    }
    results.push(result("c", 2, 0.5));
    Comparison::new(subject(&["a", "b", "c", "d"]), &results)
}

#[test]
fn seeds_are_paired_whatever_their_order() {
    let comparison = comparison();
    assert_eq!(comparison.arms.iter().map(|arm| arm.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(comparison.missing, ["d"]);
    let [a, b, c] = &comparison.arms[..] else { panic!() };
    assert_eq!((a.paired, a.p_holm), (None, None));
    let paired = b.paired.unwrap();
    // Differences .02 .01 .03: mean .02, sd .01, 4.3027 * .01 / sqrt 3 = .02484.
    assert!((paired.difference.mean - 0.02).abs() < 1e-12);
    assert!((paired.interval.unwrap()[1] - 0.044_841).abs() < 1e-5);
    assert_eq!((paired.p, b.p_holm), (0.25, Some(0.5)));
    assert_eq!((c.paired.unwrap().interval, c.paired.unwrap().p, c.p_holm), (None, 1.0, Some(1.0)));
    assert_eq!(b.seeds, [1, 2, 3]);
}

#[test]
fn seeds_that_the_base_arm_lacks_are_left_out_of_the_difference() {
    let results = [result("a", 1, 0.5), result("b", 1, 0.75), result("b", 2, 0.1)];
    let comparison = Comparison::new(subject(&["a", "b"]), &results);
    let b = &comparison.arms[1];
    assert_eq!((b.metrics[&metric("rtd-auc")].n, b.paired.unwrap().difference.n), (2, 1));
    let alone = Comparison::new(subject(&["a", "b"]), &results[1..]);
    assert_eq!((alone.base(), alone.arms[0].paired), (None, None));
}

#[test]
fn a_margin_says_whether_arms_are_equivalent_different_or_not_told_apart() {
    let verdicts = |margin, differences: [[f64; 4]; 2]| {
        let mut results = Vec::new();
        for (arm, differences) in ["b", "c"].into_iter().zip(differences) {
            for (seed, difference) in (1..).zip(differences) {
                results.push(result(arm, seed, 0.5 + difference));
            }
        }
        (1..=4).for_each(|seed| results.push(result("a", seed, 0.5)));
        let subject = Subject { margin, ..subject(&["a", "b", "c"]) };
        let comparison = Comparison::new(subject, &results);
        comparison.arms.iter().map(|arm| arm.equivalence.map(|e| e.verdict)).collect::<Vec<_>>()
    };
    let small = [0.001, -0.001, 0.002, -0.002];
    let large = [0.1, 0.11, 0.12, 0.13];
    use crate::statistics::equivalence::Verdict::{Different, Equivalent, NotToldApart};
    assert_eq!(verdicts(Some(0.02), [small, large]), [None, Some(Equivalent), Some(Different)]);
    assert_eq!(verdicts(Some(0.0005), [small, large]), [None, Some(NotToldApart), Some(Different)]);
    assert_eq!(verdicts(None, [small, large]), [None, None, None]);
}

#[test]
fn measures_are_told_apart_with_the_arms_that_have_them() {
    let with = |arm: &str, seed, examples: Option<u64>| {
        let measure = examples.map(|examples| HeldoutMeasure { rows: HeldoutRows::Spread, examples });
        ResultRecord { measure, ..result(arm, seed, 0.5) }
    };
    let of = |results: &[ResultRecord]| -> Vec<(Option<u64>, String)> {
        let measures = Comparison::new(subject(&["a", "b"]), results).measures;
        measures.into_iter().map(|m| (m.measure.map(|m| m.examples), m.arms.join(" "))).collect()
    };
    assert_eq!(of(&[with("a", 1, None), with("b", 1, None)]), [(None, "a b".into())]);
    let mixed =
        [with("a", 1, None), with("a", 2, Some(500)), with("b", 1, Some(500)), with("b", 2, Some(60))];
    assert_eq!(of(&mixed), [(None, "a".into()), (Some(60), "b".into()), (Some(500), "a b".into())]);
}

#[test]
fn curves_are_the_mean_over_seeds() {
    let comparison = comparison();
    let curve = &comparison.arms[0].curve;
    assert_eq!(curve.step, [10, 20]);
    let auc = &curve.columns["rtd_auc"];
    assert!(auc[0].is_none() && (auc[1].unwrap() - 0.6).abs() < 1e-12);
}
