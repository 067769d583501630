//! Expressions that can be read, and what is said of those that cannot.

use super::*;
use crate::metric::tests::{catalogue, metric};

fn parsed(text: &str) -> Expression {
    Expression::parse(text, catalogue()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn an_arm_and_two_arms_are_asked_for_a_part() {
    let auc = || Quantity::Metric(metric("rtd-auc"), None);
    let of = |text: &str| match parsed(text).query {
        Query::Values { arm, against, quantity, statistic, .. } => (arm, against, quantity, statistic),
        other => panic!("{other:?}"),
    };
    let against = || Some((Operator::Difference, "b".to_owned()));
    assert_eq!(of("a rtd-auc"), ("a".into(), None, auc(), Statistic::Mean));
    assert_eq!(of("a - b rtd-auc"), ("a".into(), against(), auc(), Statistic::MeanAndInterval));
    assert_eq!(of("a - b rtd-auc ahead").3, Statistic::Ahead);
    assert_eq!(of("a rtd-auc above 0.6").3, Statistic::Above(0.6));
    assert_eq!(of("a rtd-auc seed 3").3, Statistic::Seed(3));
    assert_eq!(of("a rtd-auc interval-90").3, Statistic::Interval90);
    assert_eq!(of("a - b rtd-auc verdict").3, Statistic::Verdict);
    assert_eq!(of("a / b flops mean").1, Some((Operator::Ratio, "b".to_owned())));
    assert_eq!(of("a mlm-loss@250").2, Quantity::Metric(metric("mlm-loss"), Some(250)));
    assert_eq!(parsed("in 001-x a seeds :,").within.as_deref(), Some("001-x"));
}

#[test]
fn what_cannot_be_read_is_told_with_the_word_and_what_was_expected() {
    for (text, part) in [
        ("", "it ends where an arm"),
        ("a", "it ends where a quantity"),
        ("a auc", "`auc` stands where a quantity (rtd-auc"),
        ("a rtd-auc median", "`median` stands where mean, sd"),
        ("a rtd-auc mean mean", "`mean` stands where the end"),
        ("a rtd-auc :.x", "`:.x` stands where a format such as"),
        ("a rtd-auc p", "something that a single arm has"),
        ("a rtd-auc verdict", "something that a single arm has"),
        ("a rtd-auc p-holm", "something that a single arm has"),
        ("a rtd-auc where rtd-auc mean", "above X or below X"),
        ("a - b rtd-auc verdict where rtd-auc above 0", "a test is of all runs"),
        ("a failed of", "`of` stands where the end"),
        ("a rtd-auc@x", "`rtd-auc@x` stands where a quantity"),
        ("a - b", "it ends where a quantity"),
        ("a rtd-auc seed x", "`x` stands where a seed"),
        ("in ../x a seeds", "`../x` stands where the name of a folder"),
        ("../x.json a", "a JSON file below"),
        ("/x.json a", "a JSON file below"),
        ("x.json", "it ends where a path"),
        ("correlation rtd-auc", "it ends where a quantity"),
        ("correlation rtd-auc loss over seeds", "`seeds` stands where runs, arms or differences"),
        ("correlation rtd-auc loss where loss mean", "above X or below X"),
        ("correlation rtd-auc loss x", "`x` stands where over, of, where, count"),
    ] {
        let error = Expression::parse(text, catalogue()).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}
