//! Suspected labels against cleanlab 2.9.0, on every case of `fixtures/label_issues.json`, which
//! `scripts/reference/label_issues.py` writes.

use electra_annotations::suspected_words;
use serde_json::Value;

#[test]
fn suspected_words_are_the_label_issues_of_cleanlab_in_its_order() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../fixtures/label_issues.json")).unwrap();
    assert!(cases.len() >= 10, "{} cases", cases.len());
    for (number, case) in cases.iter().enumerate() {
        let numbers = |key: &str| -> Vec<f64> {
            case[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
        };
        let labels: Vec<Option<usize>> =
            numbers("labels").iter().map(|&label| Some(label as usize)).collect();
        let count = case["count"].as_u64().unwrap() as usize;
        let found = suspected_words(&labels, &numbers("probabilities"), count);
        let words: Vec<usize> = found.iter().map(|suspect| suspect.word).collect();
        let expected: Vec<usize> = numbers("issues").iter().map(|&word| word as usize).collect();
        assert!(
            !expected.is_empty() && words == expected,
            "case {number}: {words:?}, cleanlab has {expected:?}"
        );
    }
}
