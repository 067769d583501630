//! The form of a file, by its name.

use std::path::Path;

use electra_text::corpus::Compression;

/// Whether a file of this name, compressed or not, is taken for JSON lines.
pub fn is_named_json(path: &Path) -> bool {
    has_ending(path, &["jsonl", "ndjson", "json"])
}

/// Whether a file of this name, compressed or not, is taken for columns of tokens and tags.
pub fn is_named_columns(path: &Path) -> bool {
    has_ending(path, &["conll", "conllu", "iob", "iob1", "iob2", "bio", "bioes", "iobes", "bilou", "bmes"])
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let (_, name) = Compression::of(path);
    let ending = name.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}
