//! Which document a record belongs to.

use electra_text::corpus::json_object::{Malformed, Value};

use crate::read::data::Format;

/// Numbers of the documents that records belong to, given record by record.
#[derive(Default)]
pub struct DocumentNumbers {
    before: Option<(usize, Option<String>)>,
    pub(super) marked: bool,
    /// Whether any record names its document.
    pub(super) named: bool,
}

impl DocumentNumbers {
    /// The number of the document that a record belongs to.
    pub fn of(&mut self, name: Option<String>, format: Format) -> usize {
        self.named |= name.is_some();
        self.marked |= name.is_some() || format == Format::JsonSpans;
        let number = match &self.before {
            None => 0,
            // Without a name a text is a document; tags are not known to begin one.
            Some((number, before)) if *before == name && (name.is_some() || format == Format::JsonTags) => {
                *number
            }
            Some((number, _)) => number + 1,
        };
        self.before = Some((number, name));
        number
    }
}

/// The name of a document that is a string.
pub(super) fn name_of_string(name: &str) -> String {
    format!("\"{name}")
}

/// The value that was read as this name of a document.
pub(super) fn document_value(name: &str) -> serde_json::Value {
    match name.strip_prefix('"') {
        Some(text) => text.into(),
        None => name.parse().map_or_else(|_| name.into(), serde_json::Value::Number),
    }
}

/// The name of a document as it is compared: a string is another than a number.
///
/// # Errors
/// What is there instead, in words, or what is wrong in the line.
pub fn document_name(value: Value<'_>) -> Result<Result<Option<String>, &'static str>, Malformed> {
    Ok(Ok(match (value.text()?, value.kind()?) {
        // Names that differ in what is replaced are still two.
        (Some(name), _) if name.lone_surrogates == 0 => Some(name_of_string(&name.text)),
        (Some(_), _) | (None, "a number") => Some(value.raw().to_owned()),
        (None, "null") => None,
        (None, kind) => return Ok(Err(kind)),
    }))
}
