//! The example, and the detector as a Rust program uses it.

#[path = "../examples/pretrain_tiny.rs"]
#[allow(dead_code)]
mod pretrain_tiny;

use electra_pretrain::{Detector, DetectorError};

#[test]
fn the_example_pretrains_and_judges_every_token() {
    let text = "the boat runs to the market and the sea";
    let found = pretrain_tiny::detect(text).unwrap();
    let words: Vec<&str> = found.iter().map(|detection| &text[detection.start..detection.end]).collect();
    assert_eq!(words, text.split(' ').collect::<Vec<_>>());
    assert!(found.iter().all(|detection| (0.0..=1.0).contains(&detection.probability)), "{found:?}");
    let first = found[0].probability;
    assert!(found.iter().any(|detection| detection.probability != first), "{found:?}");
}

#[test]
fn a_folder_without_a_model_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let error = Detector::open(empty.path()).err().unwrap();
    assert!(matches!(error, DetectorError::Folder(_)), "{error}");
    assert!(error.to_string().contains("holds no model"), "{error}");
}
