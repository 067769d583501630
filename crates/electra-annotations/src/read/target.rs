//! What a format can express, and the files that are written in it.

use std::path::PathBuf;

/// What a format can express.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// Whether it has words, at whose bounds spans begin and end.
    pub words: bool,
    /// Whether spans may share text.
    pub overlaps: bool,
    /// Whether a span may be of several parts.
    pub parts: bool,
    /// Whether it is a folder of several files.
    pub is_folder: bool,
}

impl Target {
    /// Texts with spans of characters, which may share text.
    pub(crate) const CHARACTERS: Self = Self { words: false, overlaps: true, parts: false, is_folder: false };
    /// Words with a tag each.
    pub(crate) const TAGS: Self = Self { words: true, overlaps: false, parts: false, is_folder: false };
}

/// The files that texts are written as, each with its name; a single file has none.
pub(crate) type WrittenFiles = Vec<(PathBuf, Vec<u8>)>;

/// JSON values, one a line.
pub(crate) fn json_lines(values: impl Iterator<Item = serde_json::Value>) -> WrittenFiles {
    let mut bytes = Vec::new();
    for value in values {
        bytes.extend_from_slice(value.to_string().as_bytes());
        bytes.push(b'\n');
    }
    vec![(PathBuf::new(), bytes)]
}

/// JSON values as one list, a value a line.
pub(crate) fn json_list(values: impl Iterator<Item = serde_json::Value>) -> WrittenFiles {
    let all: Vec<String> = values.map(|value| value.to_string()).collect();
    let text = if all.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", all.join(",\n")) };
    vec![(PathBuf::new(), text.into_bytes())]
}
