//! The support of the readers' tests: files with a given content, read.

// Every test program uses a part of this.
#![allow(dead_code)]

use electra_annotations::{DataFile, ReadError, ReadOptions, read};
use electra_files::shown::with_help;

/// Reads a file of this name and content.
pub fn try_read(name: &str, content: impl AsRef<[u8]>, options: &ReadOptions) -> Result<DataFile, ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    read(&path, options)
}

/// Reads a file about which nothing is said.
#[track_caller]
pub fn reads(name: &str, content: impl AsRef<[u8]>) -> DataFile {
    try_read(name, content, &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// The error about a file that cannot be read, with its help.
#[track_caller]
pub fn refusal(name: &str, content: impl AsRef<[u8]>, options: &ReadOptions) -> String {
    match try_read(name, content, options) {
        Err(error) => with_help(&error),
        Ok(data) => panic!("was read: {data:?}"),
    }
}

/// Sentences as `token/tag token/tag`.
pub fn shown(data: &DataFile) -> Vec<String> {
    let show = |(token, tag): (&str, &str)| format!("{token}/{tag}");
    let sentences = data.sentences.iter();
    sentences.map(|s| s.tokens().zip(s.tags()).map(show).collect::<Vec<_>>().join(" ")).collect()
}

/// The document of every sentence.
pub fn documents(data: &DataFile) -> Vec<usize> {
    data.sentences.iter().map(|sentence| sentence.document).collect()
}

/// Checks that a text says all of these.
#[track_caller]
pub fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
}
