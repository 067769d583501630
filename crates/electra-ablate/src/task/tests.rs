//! Which numbers are of one task, by what arms change.

use serde_json::json;

use super::*;
use crate::metric::tests::{catalogue, metric};
use crate::record::TokenizerIdentity;
use crate::record::tests::{result, with};

/// The base arm and one that differs from it in `differences`.
fn pair(differences: Value) -> [ResultRecord; 2] {
    let Value::Object(differences) = differences else { panic!("{differences} is no table") };
    [result("a", 1, 0.5), with(result("b", 1, 0.5), |run| run.differences = differences)]
}

fn own(differences: Value) -> Vec<&'static str> {
    let results = pair(differences);
    let all = catalogue().all().iter().copied();
    all.filter(|m| !deciding_keys(*m, &results).is_empty()).map(Metric::title).collect()
}

#[test]
fn what_arms_change_decides_which_numbers_are_of_their_own_task() {
    let of_detection = ["AUC", "RTD loss", "rtd/H(q)", "prediction loss"];
    let with = |more: &[&'static str]| [&of_detection, more].concat();
    for (key, value) in [
        ("model.generator.width", json!(0.5)),
        ("model.generator.tie", json!("all")),
        ("model.generator.num_attention_heads", json!(2)),
        ("model.hidden_size", json!(64)),
        ("scheme", json!({"kind": "adversarial"})),
        ("objective.discriminator_weight", json!(10.0)),
        ("objective.temperature", json!(2.0)),
        ("objective.proposals", json!("unigram")),
        ("schedule.learning_rate", json!(1e-3)),
        ("train.steps", json!(5)),
    ] {
        assert_eq!(own(json!({ (key): value })), with(&["total loss"]), "{key}");
    }
    // Other positions are another task to who fills them in.
    for (key, value) in [
        ("masking.probability", json!(0.4)),
        ("masking", json!({"kind": "span", "probability": 0.15})),
        ("objective", json!({"kind": "electra-15", "temperature": 1.0})),
        ("data.sequence_length", json!(64)),
    ] {
        let expected = with(&["MLM loss", "MLM loss a byte", "total loss"]);
        assert_eq!(own(json!({ (key): value })), expected, "{key}");
    }
    // By byte it is one task for all vocabularies.
    assert_eq!(own(json!({"model.vocab_size": 600})), with(&["MLM loss", "total loss"]));
    for key in ["train.precision", "probe.labels.scheme", "evaluate.every_steps", "log.every_steps"] {
        assert_eq!(own(json!({ (key): "x" })), Vec::<&str>::new(), "{key}");
    }
    // What nobody knows may decide anything.
    assert_eq!(own(json!({"something.new": 1})), with(&["MLM loss", "MLM loss a byte", "total loss"]));
    assert_eq!(own(json!({})), Vec::<&str>::new());
}

#[test]
fn the_probe_and_the_common_corruptions_are_of_one_task() {
    let everything =
        json!({"masking.probability": 0.4, "model.generator.width": 1.0, "objective": {"kind": "mlm"}});
    let results = pair(everything);
    for metric in
        [Metric::PROBE_F1, Metric::COMMON_AUC, Metric::UNIGRAM_AUC, Metric::UNIGRAM_LOSS_OVER_ENTROPY]
    {
        assert!(deciding_keys(metric, &results).is_empty(), "{}", metric.title());
    }
}

#[test]
fn a_value_that_all_arms_have_changes_nothing_between_them() {
    let mut results = pair(json!({"masking.probability": 0.4, "model.generator.width": 1.0}));
    results[0].differences = json!({"masking.probability": 0.4}).as_object().unwrap().clone();
    assert_eq!(deciding_keys(metric("mlm-loss"), &results), Vec::<String>::new());
    assert_eq!(deciding_keys(metric("rtd-auc"), &results), ["model.generator.width"]);
    // Values of a table are compared one by one.
    for (at, temperature) in [1.0, 2.0].into_iter().enumerate() {
        let objective = json!({"objective": {"kind": "electra-15", "temperature": temperature}});
        results[at].differences = objective.as_object().unwrap().clone();
    }
    assert_eq!(deciding_keys(metric("rtd-auc"), &results), ["objective.temperature"]);
    // Unless they are of unlike kinds.
    results[0].differences["objective"]["kind"] = "replaced-token-detection".into();
    assert_eq!(deciding_keys(metric("rtd-auc"), &results), ["objective"]);
}

#[test]
fn samples_of_chance_are_the_same_whatever_was_trained() {
    let mut results = pair(json!({"model.hidden_size": 64}));
    assert!(!deciding_keys(metric("rtd-auc"), &results).is_empty());
    for result in &mut results {
        result.parameters.generator = 0;
    }
    assert!(deciding_keys(metric("rtd-auc"), &results).is_empty());
    results[1].differences = json!({"objective.temperature": 2.0}).as_object().unwrap().clone();
    assert!(!deciding_keys(metric("rtd-auc"), &results).is_empty());
}

#[test]
fn numbers_with_the_same_reasons_are_told_together() {
    let results = pair(json!({"masking.probability": 0.4, "model.generator.width": 1.0}));
    let found =
        own_tasks(&[Metric::PROBE_F1, metric("rtd-auc"), metric("rtd-loss"), metric("mlm-loss")], &results);
    let both = ["masking.probability", "model.generator.width"].map(str::to_owned).to_vec();
    let expected = [
        OwnTask { metrics: vec![metric("rtd-auc"), metric("rtd-loss")], because: both.clone() },
        OwnTask { metrics: vec![metric("mlm-loss")], because: both[..1].to_vec() },
    ];
    assert_eq!(found, expected);
}

#[test]
fn costs_of_tokens_are_compared_within_a_vocabulary_alone() {
    let mut results = pair(json!({}));
    let named = |hash: &str, vocab_size| Some(TokenizerIdentity { hash: hash.into(), vocab_size });
    results[0].tokenizer = named("x", 600);
    // An older result does not say, and nobody is accused.
    check_vocabularies(metric("mlm-loss"), &results).unwrap();
    results[1].tokenizer = named("x", 600);
    check_vocabularies(metric("mlm-loss"), &results).unwrap();
    assert!(deciding_keys(metric("rtd-auc"), &results).is_empty());
    results[1].tokenizer = named("y", 4000);
    for metric in [metric("mlm-loss"), metric("rtd-loss"), metric("prediction-loss"), metric("loss")] {
        let error = check_vocabularies(metric, &results).unwrap_err().to_string();
        for part in ["2 vocabularies (600 pieces: a; 4,000 pieces: b)", metric.name(), "longer pieces"] {
            assert!(error.contains(part), "{error}");
        }
    }
    for metric in [metric("mlm-loss-per-byte"), Metric::PROBE_F1, metric("rtd-auc")] {
        check_vocabularies(metric, &results).unwrap();
    }
    assert_eq!(deciding_keys(metric("rtd-auc"), &results), ["tokenizer"]);
    assert!(deciding_keys(metric("mlm-loss-per-byte"), &results).is_empty());
}

#[test]
fn other_data_is_another_task_wherever_it_lies() {
    let mut results = pair(json!({}));
    let data = |hash: &str| Some(hash.to_owned());
    results[0].data = data("x");
    assert!(deciding_keys(metric("rtd-auc"), &results).is_empty(), "an older result does not say");
    results[1].data = data("x");
    assert!(deciding_keys(metric("rtd-auc"), &results).is_empty());
    results[1].data = data("y");
    assert_eq!(deciding_keys(metric("rtd-auc"), &results), ["data"]);
    assert!(deciding_keys(Metric::PROBE_F1, &results).is_empty());
    // A key that names it says enough.
    results[1].differences = json!({"data.sequence_length": 64}).as_object().unwrap().clone();
    assert_eq!(deciding_keys(metric("rtd-auc"), &results), ["data.sequence_length"]);
}
