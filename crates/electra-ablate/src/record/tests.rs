//! Files of results: what is written, read again and refused.

use std::collections::BTreeMap;
use std::fs;

use electra_files::shown::with_help;
use electra_run::code::CodeVersions;
use serde_json::Map;

use super::*;
use crate::quantities::Quantities;
pub(crate) use common_corruption::tests::judged;

/// A result with another provenance.
pub(crate) fn with(mut result: ResultRecord, change: impl FnOnce(&mut Provenance)) -> ResultRecord {
    change(&mut result.run);
    result
}

/// A result of arm and seed whose area under the curve is `auc`.
pub(crate) fn result(arm: &str, seed: u64, auc: f64) -> ResultRecord {
    let curve = Curve {
        step: vec![10, 20],
        columns: BTreeMap::from([
            ("loss".to_owned(), vec![Some(30.0), Some(28.0 + auc)]),
            ("rtd_auc".to_owned(), vec![None, Some(auc)]),
        ]),
    };
    let run = Provenance {
        experiment: "000-test".into(),
        arm: arm.into(),
        seed,
        hash: format!("{arm}{seed}abcdefabcdef"),
        differences: Map::new(),
        recipe: None,
        data: None,
        tokenizer: None,
        code: CodeVersions::default(),
        quantities: Quantities::new(),
        steps: 20,
        tokens: 640,
        flops: 2e9,
        parameters: Parameters { discriminator: 1000, generator: 100, total: 1100 },
        program: "electra 0.1.0".into(),
    };
    ResultRecord {
        run,
        heldout: BTreeMap::from([("rtd_auc".into(), auc), ("loss".into(), 28.0 + auc)]),
        measure: None,
        probe: None,
        common: None,
        seconds: 61.0,
        curve,
    }
}

#[test]
fn a_file_says_again_what_was_written_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let mut record = result("width=0.25", 3, 0.1 + 0.2);
    record.probe = Some(ProbeScores {
        hash: "abc".into(),
        recipe: Some("def".into()),
        scores: vec![ProbeScore { seed: 1, dev_f1: 1.0 / 3.0, test_f1: None }],
    });
    let path = record.write(&folder.path().join("results")).unwrap();
    assert!(path.ends_with("results/width=0.25.seed-3.json"));
    assert_eq!(ResultRecord::read(&path).unwrap(), record);
    assert_eq!(ResultRecord::read(&path).unwrap().text(), fs::read_to_string(&path).unwrap());
    assert_eq!(record.text().lines().count(), 16, "{}", record.text());
}

#[test]
fn a_probe_is_scored_on_test_data_where_there_is_any() {
    let score = |dev_f1, test_f1| ProbeScore { seed: 1, dev_f1, test_f1 };
    let of = |scores| ProbeScores { hash: String::new(), recipe: None, scores }.mean_f1();
    assert_eq!(of(vec![score(0.9, Some(0.5)), score(0.9, Some(0.75))]), Some(0.625));
    assert_eq!(of(vec![score(0.5, None)]), Some(0.5));
    assert_eq!(of(vec![]), None);
}

#[test]
fn scores_of_a_summary_are_those_of_the_seeds_that_are_asked_for_or_none() {
    let of = |runs: &str, wanted| {
        ProbeScores::of_summary(format!("{{\"runs\": {runs}}}").as_bytes(), wanted, "x".into())
    };
    let two = r#"[{"seed": 1, "dev_f1": 0.5, "test_f1": null, "epochs": 3}, {"seed": 2, "dev_f1": 0.25, "test_f1": 0.5}]"#;
    let seeds = |scores: ProbeScores| scores.scores.iter().map(|score| score.seed).collect::<Vec<_>>();
    assert_eq!(of(two, 2).map(seeds), Some(vec![1, 2]));
    // A folder may hold more seeds than are asked for now.
    assert_eq!(of(two, 1).map(seeds), Some(vec![1]));
    for (runs, wanted) in [
        (two, 3),
        ("5", 0),
        ("[{}]", 1),
        (r#"[{"seed": 1, "dev_f1": -3.0, "test_f1": null}]"#, 1),
        (r#"[{"seed": 1, "dev_f1": 1.75e308, "test_f1": null}]"#, 1),
    ] {
        assert_eq!(of(runs, wanted), None, "{runs}");
    }
    assert_eq!(ProbeScores::of_summary(b"[]", 0, String::new()), None);
}

#[test]
fn damaged_results_and_two_of_one_run_are_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), "{\"experiment\": \"x\",\n \"arm\": 5}").unwrap();
    let message = with_help(&read_folder(folder.path()).unwrap_err());
    assert!(message.contains("a.json:2:") && message.contains("take it out"), "{message}");
    for name in ["a.json", "b.json"] {
        fs::write(folder.path().join(name), result("a", 1, 0.5).text()).unwrap();
    }
    let message = with_help(&read_folder(folder.path()).unwrap_err());
    assert!(message.contains("a.json") && message.contains("b.json"), "{message}");
    assert!(read_folder(&folder.path().join("absent")).unwrap().is_empty());
    let text = result("a", 1, 0.5).text().replace("\"seed\"", "\"sede\": 3, \"seed\"");
    fs::write(folder.path().join("a.json"), text).unwrap();
    let message = with_help(&read_folder(folder.path()).unwrap_err());
    assert!(message.contains("a.json:") && message.contains("unknown field `sede`"), "{message}");
    let text = result("a", 1, 0.5).text().replace("\"rtd_auc\":0.5", "\"rtd_auc\":313.0");
    fs::write(folder.path().join("a.json"), text).unwrap();
    let message = with_help(&read_folder(folder.path()).unwrap_err());
    assert!(message.contains("a.json: `heldout.rtd_auc` is 313.0, expected"), "{message}");
}
