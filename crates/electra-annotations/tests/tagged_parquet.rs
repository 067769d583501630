//! Parquet with tokens and tags, as the Hugging Face Hub has it; a program without Parquet says so.

mod support;

use electra_annotations::ReadOptions;
use support::{assert_says, refusal};

const TAGGED: &[u8] = include_bytes!("fixtures/tagged.parquet");

#[cfg(not(feature = "parquet"))]
#[test]
fn a_program_without_parquet_says_what_to_build() {
    let error = refusal("train.parquet", TAGGED, &ReadOptions::default());
    assert_says(
        &error,
        &["train.parquet is a Parquet file", "built without Parquet", "cargo feature `parquet`"],
    );
}

#[cfg(feature = "parquet")]
#[test]
fn numbers_have_the_names_of_the_metadata() {
    let data = support::reads("train.parquet", TAGGED);
    assert_eq!(support::shown(&data), ["Ada/B-PER Lovelace/I-PER in/O Köln/B-LOC", "nobody/O"]);
    assert_eq!(data.sentences.iter().map(|sentence| sentence.line).collect::<Vec<_>>(), [1, 3]);
    let labels = Some(["O", "B-X", "I-X", "B-Y"].map(String::from).to_vec());
    let data =
        support::try_read("a.parquet", TAGGED, &ReadOptions { labels, ..ReadOptions::default() }).unwrap();
    assert_eq!(support::shown(&data)[0], "Ada/B-X Lovelace/I-X in/O Köln/B-Y");
}

#[cfg(feature = "parquet")]
#[test]
fn what_is_cut_or_damaged_is_refused() {
    let labels = Some(vec!["O".to_owned()]);
    let error = refusal("a.parquet", TAGGED, &ReadOptions { labels, ..ReadOptions::default() });
    assert_says(&error, &["line 1 of", "the tag number 1", "0 to 0"]);
    for length in (0..TAGGED.len()).step_by(37) {
        let error = refusal("a.parquet", &TAGGED[..length], &ReadOptions::default());
        assert_says(&error, &["not a readable Parquet file"]);
    }
    // Whatever a bit does, an error says so, or the file is read.
    for bit in (0..TAGGED.len() * 8).step_by(11) {
        let mut damaged = TAGGED.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let _ = support::try_read("a.parquet", damaged, &ReadOptions::default());
    }
}
