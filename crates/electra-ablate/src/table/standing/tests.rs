//! Tests of the notes beside the numbers of a table.

use electra_run::code::CodeVersions;

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::comparison::Subject;
use crate::comparison::tests::subject;
use crate::experiment::Budget;
use crate::failed::FailedRun;
use crate::failed::tests::diverged;
use crate::metric::tests::metric;
use crate::quantities::tests::{TABLE, of_width};
use crate::record::ResultRecord;
use crate::record::tests::{result, with};
use crate::standing::ArmContext;
use crate::{report, table};

fn compared(known: ArmContext, results: &[ResultRecord]) -> Comparison {
    Comparison::new(Subject { known, ..subject(&["a", "b"]) }, results)
}

#[track_caller]
fn assert_says(comparison: &Comparison, parts: &[&str]) {
    let page = report::render(comparison).replace("&#x2f;", "/");
    for part in parts {
        for (text, what) in [(table::markdown(comparison), "README"), (table::text(comparison), "table")] {
            assert!(text.contains(part), "`{part}` is missing in the {what}:\n{text}");
        }
        assert!(page.contains(part), "`{part}` is missing in the page");
    }
}

#[test]
fn five_of_six_seeds_that_diverged_are_told_everywhere() {
    let six: Vec<u64> = (1..=6).collect();
    let mut results: Vec<ResultRecord> = six.iter().map(|seed| result("a", *seed, 0.6)).collect();
    results.push(result("b", 1, 0.7));
    let failed: Vec<FailedRun> = (2..=5).map(|seed| diverged("b", seed)).collect();
    let comparison = compared(ArmContext { seeds: six.clone(), failed, ..ArmContext::default() }, &results);
    assert_eq!(table::verdict(&comparison).rows[1][5], "1 of 6");
    assert_says(
        &comparison,
        &[
            "1 of 6",
            "b: numbers of 1 of 6 seeds, and its means are over survivors (seed 2 diverged after 14 steps; seed 3",
            "no result yet of seed 6",
        ],
    );
    assert!(report::render(&comparison).contains("7 runs, 4 failed"));
    let json: Value = serde_json::from_str(&table::json(&comparison)).unwrap();
    let b = &json["arms"][1];
    assert_eq!((b["failed"].as_array().unwrap().len(), &b["missing_seeds"]), (4, &serde_json::json!([6])));
    assert_eq!(b["failed"][0], serde_json::json!({"seed": 2, "step": 14, "reason": "diverged"}));
    assert_eq!(b["planned_seeds"], serde_json::json!(six));
    // An arm of which nothing survived has a row as well, and all seeds at hand are no note.
    let failed: Vec<FailedRun> = (1..=6).map(|seed| diverged("b", seed)).collect();
    let comparison =
        compared(ArmContext { seeds: six.clone(), failed, ..ArmContext::default() }, &results[..6]);
    assert_eq!(table::verdict(&comparison).rows[1][5..8], ["0 of 6", "–", "–"]);
    assert_says(&comparison, &["b: numbers of 0 of 6 seeds (seed 1 diverged"]);
    let whole = compared(ArmContext { seeds: six, ..ArmContext::default() }, &results[..6]);
    assert!(!table::text(&whole).contains("numbers of"), "{}", table::text(&whole));
}

#[test]
fn a_difference_of_fewer_pairs_stands_beside_the_means_of_these_pairs() {
    // 1..4 of the base arm, 3..6 of the other: two pairs, .8 against .7.
    let mut results: Vec<ResultRecord> =
        (1..=4).map(|seed| result("a", seed, 0.7 * f64::from(seed > 2))).collect();
    results.extend((3..=6).map(|seed| result("b", seed, if seed < 5 { 0.8 } else { 0.2 })));
    let comparison = compared(ArmContext::default(), &results);
    let row = &table::verdict(&comparison).rows[1];
    assert_eq!(
        row[5..9],
        [
            "4",
            "0.500 ± 0.346; over the pairs 0.800 ± 0.000 against 0.700 ± 0.000",
            "2",
            "+0.100 [+0.100, +0.100]"
        ]
    );
    assert_says(&comparison, &["pairs", "the difference is of these"]);
    let json: Value = serde_json::from_str(&table::json(&comparison)).unwrap();
    let pairs = &json["arms"][1]["pairs"];
    assert_eq!((&pairs["seeds"], &pairs["base"]["n"]), (&serde_json::json!([3, 4]), &2.into()));
    let equal = [result("a", 1, 0.5), result("b", 1, 0.5)];
    assert!(!table::text(&compared(ArmContext::default(), &equal)).contains("over the pairs"));
}

#[test]
fn an_arm_that_misses_an_equal_budget_is_marked() {
    let results = [result("a", 1, 0.5), with(result("b", 1, 0.5), |run| run.flops = 76e9)];
    let known = |budget| ArmContext { budget: Some(budget), ..ArmContext::default() };
    let comparison = compared(known(Budget::Flops), &results);
    assert_eq!(table::verdict(&comparison).rows[1][3], "7.60e10, 38.0 × the budget");
    assert_says(&comparison, &["b misses the budget: it spends 38.0 times the operations of the base arm"]);
    let json: Value = serde_json::from_str(&table::json(&comparison)).unwrap();
    assert_eq!((&json["arms"][1]["off_budget"], &json["arms"][0]["off_budget"]), (&38.0.into(), &().into()));
    assert_eq!(table::verdict(&compared(known(Budget::Steps), &results)).rows[1][3], "7.60e10");
}

#[test]
fn what_moves_with_a_width_is_listed_with_a_warning() {
    let mut results = [result("a", 1, 0.5), result("b", 1, 0.6)];
    let set = |run: &mut ResultRecord, width: u64| {
        run.differences.insert("model.width".into(), width.into());
        run.quantities = of_width(width);
    };
    set(&mut results[0], 16);
    set(&mut results[1], 32);
    let known = || ArmContext { table: TABLE, ..ArmContext::default() };
    let comparison = compared(known(), &results);
    assert_says(
        &comparison,
        &["The head width moves with the arms, which do not name it (4 in a, 8 in b)", "feed-forward width"],
    );
    let table = unnamed_differences_table(&comparison).unwrap();
    assert_eq!(table.head, ["arm", "head width", "feed-forward width"]);
    assert_eq!(table.rows, [["a", "4", "64"], ["b", "8", "128"]]);
    assert!(report::render(&comparison).contains(UNNAMED_DIFFERENCES));
    let json: Value = serde_json::from_str(&table::json(&comparison)).unwrap();
    let also = json["arms"][1]["also_differs"].as_array().unwrap();
    assert_eq!(also.len(), 3, "operations as well");
    assert_eq!(
        (&also[0]["key"], &also[0]["base"], &also[0]["arm"]),
        (&"head_width".into(), &4.into(), &8.into())
    );
    // What the recipe as it stands comes to goes before what a result has stored.
    let planned = BTreeMap::from([("a".to_owned(), of_width(16)), ("b".to_owned(), of_width(16))]);
    assert_eq!(
        unnamed_differences_table(&compared(ArmContext { quantities: planned, ..known() }, &results)),
        None
    );
    // Where nobody names anything, nobody says what the arms are about, another share of masks included.
    for run in &mut results {
        run.differences.clear();
    }
    results[1].quantities = of_width(16);
    results[1].quantities.insert("share".into(), 0.4.into());
    assert_says(
        &compared(known(), &results),
        &["Nothing says what the arms are about; they differ in masked share."],
    );
}

#[test]
fn other_data_and_other_code_are_told() {
    let mut results = [result("a", 1, 0.5), result("b", 1, 0.6)];
    let plain = table::text(&compared(ArmContext::default(), &results));
    assert!(!plain.contains("unlike"), "{plain}");
    for (run, data) in [(0, "1111"), (1, "2222")] {
        results[run].data = Some(data.into());
    }
    let comparison = compared(ArmContext::default(), &results);
    assert_says(&comparison, &["held out on unlike data (1111 for a; 2222 for b)"]);
    let json: Value = serde_json::from_str(&table::json(&comparison)).unwrap();
    assert_eq!(json["data"][0]["arms"], serde_json::json!(["a"]));
    // So is code of another version.
    results[1].data = results[0].data.clone();
    results[1].code = CodeVersions::new([("kernels", 2), ("training", 3)]);
    let sentence = "unlike versions of the code (the first of all parts for a; kernels 2, training 3 for b)";
    assert_says(&compared(ArmContext::default(), &results), &[sentence]);
}

#[test]
fn shared_runs_are_marked() {
    let same = "001-other: a, seeds 1 to 6".to_owned();
    let known = ArmContext {
        same_runs: BTreeMap::from([("a".to_owned(), vec![same.clone()])]),
        ..ArmContext::default()
    };
    let comparison = compared(known, &[result("a", 1, 0.5)]);
    assert_says(&comparison, &["a: the same runs as 001-other: a, seeds 1 to 6."]);
    assert_eq!(comparison.arms[0].standing.same_runs_as, [same]);
    assert_eq!(comparison.metric, metric("rtd-auc"));
}
