//! Values of expressions as one computes them by hand.

use electra_files::shown::with_help;
use serde_json::json;

use super::*;
use crate::comparison::Comparison;
use crate::comparison::Subject;
use crate::comparison::tests::subject;
use crate::experiment::Contrast;
use crate::failed::tests::diverged;
use crate::metric::tests::catalogue;
use crate::readme::expression::Statistic;
use crate::readme::format::Format;
use crate::readme::quantity::Quantity;
use crate::record::tests::result;
use crate::record::{ProbeScore, ResultRecord};
use crate::standing::ArmContext;

/// Base .50 .60 .70 and b .52 .61 .73 of seeds 1 to 3, c of seed 2 alone; losses are 28 more.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("000-test/results");
    for (seed, [a, b]) in (1..).zip([[0.5, 0.52], [0.6, 0.61], [0.7, 0.73]]) {
        let score = ProbeScore { seed: 1, dev_f1: 0.0, test_f1: None };
        let scores = vec![ProbeScore { seed: 2, dev_f1: 0.4 * a, test_f1: None }, score];
        let probe = Some(ProbeScores { hash: String::new(), recipe: None, scores });
        ResultRecord { probe, ..result("a", seed, a) }.write(&results).unwrap();
        result("b", seed, b).write(&results).unwrap();
    }
    result("c", 2, 0.5).write(&results).unwrap();
    let file = json!({"test": {"mean": 0.408, "support": 12_000}, "less": {"mean": 0.155}});
    std::fs::write(folder.path().join("000-test/numbers.json"), file.to_string()).unwrap();
    folder
}

/// Results with an experiment of the arms a, b and c and five planned seeds, where a and c are a contrast of b.
fn standing(folder: &Path, margin: Option<f64>) -> Result<Rc<CheckedResults>, ExpressionError> {
    let CheckedResults { finished, failed, .. } = CheckedResults::of_folder(folder)?;
    let known = ArmContext { seeds: (1..=5).collect(), failed: failed.clone(), ..ArmContext::default() };
    let contrasts = vec![Contrast { arm: "c".into(), against: "b".into() }];
    let subject = Subject { known, contrasts, margin, ..subject(&["a", "b", "c", "wild"]) };
    let comparison = Some(Comparison::new(subject, &finished));
    Ok(Rc::new(CheckedResults { finished, failed, comparison }))
}

fn read(folder: &Path) -> Result<Rc<CheckedResults>, ExpressionError> {
    standing(folder, Some(0.06))
}

fn value(folder: &tempfile::TempDir, text: &str) -> Result<String, ExpressionError> {
    Sources::of_experiment(&folder.path().join("000-test"), &read, catalogue()).value(text)
}

#[test]
fn every_expression_has_the_value_that_one_computes_by_hand() {
    let folder = folder();
    for (text, expected) in [
        ("a rtd-auc", "0.600"),
        ("a rtd-auc sd :.2", "0.10"),
        ("a rtd-auc spread", "0.600 ± 0.100"),
        ("a rtd-auc min", "0.500"),
        ("a rtd-auc max", "0.700"),
        ("a rtd-auc each :.1", "0.5, 0.6, 0.7"),
        ("a rtd-auc seed 2", "0.600"),
        // 4.3027 * .1 / sqrt 3 = .2484.
        ("a rtd-auc interval :.2", "[0.35, 0.85]"),
        ("a rtd-auc above 0.55", "2 of 3"),
        ("a rtd-auc below 0.55", "1 of 3"),
        ("a rtd-auc@20 seed 3", "0.700"),
        ("a probe-f1 seed 1", "10.00"),
        ("a found-nothing", "3 of 6"),
        ("a seeds", "3"),
        ("a steps", "20"),
        ("a parameters :,", "1,100"),
        ("a minutes", "1.0"),
        // Differences .02 .01 .03: 4.3027 * .01 / sqrt 3 = .02484.
        ("b - a rtd-auc", "0.020 [-0.005, 0.045]"),
        ("b - a rtd-auc :+.3", "+0.020 [-0.005, +0.045]"),
        ("a - b rtd-auc mean", "-0.020"),
        ("b - a rtd-auc p", "0.250"),
        ("b - a rtd-auc p :p", "= 0.250"),
        ("b - a rtd-auc ahead", "3 of 3"),
        ("b - a loss ahead", "0 of 3"),
        ("a - b loss ahead", "3 of 3"),
        ("c - a rtd-auc pairs", "1"),
        ("c - a rtd-auc mean", "-0.100"),
        ("b / a steps mean :.0%", "100"),
        ("correlation rtd-auc loss", "1.00"),
        ("correlation rtd-auc loss count", "7"),
        ("correlation rtd-auc loss of a,b count", "6"),
        ("rank-correlation rtd-auc loss where rtd-auc above 0.55", "1.00"),
        ("correlation rtd-auc loss where rtd-auc above 0.55 count", "4"),
        ("correlation rtd-auc loss over arms count", "3"),
        ("correlation rtd-auc loss over differences count", "4"),
        ("correlation rtd-auc loss over differences where rtd-auc above 0.55 count", "2"),
        ("numbers.json test.mean :.1%", "40.8"),
        ("numbers.json test.support :,", "12,000"),
        ("numbers.json test.mean - numbers.json less.mean", "0.253"),
        ("in 000-test a rtd-auc", "0.600"),
        // 2.91999 * .01 / sqrt 3 = .01686.
        ("b - a rtd-auc interval-90", "[0.003, 0.037]"),
        ("a rtd-auc min where rtd-auc above 0.55", "0.600"),
        ("a rtd-auc where loss below 28.65", "0.550"),
        ("b - a rtd-auc pairs where rtd-auc above 0.55", "2"),
        ("a finished", "3 of 5"),
        ("a failed", "0 of 5"),
        // Three tests: of b, of c and of the contrast.
        ("b - a rtd-auc p-holm", "0.750"),
        ("a - b rtd-auc verdict", "equivalent"),
        ("c - b rtd-auc p-holm", "1.000"),
        // (.06 - .02) / (.01 / sqrt 3) = 6.928 of 2 degrees: (1 - sqrt(48 / 50)) / 2.
        ("b - a rtd-auc p-equivalence :.4", "0.0101"),
        ("in 000-test correlation rtd-auc loss over differences count", "4"),
    ] {
        let found = value(&folder, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_ratio_to_zero_is_no_number() {
    let (quantity, format) = (Quantity::parse("probe-f1", catalogue()).unwrap(), Format::default());
    for of_second in [f64::NAN, f64::INFINITY] {
        let error =
            statistic_text(&[(1, 2.0), (2, of_second)], Statistic::Mean, &quantity, format).unwrap_err();
        assert_eq!(error.to_string(), "with seed 2 it is divided by 0");
    }
}

#[test]
fn what_is_not_there_is_told() {
    let folder = folder();
    for (text, expected) in [
        ("d rtd-auc", "there is no result of arm `d`; there are results of a, b, c"),
        ("a - d rtd-auc", "there is no result of arm `d`"),
        ("a prediction-loss", "no run of a has this number"),
        ("a rtd-auc@15", "no run of a has this number"),
        ("b - a probe-f1", "no run of b and a has this number"),
        ("a rtd-auc seed 4", "there is no seed 4; there are 1, 2, 3"),
        ("c rtd-auc sd", "1 number has no standard deviation"),
        ("c - a rtd-auc", "1 number has no interval"),
        ("correlation rtd-auc loss of c", "1 number has no correlation"),
        ("correlation rtd-auc loss of d", "there is no result of arm `d`"),
        ("in 001 a rtd-auc", "there is no experiment 001"),
        ("none.json a", "cannot read none.json"),
        ("numbers.json test.sd", "numbers.json has no number at `test.sd`"),
        ("numbers.json test", "numbers.json has no number at `test`"),
        ("a rtd-auc where rtd-auc above 0.9", "no run of a has this number"),
        ("b - c rtd-auc p-equivalence", "there are not enough pairs for a test yet"),
        ("a - wild rtd-auc verdict", "are no test of the experiment; add them to its contrasts"),
        ("b / a rtd-auc verdict", "a verdict is of the difference of two arms"),
        ("b - a loss verdict", "the tests of the experiment are of rtd-auc"),
    ] {
        let error = with_help(&value(&folder, text).unwrap_err());
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn what_is_told_of_an_arm_with_failed_seeds_says_of_how_many_it_is() {
    let folder = folder();
    let results = folder.path().join("000-test/results");
    diverged("a", 4).write(&results).unwrap();
    diverged("wild", 1).write(&results).unwrap();
    for (text, expected) in [
        ("a rtd-auc", "0.600 (3 of 4 seeds, 1 failed)"),
        ("a rtd-auc spread", "0.600 ± 0.100 (3 of 4 seeds, 1 failed)"),
        ("a rtd-auc above 0.55", "2 of 3 (3 of 4 seeds, 1 failed)"),
        ("b - a rtd-auc", "0.020 [-0.005, 0.045] (3 of 4 pairs, 1 failed)"),
        ("b - a rtd-auc ahead", "3 of 3 (3 of 4 pairs, 1 failed)"),
        ("a found-nothing", "3 of 6 (3 of 4 seeds, 1 failed)"),
        ("a seeds", "3 of 4"),
        ("a finished", "3 of 5"),
        ("a failed", "1 of 5"),
        ("wild failed", "1 of 5"),
        ("wild finished", "0 of 5"),
        ("correlation rtd-auc loss", "1.00 (without 2 failed runs)"),
        ("correlation rtd-auc loss of a,b", "1.00 (without 1 failed run)"),
        // What is of one seed, of the recipe or of another arm is over no survivors.
        ("a rtd-auc seed 2", "0.600"),
        ("a steps", "20"),
        ("b rtd-auc :.2", "0.62"),
        ("b failed", "0 of 5"),
        ("correlation rtd-auc loss count", "7"),
    ] {
        let found = value(&folder, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(found, expected, "{text}");
    }
    let error = value(&folder, "wild rtd-auc").unwrap_err().to_string();
    assert_eq!(error, "the one run of `wild` failed: it has no numbers");
}

#[test]
fn without_a_margin_or_an_experiment_there_is_no_verdict() {
    let folder = folder();
    let own = folder.path().join("000-test");
    let without = |folder: &Path| standing(folder, None);
    let error =
        Sources::of_experiment(&own, &without, catalogue()).value("b - a rtd-auc verdict").unwrap_err();
    assert_eq!(error.to_string(), "the experiment states no margin");
    let in_words = |folder: &Path| Ok(Rc::new(CheckedResults::of_folder(folder)?));
    let mut sources = Sources::of_experiment(&own, &in_words, catalogue());
    let error = sources.value("b - a rtd-auc verdict").unwrap_err();
    assert!(error.to_string().starts_with("there is no experiment.toml"), "{error}");
    let error = sources.value("correlation rtd-auc loss over differences").unwrap_err();
    assert!(error.to_string().contains("without an experiment there is no base arm"), "{error}");
    assert_eq!(sources.value("a failed").unwrap(), "0 of 3");
}

#[test]
fn an_experiment_that_does_not_stand_gives_no_numbers_wherever_it_is_asked_for() {
    let folder = folder();
    let refuse = |folder: &Path| {
        let reason = "an arm was edited".to_owned();
        Err(ExpressionError::Experiment { folder: folder.display().to_string(), reason, help: None })
    };
    let error =
        Sources::of_index(folder.path(), folder.path(), &refuse, catalogue()).value("in 000-test a rtd-auc");
    assert!(error.unwrap_err().to_string().ends_with("000-test does not stand: an arm was edited"));
}

#[test]
fn names_of_arms_with_commas_are_known_in_a_list() {
    let folder = folder();
    let results = folder.path().join("000-test/results");
    for seed in 1..=3 {
        result("b,1e-3", seed, 0.4 + 0.1 * seed as f64).write(&results).unwrap();
    }
    for (text, expected) in [
        ("correlation rtd-auc loss of b,1e-3 count", "3"),
        ("correlation rtd-auc loss of a,b,1e-3 count", "6"),
        ("correlation rtd-auc loss of b,1e-3,b count", "6"),
        ("correlation rtd-auc loss of b,a count", "6"),
    ] {
        assert_eq!(value(&folder, text).unwrap(), expected, "{text}");
    }
    let error = value(&folder, "correlation rtd-auc loss of b,2e-3").unwrap_err().to_string();
    assert!(
        error.starts_with("there is no result of arm `2e-3`; there are results of a, b, b,1e-3, c"),
        "{error}"
    );
}
