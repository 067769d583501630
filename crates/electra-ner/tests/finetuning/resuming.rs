//! Runs that are interrupted end with the bits of a run that was left alone.

use std::path::Path;

use electra_annotations::{Split, Splits};
use electra_ner::{FinetuneError, RunEnd};
use electra_run::record::read_metrics;
use electra_train::RunError;
use serde_json::Value;

use crate::small::{Stopper, finish, recipe, sentence, sentences, splits};

/// Three steps an epoch, dropout on.
const CHANGES: [&str; 2] = ["train.epochs=6", "dropout={hidden=0.1,attention=0.1,classifier=0.1}"];

fn model(run: &Path) -> Vec<u8> {
    std::fs::read(run.join("model.safetensors")).unwrap()
}

/// The epochs of the log, without what depends on the clock and the machine's memory.
fn epochs(run: &Path) -> Vec<(u64, Value)> {
    let records = read_metrics(&run.join("metrics.jsonl")).unwrap();
    let epochs = records.into_iter().filter(|record| record.kind == "epoch");
    let steady = |mut record: electra_run::record::Record| {
        for volatile in ["words_per_second", "dev_seconds", "rss_mb"] {
            record.fields.shift_remove(volatile);
        }
        (record.step, Value::Object(record.fields))
    };
    epochs.map(steady).collect()
}

#[test]
fn a_run_interrupted_anywhere_goes_on_as_if_nothing_had_been() {
    let recipe = recipe(&CHANGES);
    let undisturbed = tempfile::tempdir().unwrap();
    let outcome = finish(&recipe, &splits(), undisturbed.path()).unwrap();
    assert_eq!((outcome.steps, outcome.epochs), (18, 6));

    let folder = tempfile::tempdir().unwrap();
    // Within an epoch, at the end of one, and before the last step.
    for step in [2, 6, 17] {
        let mut stopper = Stopper::after(Some(step));
        assert!(matches!(stopper.run(&recipe, &splits(), folder.path()), RunEnd::Interrupted), "{step}");
        let records = read_metrics(&folder.path().join("metrics.jsonl")).unwrap();
        let end = records.last().unwrap();
        assert_eq!((end.kind.as_str(), end.step), ("end", step));
    }
    assert!(!folder.path().join("config.json").exists(), "an unfinished run is no tagger");
    finish(&recipe, &splits(), folder.path()).unwrap();
    assert!(model(folder.path()) == model(undisturbed.path()), "the weights have other bits");
    assert_eq!(epochs(folder.path()), epochs(undisturbed.path()));
}

#[test]
fn a_finished_run_is_not_trained_again_but_scored_on_other_test_data() {
    let recipe = recipe(&["train.epochs=2"]);
    let folder = tempfile::tempdir().unwrap();
    let all = splits();
    let without = Splits { test: None, ..all.clone() };
    let outcome = finish(&recipe, &without, folder.path()).unwrap();
    assert_eq!(outcome.test, None);
    let (bits, log) = (model(folder.path()), epochs(folder.path()));

    let scored = finish(&recipe, &all, folder.path()).unwrap();
    assert_eq!(scored.test.as_ref().map(|test| &test.hash), Some(&all.test.as_ref().unwrap().facts.hash));
    assert_eq!(scored.dev, outcome.dev);
    assert!(model(folder.path()) == bits && epochs(folder.path()) == log);
    let mut stopper = Stopper::after(None);
    stopper.run(&recipe, &all, folder.path());
    assert_eq!((stopper.notes, stopper.epochs), (vec!["finished already".to_owned()], vec![]));
}

#[test]
fn another_recipe_and_other_sentences_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    finish(&recipe(&["train.epochs=1"]), &splits(), folder.path()).unwrap();
    let error = finish(&recipe(&["train.epochs=2"]), &splits(), folder.path()).unwrap_err();
    assert!(error.to_string().contains("train.epochs = 1 there, 2 now"), "{error}");
    let mut more = sentences();
    more.push(sentence("Rome", "B-LOC", 2));
    let other = Splits { dev: Split::new(Path::new("dev.conll"), more), ..splits() };
    let error = finish(&recipe(&["train.epochs=1"]), &other, folder.path()).unwrap_err();
    assert!(
        matches!(error, FinetuneError::Run(RunError::Folder(_))) && error.to_string().contains("other data"),
        "{error}"
    );
}

#[test]
fn a_run_without_progress_is_stopped_early_and_keeps_its_best_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(&["train.patience=3"]);
    let outcome = finish(&recipe, &splits(), folder.path()).unwrap();
    assert!(outcome.epochs < 40, "{outcome:?}");
    assert_eq!(outcome.best_epoch + 3, outcome.epochs);
    let log = epochs(folder.path());
    let best = log.iter().rfind(|(_, epoch)| epoch["is_best"] == true).unwrap();
    assert_eq!(best.1["epoch"], outcome.best_epoch);
    assert_eq!(best.1["dev_f1"], outcome.dev.f1);
}
