//! Scores and spans against seqeval 1.2.2, on every case of `fixtures/seqeval.json`.

use electra_annotations::{Average, Comparison, MetricsError, Mode, Scores, StrictScheme, TypeScores, spans};
use serde_json::Value;

type Tags = Vec<Vec<String>>;

fn cases() -> Vec<Value> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../fixtures/seqeval.json")).unwrap();
    assert_eq!(cases.len(), 143);
    cases
}

fn tags(value: &Value) -> Tags {
    let sentence =
        |tags: &Value| tags.as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()).collect();
    value.as_array().unwrap().iter().map(sentence).collect()
}

/// Both modes of a case, with what seqeval says.
fn modes(case: &Value) -> [(Mode, &'static str); 2] {
    let scheme: StrictScheme = case["scheme"].as_str().unwrap().parse().unwrap();
    [(Mode::Default, "default"), (Mode::Strict(scheme), "strict")]
}

#[track_caller]
fn assert_close(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{what}: seqeval says {expected}"));
    assert!((found - expected).abs() < 1e-12, "{what}: {found}, seqeval says {expected}");
}

#[track_caller]
fn assert_average(found: Average, expected: &Value, what: &str) {
    for (index, value) in [found.precision, found.recall, found.f1].into_iter().enumerate() {
        assert_close(value, &expected[index], what);
    }
}

fn average(scores: &TypeScores) -> Average {
    Average { precision: scores.precision, recall: scores.recall, f1: scores.f1 }
}

#[track_caller]
fn assert_equal(scores: &Scores, expected: &Value, what: &str) {
    assert_average(average(&scores.micro), &expected["micro"], what);
    assert_average(scores.weighted, &expected["weighted"], what);
    match scores.macro_average {
        Some(found) => assert_average(found, &expected["macro"], what),
        // NaN in seqeval: there is no type to average over.
        None => assert!(expected["macro"].as_array().unwrap().iter().all(Value::is_null), "{what}"),
    }
    assert_close(scores.token_accuracy, &expected["accuracy"], what);

    let report = expected["report"].as_object().unwrap();
    let types = report.iter().filter(|(name, _)| !name.ends_with(" avg"));
    assert!(types.clone().map(|(name, _)| name).eq(scores.types.keys()), "{what}: {:?}", scores.types);
    for (name, expected) in types {
        let found = &scores.types[name];
        assert_close(found.precision, &expected["precision"], what);
        assert_close(found.recall, &expected["recall"], what);
        assert_close(found.f1, &expected["f1-score"], what);
        assert_close(found.gold as f64, &expected["support"], what);
    }
    assert_close(scores.micro.gold as f64, &report["micro avg"]["support"], what);
}

#[test]
fn scores_are_those_of_seqeval() {
    let (mut scored, mut refused) = (0, 0);
    for case in cases() {
        let (gold, predicted) = (tags(&case["y_true"]), tags(&case["y_pred"]));
        for (mode, name) in modes(&case) {
            let (expected, what) = (&case[name], format!("{} {name}", case["name"]));
            match Comparison::new(&gold, &predicted, mode) {
                Ok(comparison) => {
                    assert_equal(&Scores::of(&comparison), expected, &what);
                    scored += 1;
                }
                // seqeval raises as well: TypeError for nothing, ValueError for other lengths.
                Err(error) => {
                    let raised = expected["micro_error"].as_str().expect("seqeval raises");
                    match error {
                        MetricsError::Empty => assert!(raised.starts_with("TypeError"), "{what}"),
                        MetricsError::Tags { .. } => assert!(raised.starts_with("ValueError"), "{what}"),
                        error => panic!("{what}: {error}"),
                    }
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((scored, refused), (280, 6));
}

#[test]
fn spans_are_those_of_seqeval() {
    let mut compared = 0;
    for case in cases() {
        for (mode, name) in modes(&case) {
            for (key, tagged) in [("spans_true", "y_true"), ("spans_pred", "y_pred")] {
                let expected = case[name][key].as_array().unwrap();
                let sentences = tags(&case[tagged]);
                assert_eq!(sentences.len(), expected.len());
                for (tags, expected) in sentences.iter().zip(expected) {
                    let found = spans(tags, mode).unwrap();
                    let found: Vec<Value> = found
                        .iter()
                        .map(|span| serde_json::json!([span.kind, span.start, span.end - 1]))
                        .collect();
                    assert_eq!(&Value::from(found), expected, "{} {name} {tags:?}", case["name"]);
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, 4 * 234);
}

#[test]
fn the_usual_repairs_of_other_lengths_score_as_in_seqeval() {
    let mut repaired = 0;
    for case in cases() {
        let (gold, predicted) = (tags(&case["y_true"]), tags(&case["y_pred"]));
        let lengths: Vec<usize> = gold.iter().zip(&predicted).map(|(g, p)| g.len().min(p.len())).collect();
        let cut =
            |tags: &Tags| -> Tags { tags.iter().zip(&lengths).map(|(t, &n)| t[..n].to_vec()).collect() };
        let mut padded = predicted.clone();
        for (predicted, gold) in padded.iter_mut().zip(&gold) {
            predicted.resize(gold.len(), "O".into());
        }
        let repairs = [
            ("truncated_to_shorter", cut(&gold), cut(&predicted)),
            ("pred_padded_with_O", gold.clone(), padded),
        ];
        for (repair, gold, predicted) in repairs {
            let Some(expected) = case.get(repair) else { continue };
            for (mode, name) in modes(&case) {
                let comparison = Comparison::new(&gold, &predicted, mode).unwrap();
                assert_equal(
                    &Scores::of(&comparison),
                    &expected[name],
                    &format!("{} {repair}", case["name"]),
                );
                repaired += 1;
            }
        }
    }
    assert_eq!(repaired, 8);
}
