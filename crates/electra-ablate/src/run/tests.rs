//! Run folders, whole and otherwise.

use std::collections::BTreeMap;
use std::fs;

use electra_run::record::{HeldoutMeasure, HeldoutRows, MetricsLog};
use serde_json::json;

use super::*;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        RECIPE,
        "name = \"a\"\nseed = 3\n[train]\nsteps = 20\nbatch_size = 4\n[data]\nsequence_length = 8\n",
    );
    write(RUN, "{\"program_version\": \"electra 0\"}");
    folder
}

fn log(run: &Path) {
    let start =
        json!({"flops_per_step": 5.0, "parameters": {"discriminator": 3, "generator": 2, "total": 5}});
    let mut log = MetricsLog::open(run.join(METRICS), 0, &start).unwrap();
    for step in [10, 20] {
        log.line("eval", step, &json!({"loss": step, "rtd_auc": 0.5, "collapsed": false, "x": null}))
            .unwrap();
    }
}

#[test]
fn a_finished_run_tells_steps_arithmetic_and_its_last_evaluation() {
    let folder = folder();
    log(folder.path());
    assert_eq!(read(folder.path()).unwrap(), None, "without final weights it is not finished");
    fs::write(folder.path().join(MODEL), "").unwrap();
    let run = read(folder.path()).unwrap().unwrap();
    let is = &run.described;
    assert_eq!((is.seed, is.steps, is.tokens, is.flops), (3, 20, 640, 100.0));
    assert_eq!(run.heldout, BTreeMap::from([("loss".into(), 20.0), ("rtd_auc".into(), 0.5)]));
    assert_eq!(run.measure, None, "a log of an older program does not say");
    assert_eq!(run.curve.step, [10, 20]);
    assert_eq!(last_step(folder.path()), 20);
}

#[test]
fn what_was_evaluated_on_goes_from_the_log_into_the_result() {
    let folder = folder();
    log(folder.path());
    let path = folder.path().join(METRICS);
    let named = fs::read_to_string(&path)
        .unwrap()
        .replace("\"loss\":20", "\"loss\":20,\"heldout\":{\"rows\":\"spread\",\"examples\":500}");
    fs::write(&path, named).unwrap();
    fs::write(folder.path().join(MODEL), "").unwrap();
    let run = read(folder.path()).unwrap().unwrap();
    let measure = HeldoutMeasure { rows: HeldoutRows::Spread, examples: 500 };
    assert_eq!(run.measure, Some(measure));
    assert_eq!(run.heldout.keys().collect::<Vec<_>>(), ["loss", "rtd_auc"]);
    let result = results_of_runs(vec![(folder.path().to_owned(), run)], Vec::new()).0.remove(0);
    assert_eq!(result.measure, Some(measure));
    assert!(
        result.text().contains("\"measure\": {\"rows\":\"spread\",\"examples\":500}"),
        "{}",
        result.text()
    );
}

#[test]
fn runs_that_differ_in_their_seeds_alone_are_an_arm() {
    let folder = folder();
    log(folder.path());
    fs::write(folder.path().join(MODEL), "").unwrap();
    let run = read(folder.path()).unwrap().unwrap();
    let with = |folder: &str, key: &str, value: i64| {
        let mut run = run.clone();
        run.described.recipe.insert(key.to_owned(), value.into());
        (PathBuf::from(folder), run)
    };
    let arms = |runs| -> Vec<String> {
        results_of_runs(runs, Vec::new()).0.into_iter().map(|result| result.run.arm).collect()
    };
    assert_eq!(arms(vec![with("x", "seed", 1), with("y", "seed", 2)]), ["a", "a"]);
    assert_eq!(arms(vec![with("r/x", "seed", 1), with("q/x", "other", 2)]), ["r/x", "q/x"]);
    // Two recipes with one name and two seeds each are two arms of two.
    let other = |folder: &str, seed: i64| {
        let (path, mut run) = with(folder, "other", 2);
        run.described.recipe.insert("seed".to_owned(), seed.into());
        (path, run)
    };
    let four = vec![with("x1", "seed", 1), other("y1", 1), with("x2", "seed", 2), other("y2", 2)];
    assert_eq!(arms(four), ["x1", "y1", "x1", "y1"]);
    // Data is known by its content, wherever it lies; so are vocabulary and code.
    let of = |folder: &str, place: &str, data: &str| {
        let (path, mut run) = with(folder, "seed", 1);
        let table = run.described.recipe["data"].as_table_mut().unwrap();
        table.insert("path".to_owned(), place.into());
        run.described.data = Some(data.to_owned());
        (path, run)
    };
    assert_eq!(arms(vec![of("x", "here", "1"), of("y", "there", "1")]), ["a", "a"]);
    assert_eq!(arms(vec![of("x", "here", "1"), of("y", "here", "1"), of("z", "here", "2")]), ["x", "x", "z"]);
    let mut other = of("y", "here", "1");
    other.1.described.tokenizer = Some(TokenizerIdentity { hash: "b".into(), vocab_size: 4000 });
    assert_eq!(arms(vec![of("x", "here", "1"), other]), ["x", "y"]);
    let mut other = of("y", "here", "1");
    other.1.described.code = CodeVersions::new([("kernels", 2)]);
    assert_eq!(arms(vec![of("x", "here", "1"), other]), ["x", "y"]);
}

#[test]
fn runs_that_began_with_other_weights_are_another_arm() {
    let folder = folder();
    log(folder.path());
    fs::write(folder.path().join(MODEL), "").unwrap();
    let from_nothing = read(folder.path()).unwrap().unwrap();
    fs::write(folder.path().join(RUN), "{\"program_version\": \"electra 0\", \"model_hash\": \"1f\"}")
        .unwrap();
    let continued = read(folder.path()).unwrap().unwrap();
    let runs = [("a", &from_nothing), ("b", &continued), ("c", &continued)];
    let runs = runs.map(|(path, run)| (PathBuf::from(path), run.clone())).to_vec();
    let arms: Vec<String> =
        results_of_runs(runs, Vec::new()).0.into_iter().map(|result| result.run.arm).collect();
    assert_eq!(arms, ["a", "b", "b"]);
}

#[test]
fn a_run_that_diverged_is_one_of_its_arm_without_numbers() {
    let folder = folder();
    log(folder.path());
    assert_eq!(read_diverged(folder.path()).unwrap(), None);
    let mut metrics = fs::read_to_string(folder.path().join(METRICS)).unwrap();
    metrics += "{\"kind\":\"end\",\"step\":14,\"time\":5,\"reason\":\"diverged\"}\n";
    fs::write(folder.path().join(METRICS), metrics).unwrap();
    let run = read_diverged(folder.path()).unwrap().unwrap();
    let (_, failed) = results_of_runs(Vec::new(), vec![(folder.path().to_owned(), run)]);
    let failed = &failed[0];
    assert_eq!((failed.arm.as_str(), failed.seed, failed.steps), ("a", 3, 20));
    assert_eq!(failed.failed, Failed { step: 14, reason: Reason::Diverged });
}

#[test]
fn a_run_that_code_of_two_versions_has_trained_is_no_run_of_either() {
    let folder = folder();
    fs::write(folder.path().join(RUN), "{\"program_version\": \"electra 0\", \"data_hash\": \"d\"}").unwrap();
    log(folder.path());
    fs::write(folder.path().join(MODEL), "").unwrap();
    let run = read(folder.path()).unwrap().unwrap().described;
    assert!(run.code.is_first() && run.data.as_deref() == Some("d"));
    let mut metrics = fs::read_to_string(folder.path().join(METRICS)).unwrap();
    metrics += "{\"kind\":\"resume\",\"step\":20,\"time\":1,\"code\":{\"kernels\":2}}\n";
    fs::write(folder.path().join(METRICS), metrics).unwrap();
    let error = read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("kernels 1 there, 2 now") && error.contains("of neither"), "{error}");
}

#[test]
fn what_is_missing_is_named() {
    let folder = folder();
    log(folder.path());
    fs::write(folder.path().join(MODEL), "").unwrap();
    fs::write(folder.path().join(RECIPE), "seed = 1").unwrap();
    let message = read(folder.path()).unwrap_err().to_string();
    assert!(message.contains("recipe.toml") && message.contains("train.steps"), "{message}");
}

#[test]
fn a_run_whose_log_or_recipe_says_what_cannot_be_is_refused_with_file_and_key() {
    let folder = folder();
    log(folder.path());
    fs::write(folder.path().join(MODEL), "").unwrap();
    let whole = fs::read_to_string(folder.path().join(METRICS)).unwrap();
    for (there, instead, expected) in [
        ("\"rtd_auc\":0.5", "\"rtd_auc\":313.0", "metrics.jsonl is damaged: `heldout.rtd_auc` is 313.0"),
        ("\"loss\":10", "\"loss\":-10", "metrics.jsonl is damaged: `curve.loss.0` is -10.0"),
        ("\"step\":10", "\"step\":20", "metrics.jsonl is damaged: `curve.step.1` is 20, expected"),
        ("\"total\":5", "\"total\":6", "metrics.jsonl is damaged: `parameters.total` is 6"),
    ] {
        assert!(whole.contains(there), "{there} is not in {whole}");
        fs::write(folder.path().join(METRICS), whole.replace(there, instead)).unwrap();
        let message = read(folder.path()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let recipe = fs::read_to_string(folder.path().join(RECIPE)).unwrap();
    let huge = recipe.replace("batch_size = 4", "batch_size = 9223372036854775807");
    fs::write(folder.path().join(RECIPE), huge).unwrap();
    let message = read(folder.path()).unwrap_err().to_string();
    assert!(message.contains("recipe.toml is damaged: 20 steps of 9223372036854775807 rows"), "{message}");
}

#[test]
fn time_between_a_kill_and_the_next_start_does_not_count() {
    let at = |kind: &str, time| Record { kind: kind.into(), step: 0, time, fields: serde_json::Map::new() };
    let records =
        [at("start", 10.0), at("train", 14.0), at("resume", 100.0), at("train", 101.5), at("end", 102.0)];
    assert_eq!(seconds(&records), 6.0);
    assert_eq!(seconds(&[]), 0.0);
    assert_eq!(seconds(&[at("start", 10.0), at("end", 2.0)]), 0.0);
}
