//! Tags of development and test data that the training data lacks: told, counted, missed.

use std::path::Path;

use electra_annotations::{Split, Splits};
use electra_ner::{FinetuneError, SCORES};
use serde_json::Value;

use crate::small::{Stopper, finish, recipe, sentence, sentences, splits};

#[test]
fn an_unknown_type_is_told_of_and_counts_as_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut more = sentences();
    let gold: u64 = 22;
    more.push(sentence("the sea of Rome", "O B-SEA I-SEA I-SEA", 2));
    let splits = Splits { test: Some(Split::new(Path::new("test.conll"), more)), ..splits() };
    let mut stopper = Stopper::after(None);
    stopper.run(&recipe(&[]), &splits, folder.path());
    let note = &stopper.notes[0];
    assert!(note.contains("3 words of the test data") && note.contains("B-SEA, I-SEA"), "{note}");

    let scores: Value = serde_json::from_slice(&std::fs::read(folder.path().join(SCORES)).unwrap()).unwrap();
    let test = &scores["details"]["test"];
    assert_eq!(test["unknown_tags"], serde_json::json!({ "B-SEA": 1, "I-SEA": 2 }));
    assert_eq!(scores["dev"]["f1"], 1.0);
    let (recall, expected) = (scores["test"]["recall"].as_f64().unwrap(), gold as f64 / (gold + 1) as f64);
    assert!((recall - expected).abs() < 1e-12, "{recall}");
    assert_eq!(test["default"]["types"]["SEA"]["support"], 1);
    assert_eq!(test["default"]["types"]["SEA"]["recall"], 0.0);
}

#[test]
fn labels_are_those_of_the_sentences_that_are_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut train = vec![sentence("Ada left", "B-PER O", 0)];
    train.extend(sentences());
    let train = Split::new(Path::new("train.conll"), train);
    let recipe = recipe(&["train.max_sentences=1", "train.epochs=1"]);
    finish(&recipe, &Splits { train, ..splits() }, folder.path()).unwrap();
    let tagger = electra_ner::TaggerFolder::open(folder.path()).unwrap();
    assert_eq!(tagger.labels.names(), ["O", "B-PER", "I-PER"]);
    let card = std::fs::read_to_string(folder.path().join("README.md")).unwrap();
    assert!(card.contains("| train | `train.conll` | 1 | 2 | 1 |"), "{card}");
}

#[test]
fn training_data_without_an_entity_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let train = Split::new(Path::new("train.conll"), vec![sentence("the sea .", "O O O", 0)]);
    let error = finish(&recipe(&[]), &Splits { train, ..splits() }, folder.path()).unwrap_err();
    assert!(matches!(error, FinetuneError::NoEntities { sentences: 1, .. }), "{error}");
}

#[test]
fn a_window_longer_than_the_position_table_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = finish(&recipe(&["input.window=25"]), &splits(), folder.path()).unwrap_err().to_string();
    assert!(error.contains("at most 24 pieces") && error.contains("window is 25"), "{error}");
}

#[test]
fn context_of_documents_that_are_not_marked_is_told_and_the_card_says_what_transformers_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let one: Vec<_> = sentences().into_iter().take(6).collect();
    let unmarked = |name: &str| Split::new(Path::new(name), one.clone());
    let changes = ["input.context=\"document\"", "labels.decoding=\"crf\"", "train.epochs=1"];
    let mut stopper = Stopper::after(None);
    let of_two = Splits { train: unmarked("train.conll"), ..splits() };
    stopper.run(&recipe(&changes), &of_two, folder.path());
    let note = &stopper.notes[0];
    assert!(note.contains("but train.conll has no boundaries of documents"), "{note}");
    let card = std::fs::read_to_string(folder.path().join("README.md")).unwrap();
    for part in ["together with its neighbours in the document", "the folder lacks `crf.safetensors`"] {
        assert!(card.contains(part), "{part:?} is not in\n{card}");
    }

    let marked = tempfile::tempdir().unwrap();
    let mut stopper = Stopper::after(None);
    stopper.run(&recipe(&changes), &splits(), marked.path());
    assert!(!stopper.notes.iter().any(|note| note.contains("boundaries")), "{:?}", stopper.notes);
}

#[test]
fn words_that_the_model_cannot_see_are_told_by_split_and_loudly_where_they_are_many() {
    let run = |dev: Vec<electra_annotations::Sentence>| {
        let folder = tempfile::tempdir().unwrap();
        let mut stopper = Stopper::after(None);
        let dev = Split::new(Path::new("dev.conll"), dev);
        let recipe = recipe(&["train.epochs=1"]);
        stopper.run(&recipe, &Splits { dev, test: None, ..splits() }, folder.path());
        let told = |note: &&String| note.contains("[UNK]");
        stopper.notes.iter().find(told).cloned()
    };
    assert_eq!(run(sentences()), None);
    // One of 44 words: none of its characters are seen, and all others are.
    let mut few = sentences();
    few.push(sentence("Smyrna", "B-LOC", 2));
    let told = run(few).unwrap();
    assert!(!told.contains("WARNING") && told.contains("train 0.0 % (0.0 %), dev "), "{told}");
    let told = run(vec![sentence("安娜 去 london", "B-PER O B-LOC", 0)]).unwrap();
    assert!(told.starts_with("WARNING") && told.contains("dev 75.0 % (33.3 %)"), "{told}");
}
