//! Tables and notes of a few results.

use electra_run::record::{HeldoutMeasure, HeldoutRows};

use super::*;
use crate::comparison::Subject;
use crate::comparison::tests::{comparison, subject};
use crate::record::tests::result;
use crate::record::{ProbeScore, ProbeScores, ResultRecord};

#[test]
fn a_mean_never_stands_alone() {
    let table = verdict(&comparison());
    assert_eq!(table.rows[0][6..], ["0.600 ± 0.100", "–", "base", "–", "–"]);
    assert_eq!(table.rows[1][6..], ["0.620 ± 0.105", "3", "+0.020 [-0.005, +0.045]", "0.250", "0.500"]);
    let mean = "0.500 (one seed); over the pairs 0.500 (one seed) against 0.600 (one seed)";
    assert_eq!(table.rows[2][5..], ["1", mean, "1", "-0.100 (one pair)", "1.000", "1.000"]);
}

#[test]
fn a_name_is_no_markup_and_ends_no_cell() {
    let table = Table { head: vec!["arm".into()], rows: vec![vec!["a|b <i>\n# c".into()]] };
    assert_eq!(table.markdown(), "| arm |\n| --- |\n| a\\|b &lt;i&gt; \\# c |\n");
    // In sentences as well, wherever one stands.
    let odd = ["`<img src=x>`", "<img src=y>\n# z", "<img src=w>"];
    let score = ProbeScore { seed: 1, dev_f1: 0.0, test_f1: None };
    let probe = Some(ProbeScores { hash: String::new(), recipe: None, scores: vec![score] });
    let measure = Some(HeldoutMeasure { rows: HeldoutRows::Spread, examples: 1500 });
    let results = [
        ResultRecord { probe, ..result(odd[0], 1, 0.5) },
        ResultRecord { measure, ..result(odd[1], 1, 0.5) },
    ];
    for base_arm in [odd[0], odd[2]] {
        let subject = Subject { base_arm: base_arm.into(), ..subject(&odd) };
        let comparison = Comparison::new(subject, &results);
        let markdown = markdown(&comparison);
        for part in ["found nothing", "unlike measures", "No result yet"] {
            assert!(markdown.contains(part), "{part} is missing in\n{markdown}");
        }
        // As code it is no markup.
        let code = code_in_markdown(base_arm);
        assert!(markdown.contains(&code), "{markdown}");
        let rest = markdown.replace(&code, "");
        assert!(!rest.contains("<img") && !rest.contains("\n# "), "{markdown}");
    }
}

#[test]
fn markdown_has_both_tables_and_says_how_small_p_can_be() {
    let markdown = markdown(&comparison());
    for part in [
        "| arm | parameters | generator | FLOP | steps | seeds | AUC, mean ± sd | pairs | difference [95 %] | p | p, Holm |",
        "| a | 1,100 | 100 | 2.00e9 | 20 | 3 | 0.600 ± 0.100 | – | base | – | – |",
        "cannot be below 2/2^n: 1.000 with 1 seed, 0.250 with 3 seeds; Holm's correction is over 2 arms.",
        "No result yet: d.",
        "| arm | total loss | minutes |",
    ] {
        assert!(markdown.contains(part), "{part} is missing in\n{markdown}");
    }
    let rules = markdown.lines().filter(|line| line.starts_with("| --- | ---: |")).count();
    assert_eq!(rules, 2);
}

#[test]
fn a_mean_says_how_many_of_its_seeds_found_nothing() {
    let with = |arm: &str, f1: &[f64]| {
        let scores =
            (1..).zip(f1).map(|(seed, &dev_f1)| ProbeScore { seed, dev_f1, test_f1: None }).collect();
        ResultRecord {
            probe: Some(ProbeScores { hash: String::new(), recipe: None, scores }),
            ..result(arm, 1, 0.5)
        }
    };
    let results = [with("a", &[0.5, 0.4]), with("b", &[0.0, 0.6, 0.0])];
    let comparison = Comparison::new(Subject { metric: Metric::PROBE_F1, ..subject(&["a", "b"]) }, &results);
    let sentence = "Of b, 2 of 3 fine-tuning runs found nothing in any epoch: their 0 is in its probe F1.";
    assert_eq!(notes(&comparison).iter().filter(|note| note.contains("found nothing")).count(), 1);
    assert!(
        markdown(&comparison).contains(sentence) && text(&comparison).contains(sentence),
        "{}",
        text(&comparison)
    );
    let json: serde_json::Value = serde_json::from_str(&json(&comparison)).unwrap();
    assert_eq!((&json["arms"][1]["found_nothing"], &json["arms"][1]["fine_tuned"]), (&2.into(), &3.into()));
}

#[test]
fn unlike_measures_are_said_and_one_measure_is_not() {
    let notes_of = |first: Option<HeldoutMeasure>, second: Option<HeldoutMeasure>| {
        let with = |arm: &str, measure| ResultRecord { measure, ..result(arm, 1, 0.5) };
        notes(&Comparison::new(subject(&["a", "b"]), &[with("a", first), with("b", second)])).join(" ")
    };
    let spread = Some(HeldoutMeasure { rows: HeldoutRows::Spread, examples: 1500 });
    let said = notes_of(None, spread);
    let expected = "unlike measures and cannot be held against each other: the first rows, as many as the \
                    recipe asks for, for a; 1,500 held-out rows, spread evenly, for b.";
    assert!(said.contains(expected), "{said}");
    for alike in [None, spread] {
        assert!(!notes_of(alike, alike).contains("unlike"));
    }
}

#[test]
fn text_is_aligned() {
    let text = verdict(&comparison()).text();
    let ends: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
}

#[test]
fn nothing_to_compare_is_said() {
    let empty = Comparison::new(subject(&["a"]), &[]);
    assert_eq!((markdown(&empty), text(&empty)), ("No results yet.\n".into(), "No results yet.\n".into()));
}

#[test]
fn json_holds_every_number() {
    let json: serde_json::Value = serde_json::from_str(&json(&comparison())).unwrap();
    assert_eq!(json["arms"][1]["paired"]["p"], 0.25);
    assert_eq!(json["arms"][1]["metrics"]["rtd-auc"]["n"], 3);
}
