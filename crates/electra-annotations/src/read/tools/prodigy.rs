//! Prodigy, and plain spans: JSON lines of text with spans, to be written.

use serde_json::{Value, json};

use crate::read::document::document_value;
use crate::read::target::{WrittenFiles, json_lines};
use crate::read::text::AnnotatedText;

/// Writes records as Prodigy does, each accepted.
pub(in crate::read) fn write(texts: &[AnnotatedText]) -> WrittenFiles {
    json_lines(texts.iter().map(|text| {
        let mut record = record(text);
        record["answer"] = json!("accept");
        record
    }))
}

/// Writes records of text with spans and no more.
pub(in crate::read) fn write_plain(texts: &[AnnotatedText]) -> WrittenFiles {
    json_lines(texts.iter().map(record))
}

fn record(text: &AnnotatedText) -> Value {
    let span = |span: &crate::read::spans::CharSpan| json!({ "start": span.start, "end": span.end, "label": span.label });
    let spans: Vec<_> = text.spans.iter().map(span).collect();
    let mut record = json!({ "text": text.text, "spans": spans });
    if let Some(document) = &text.document {
        record["document"] = document_value(document);
    }
    record
}
