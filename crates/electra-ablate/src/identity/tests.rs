//! Arms that are one and arms that are not.

use electra_files::shown::with_help;

use super::*;
use crate::failed::tests::diverged;
use crate::record::tests::{result, with};
use crate::record::{ProbeScore, ResultRecord};

fn of(records: Vec<(&str, ResultRecord)>) -> Results {
    let finished = records.into_iter().map(|(path, record)| (PathBuf::from(path), record)).collect();
    Results { finished, failed: Vec::new() }
}

fn arms(mut results: Results) -> Vec<String> {
    results.disambiguate_names();
    results.check_once().unwrap();
    results.into_parts().0.into_iter().map(|record| record.run.arm).collect()
}

fn with_data(arm: &str, seed: u64, data: &str) -> ResultRecord {
    with(result(arm, seed, 0.5), |run| run.data = Some(data.into()))
}

#[test]
fn equal_names_of_two_experiments_are_two_arms() {
    let long = |seed| with(result("half", seed, 0.5), |run| run.steps = 60);
    let both = of(vec![
        ("one/results/half.seed-1.json", result("half", 1, 0.5)),
        ("one/results/half.seed-2.json", result("half", 2, 0.5)),
        ("two/results/half.seed-3.json", long(3)),
        ("two/results/half.seed-1.json", long(1)),
        ("two/results/whole.seed-1.json", result("whole", 1, 0.5)),
    ]);
    assert_eq!(arms(both), ["one/half", "one/half", "two/half", "two/half", "whole"]);
    // Also where nothing in the files tells them apart: who knows what their recipes have.
    let alike = of(vec![("one/a.json", result("half", 1, 0.5)), ("two/b.json", result("half", 2, 0.5))]);
    assert_eq!(arms(alike), ["one/half", "two/half"]);
    // Two folders of one name are known by their paths.
    let alike = of(vec![
        ("x/e/results/a.json", result("half", 1, 0.5)),
        ("y/e/results/b.json", result("half", 2, 0.5)),
    ]);
    assert_eq!(arms(alike), ["x/e/results/half", "y/e/results/half"]);
}

#[test]
fn data_that_was_rebuilt_between_two_seeds_makes_two_arms_of_one_folder() {
    let mixed = || {
        of(vec![
            ("r/a.json", with_data("half", 1, "0123456789abcdef")),
            ("r/b.json", with_data("half", 2, "0123456789abcdef")),
            ("r/c.json", with_data("half", 3, "fedcba9876543210")),
        ])
    };
    assert_eq!(
        arms(mixed()),
        ["half (data 0123456789ab)", "half (data 0123456789ab)", "half (data fedcba987654)"]
    );
    let error = mixed().check_arms().unwrap_err().to_string();
    for part in ["r/c.json", "r/a.json", "arm `half`", "data fedcba987654", "data 0123456789ab"] {
        assert!(error.contains(part), "{part} is missing in {error}");
    }
    // A file that does not say is no other arm.
    of(vec![("r/a.json", with_data("half", 1, "x")), ("r/b.json", result("half", 2, 0.5))])
        .check_arms()
        .unwrap();
}

#[test]
fn recipe_vocabulary_code_and_sizes_tell_arms_apart() {
    type Change = fn(&mut ResultRecord);
    let changes: [(Change, &str); 7] = [
        (|r| r.steps = 60, "60 steps"),
        (|r| r.tokens = 1280, "1,280 tokens"),
        (|r| (r.parameters.generator, r.parameters.total) = (200, 1200), "1,200 parameters"),
        (|r| r.flops = 3e9, "3.00e9 operations"),
        (
            |r| r.tokenizer = Some(TokenizerIdentity { hash: "b".into(), vocab_size: 4000 }),
            "vocabulary b of 4,000 pieces",
        ),
        (|r| r.code = CodeVersions::new([("kernels", 2)]), "code of kernels 2"),
        (|r| r.recipe = Some("b".into()), "recipe b"),
    ];
    let first = || {
        with(result("half", 1, 0.5), |run| {
            run.tokenizer = Some(TokenizerIdentity { hash: "a".into(), vocab_size: 600 });
            run.recipe = Some("a".into());
        })
    };
    for (change, expected) in changes {
        let mut other = with(first(), |run| run.seed = 2);
        change(&mut other);
        let named = arms(of(vec![("r/a", first()), ("r/b", other)]));
        assert_eq!(named[1], format!("half ({expected})"));
        assert_ne!(named[0], named[1]);
    }
}

fn probed(seed: u64, recipe: &str, seeds: u64) -> ResultRecord {
    let scores = (1..=seeds).map(|seed| ProbeScore { seed, dev_f1: 0.5, test_f1: None }).collect();
    let probe = ProbeScores { hash: format!("{recipe}{seed}"), recipe: Some(recipe.into()), scores };
    ResultRecord { probe: Some(probe), ..result("half", seed, 0.5) }
}

#[test]
fn scores_of_another_probe_are_of_another_arm_and_of_no_standing() {
    let first = || probed(1, "a", 3);
    for (other, expected) in
        [(probed(2, "b", 3), "half (probe b)"), (probed(2, "a", 1), "half (1 fine-tuning seed)")]
    {
        assert_eq!(arms(of(vec![("r/a", first()), ("r/b", other)]))[1], expected);
    }
    assert_eq!(arms(of(vec![("r/a", first()), ("r/b", probed(2, "a", 3))])), ["half", "half"]);
    // An older result does not say which recipe its scores are of.
    let mut older = probed(2, "a", 3);
    older.probe.as_mut().unwrap().recipe = None;
    assert_eq!(arms(of(vec![("r/a", first()), ("r/b", older)])), ["half", "half"]);
    let results = of(vec![("r/a", first())]);
    let check = |recipe: &str, seeds| {
        let probe = Some(ProbeIdentity { recipe: Some(recipe.into()), seeds });
        let now = CurrentArm { probe, ..standing("half", serde_json::json!({}), None) };
        check_results_current(&results, &[now]).map_err(|error| error.to_string())
    };
    check("a", 3).unwrap();
    assert!(check("b", 3).unwrap_err().contains("`probe.recipe` is a there and b now"));
    assert!(check("a", 2).unwrap_err().contains("`probe.seeds` is 3 there and 2 now"));
}

#[test]
fn a_failed_run_belongs_to_the_arm_of_its_recipe() {
    let mut results = of(vec![("r/a", result("half", 1, 0.5))]);
    results.failed.push(("r/b".into(), diverged("half", 2)));
    let mut longer = diverged("half", 3);
    longer.run.steps = 60;
    results.failed.push(("r/c".into(), longer));
    results.disambiguate_names();
    let names: Vec<&str> = results.failed.iter().map(|(_, run)| run.arm.as_str()).collect();
    assert_eq!(
        (results.finished[0].1.arm.as_str(), &names[..]),
        ("half (20 steps)", &["half (20 steps)", "half (60 steps)"][..])
    );
}

fn standing(name: &str, differences: Value, planned: Option<PlannedNumbers>) -> CurrentArm {
    let Value::Object(differences) = differences else { panic!("{differences}") };
    CurrentArm { name: name.into(), differences, planned, probe: None }
}

fn planned() -> Option<PlannedNumbers> {
    Some(PlannedNumbers { recipe: "a".into(), steps: 20, flops: 2e9, parameters: 1100 })
}

#[test]
fn results_of_an_arm_that_was_edited_since_are_named_with_both_values() {
    let width = |value: Value| serde_json::json!({ "model.generator.width": value });
    let mut run = result("half", 1, 0.5);
    run.differences.insert("model.generator.width".into(), 0.25.into());
    let results = of(vec![("r/half.seed-1.json", run.clone()), ("r/half.seed-2.json", run)]);
    let check = |arm: CurrentArm| check_results_current(&results, &[arm]).map_err(|error| with_help(&error));
    check(standing("half", width(0.25.into()), None)).unwrap();
    check(standing("half", width(0.25.into()), planned())).unwrap();
    let error = check(standing("half", width(1.0.into()), None)).unwrap_err();
    for part in ["r/half.seed-1.json", "`model.generator.width`", "0.25", "1.0", "1 more", "electra ablate"] {
        assert!(error.contains(part), "{part} is missing in {error}");
    }
    let error = check(standing("half", serde_json::json!({}), None)).unwrap_err();
    assert!(error.contains("is 0.25 there and not set now"), "{error}");
    let error = check(standing("whole", serde_json::json!({}), None)).unwrap_err();
    assert!(error.contains("arm `half`") && error.contains("it has whole"), "{error}");
}

#[test]
fn results_of_a_base_recipe_that_was_edited_since_are_named_as_well() {
    let run = with(result("half", 1, 0.5), |run| run.recipe = Some("a".into()));
    let results = of(vec![("r/half.seed-1.json", run)]);
    let check = |change: fn(&mut PlannedNumbers)| {
        let mut now = planned().unwrap();
        change(&mut now);
        check_results_current(&results, &[standing("half", serde_json::json!({}), Some(now))])
            .unwrap_err()
            .to_string()
    };
    assert!(check(|now| now.steps = 60).contains("`steps` is 20 there and 60 now"));
    assert!(check(|now| now.parameters = 7).contains("`parameters.total` is 1100 there and 7 now"));
    assert!(check(|now| now.flops = 3e9).contains("`flops` is 2000000000 there and 3000000000 now"));
    assert!(check(|now| now.recipe = "b".into()).contains("`recipe` is a there and b now"));
}

#[test]
fn a_renamed_experiment_keeps_its_results() {
    let renamed = with(result("half", 1, 0.5), |run| run.experiment = "010-other".into());
    let results = of(vec![("r/a", renamed), ("r/b", result("half", 2, 0.5))]);
    check_results_current(&results, &[standing("half", serde_json::json!({}), planned())]).unwrap();
    results.check_arms().unwrap();
    assert_eq!(arms(results), ["half", "half"]);
}

#[test]
fn one_and_one_point_zero_are_one_value() {
    let one = serde_json::json!({"a": [1, 2.0], "b": {"c": 1}});
    assert!(same(&one, &serde_json::json!({"a": [1.0, 2], "b": {"c": 1.0}})));
    assert!(!same(&one, &serde_json::json!({"a": [1.0, 2.5], "b": {"c": 1.0}})));
}
