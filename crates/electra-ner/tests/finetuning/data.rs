//! Tests of the warnings about data that have to be known to read a score, and of data that cannot be scored
//! at all.

use std::path::Path;

use electra_annotations::{Split, Splits};
use electra_files::shown::with_help;
use electra_ner::{FinetuneError, SCORES, finetune_seeds, render_report};
use electra_run::interrupt::Interrupt;
use electra_run::record::read_metrics;
use electra_run::report::check::faults;
use serde_json::Value;

use crate::small::{Stopper, environment, finish, recipe, sentence, sentences, splits, start};

fn split(name: &str, sentences: &[electra_annotations::Sentence]) -> Split {
    Split::new(Path::new(name), sentences.to_vec())
}

#[test]
fn sentences_that_the_files_share_are_said_before_training_and_beside_every_score() {
    let all = sentences();
    let splits = Splits {
        train: split("train.conll", &all[..5]),
        dev: split("dev.conll", &all[4..6]),
        test: Some(split("test.conll", &all[4..6])),
    };
    let folder = tempfile::tempdir().unwrap();
    let mut stopper = Stopper::after(None);
    let recipes = [recipe(&["train.epochs=1", "guard.epochs=9"])];
    let interrupt = Interrupt::default();
    let summary = finetune_seeds(
        &recipes,
        &[],
        &start(),
        &splits,
        folder.path(),
        &environment(),
        &interrupt,
        &mut stopper,
    );
    let summary = summary.unwrap().unwrap();
    let expected = [
        "1 of 2 sentences of dev (50.0 %) are also in train",
        "1 of 2 sentences of test (50.0 %) are also in train",
        "all 2 sentences of test are also in dev",
    ];
    let run = folder.path().join("seed-1");
    let read = |name: &str| std::fs::read_to_string(run.join(name)).unwrap();
    let (card, page, shown) = (read("README.md"), render_report(&run).unwrap(), summary.to_string());
    assert_eq!(faults(&page), Vec::<String>::new());
    for (told, expected) in stopper.notes.iter().zip(expected) {
        assert!(told.starts_with(&format!("WARNING: {expected}")), "{told}");
        assert!(card.contains(&format!("**Warning:** {expected}")), "{card}");
        assert!(page.contains(&format!("Warning: {expected}")), "{expected}");
        assert!(shown.contains(&format!("! {expected}")), "{shown}");
    }
    let scores: Value = serde_json::from_str(&read(SCORES)).unwrap();
    let whole = &scores["overlaps"][2];
    assert_eq!(
        (&whole["split"], &whole["with"], &whole["sentences"]),
        (&"test".into(), &"dev".into(), &2.into())
    );
    let log = read_metrics(&run.join("metrics.jsonl")).unwrap();
    assert_eq!(log[0].fields["overlaps"], scores["overlaps"]);
    // TensorBoard has what runs are compared by.
    let events = std::fs::read_dir(run.join("tensorboard")).unwrap();
    let events: Vec<u8> = events.flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    for tag in [
        "_hparams_/session_start_info",
        "train.batch_size",
        "labels.scheme",
        "speed/words_per_second",
        "best/dev_f1",
        "best/test_f1",
    ] {
        assert!(events.windows(tag.len()).any(|part| part == tag.as_bytes()), "TensorBoard has no {tag}");
    }
    // Words weigh alike, and the log says so.
    assert_eq!(log[0].fields["class_weights"], serde_json::json!({ "LOC": 1.0, "O": 1.0, "PER": 1.0 }));
}

#[test]
fn a_data_set_without_common_sentences_is_no_matter_for_a_warning() {
    let all = sentences();
    let splits =
        Splits { train: split("train.conll", &all[..3]), dev: split("dev.conll", &all[4..6]), test: None };
    let folder = tempfile::tempdir().unwrap();
    finish(&recipe(&["train.epochs=1"]), &splits, folder.path()).unwrap();
    let card = std::fs::read_to_string(folder.path().join("README.md")).unwrap();
    assert!(!card.contains("sentences of dev"), "{card}");
}

#[test]
fn development_data_without_an_entity_are_refused_before_the_first_step() {
    let folder = tempfile::tempdir().unwrap();
    let dev = split("plain.conll", &[sentence("the sea .", "O O O", 0)]);
    let error = finish(&recipe(&[]), &Splits { dev, ..splits() }, folder.path()).unwrap_err();
    assert!(matches!(error, FinetuneError::NothingToChooseBy { sentences: 1, .. }), "{error}");
    let text = with_help(&error);
    assert!(text.contains("plain.conll") && text.contains("; give labelled sentences"), "{text}");
    assert!(!folder.path().join("metrics.jsonl").exists());
}

#[test]
fn tags_that_look_the_same_in_a_file_of_predictions_are_refused_before_the_first_step() {
    let folder = tempfile::tempdir().unwrap();
    let mut more = sentences();
    more.push(sentence("Ada left", "B-a_b O", 2));
    let strange =
        electra_annotations::Sentence { tags: vec!["B-a\u{2003}b".into(), "O".into()], ..more[7].clone() };
    more.push(strange);
    let test = Some(split("test.json", &more));
    let error = finish(&recipe(&[]), &Splits { test, ..splits() }, folder.path()).unwrap_err().to_string();
    assert!(error.contains("test.json") && error.contains("look the same"), "{error}");
    assert!(!folder.path().join("metrics.jsonl").exists());
}

#[test]
fn the_weights_of_the_types_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let weights = "loss.class_weights={kind=\"given\",weights={PER=2.0}}";
    let mut stopper = Stopper::after(None);
    stopper.run(&recipe(&["train.epochs=1", weights]), &splits(), folder.path());
    let told = "words count in the loss as LOC 1.000, O 1.000, PER 2.000";
    assert!(stopper.notes.iter().any(|note| note == told), "{:?}", stopper.notes);
    let log = read_metrics(&folder.path().join("metrics.jsonl")).unwrap();
    assert_eq!(log[0].fields["class_weights"]["PER"], 2.0);
    let card = std::fs::read_to_string(folder.path().join("README.md")).unwrap();
    assert!(card.contains("Words of a type counted in the loss as LOC 1.000, O 1.000, PER 2.000."), "{card}");
}
