//! Sentences with tags, to be written: columns, and JSON lines as the `datasets` library has them.

use std::borrow::Cow;
use std::path::PathBuf;

use serde_json::json;

use super::target::{WrittenFiles, json_lines};
use super::text::{AnnotatedText, SentenceOfText};

/// The first column of a line that begins a document.
const DOCUMENT_START: &str = "-DOCSTART-";

/// The tags of a sentence, in IOB2.
fn tags(sentence: &SentenceOfText<'_>) -> Vec<String> {
    let mut tags = vec!["O".to_owned(); sentence.words.len()];
    for (words, label) in &sentence.spans {
        for at in words.clone() {
            tags[at] = format!("{}-{label}", if at == words.start { "B" } else { "I" });
        }
    }
    tags
}

/// Writes a token and its tag a line, with a tab between, and a blank line behind each sentence.
pub(super) fn write_columns(texts: &[AnnotatedText]) -> WrittenFiles {
    let mut out = String::new();
    let begins = |at: usize| texts[at].begins_document(at.checked_sub(1).map(|before| &texts[before]));
    // Where all is one document, nothing says so.
    let marks_documents = (1..texts.len()).any(begins);
    for (at, text) in texts.iter().enumerate() {
        if marks_documents && begins(at) {
            out += &format!("{DOCUMENT_START}\tO\n\n");
        }
        for sentence in text.sentences() {
            for (word, tag) in sentence.words.iter().zip(tags(&sentence)) {
                out += &format!("{}\t{}\n", cell(word), cell(&tag));
            }
            out.push('\n');
        }
    }
    vec![(PathBuf::new(), out.into_bytes())]
}

/// Text that keeps to its line and column.
fn cell(text: &str) -> Cow<'_, str> {
    let divides = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}');
    // Readers look for the mark in the words that a line begins with.
    if text.contains(DOCUMENT_START) {
        return cell(&text.replace(DOCUMENT_START, "_DOCSTART_")).into_owned().into();
    }
    if text.contains(divides) { text.replace(divides, "_").into() } else { text.into() }
}

/// Writes `{"tokens": ..., "ner_tags": ...}` for each sentence.
pub(super) fn write_json(texts: &[AnnotatedText]) -> WrittenFiles {
    json_lines(texts.iter().flat_map(|text| {
        let document = text.document.as_deref().map(super::document::document_value);
        text.sentences().into_iter().map(move |sentence| {
            let mut record = json!({ "tokens": sentence.words, "ner_tags": tags(&sentence) });
            if let Some(document) = &document {
                record["document"] = document.clone();
            }
            record
        })
    }))
}
