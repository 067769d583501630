//! Partial credit against nervaluate 1.2.1, on every case of `fixtures/nervaluate.json`, which
//! `scripts/reference/partial_credit.py` writes.

use electra_annotations::{Comparison, Credit, Credits, LeftOut, Mode, PartialCredit};
use serde_json::Value;

fn tags(value: &Value) -> Vec<Vec<String>> {
    let sentence = |tags: &Value| tags.as_str().unwrap().split(' ').map(str::to_owned).collect();
    value.as_array().unwrap().iter().map(sentence).collect()
}

#[track_caller]
fn assert_equal(found: &Credits, expected: &Value, what: &str) {
    let names = [("strict", "strict"), ("exact", "exact"), ("partial", "partial"), ("type", "ent_type")];
    for ((name, credit), (same_name, theirs)) in found.list().into_iter().zip(names) {
        assert_eq!(name, same_name);
        let Credit { correct, incorrect, partial, missed, spurious } = credit;
        let counts = [correct, incorrect, partial, missed, spurious].map(|count| count as f64);
        let ratios = [credit.precision(), credit.recall(), credit.f1()];
        for (at, found) in counts.into_iter().chain(ratios).enumerate() {
            let expected = expected[theirs][at].as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-12,
                "{what} {name}: {credit:?}, nervaluate says {expected}"
            );
        }
    }
}

#[test]
fn partial_credit_is_that_of_nervaluate() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../fixtures/nervaluate.json")).unwrap();
    assert!(cases.len() >= 150, "{} cases", cases.len());
    let (mut of_types, mut halves) = (0, 0);
    for (number, case) in cases.iter().enumerate() {
        let comparison =
            Comparison::new(&tags(&case["gold"]), &tags(&case["predicted"]), Mode::Default).unwrap();
        let found = PartialCredit::of(&comparison);
        assert_equal(&found.all, &case["overall"], &format!("case {number}"));
        halves += found.all.partial.partial;
        let (strict, counts) = (found.all.strict, comparison.counts());
        let both = [(strict.precision(), counts.precision()), (strict.recall(), counts.recall())];
        assert!(both.iter().all(|(ours, theirs)| (ours - theirs).abs() < 1e-12), "case {number}: {both:?}");
        let types = case["types"].as_object().unwrap();
        assert!(types.keys().eq(found.types.keys()), "case {number}: {types:?}");
        for (kind, expected) in types {
            assert_equal(&found.types[kind], expected, &format!("case {number}, {kind}"));
            of_types += 1;
        }
    }
    assert!(of_types > 300 && halves > 100, "{of_types} types, {halves} partial matches");
}

#[test]
fn what_no_tags_say_is_missed_by_every_schema() {
    let tags = [["B-PER".to_owned(), "O".to_owned()]];
    let comparison = Comparison::new(&tags, &tags, Mode::Default).unwrap();
    let left_out = ["PER", "LOC"].map(|kind| LeftOut { sentence: 0, kind: kind.into() });
    let found = PartialCredit::of(&comparison.with_left_out(&left_out));
    for (name, credit) in found.all.list() {
        assert_eq!((credit.correct, credit.missed, credit.recall()), (1, 2, 1.0 / 3.0), "{name}");
    }
    assert_eq!((found.types["LOC"].strict.missed, found.types["PER"].by_type.missed), (1, 1));
}
