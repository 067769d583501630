//! Documents of a `.jsonl` file: one record a line, the text in one of its fields.

use std::collections::VecDeque;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::lines::Lines;
use super::{CorpusError, Document, Paragraphs};

/// A record must be held in memory whole.
const MAX_RECORD_BYTES: usize = 256 << 20;

pub(super) struct JsonDocuments {
    lines: Lines,
    field: String,
    /// A long record makes several documents.
    ready: VecDeque<Document>,
    ended: bool,
}

impl JsonDocuments {
    pub(super) fn new(lines: Lines, field: String) -> Self {
        JsonDocuments { lines, field, ready: VecDeque::new(), ended: false }
    }

    fn read_document(&mut self) -> Result<Option<Document>, CorpusError> {
        loop {
            if let Some(document) = self.ready.pop_front() {
                return Ok(Some(document));
            }
            let Some(line) = self.lines.next(MAX_RECORD_BYTES)? else {
                return Ok(None);
            };
            if line.trim().is_empty() {
                continue;
            }
            let mut json = serde_json::Deserializer::from_str(line);
            let found =
                Field(&self.field).deserialize(&mut json).and_then(|found| json.end().map(|()| found));
            let text = match found {
                Ok(Some(Value::String(text))) => text,
                Ok(Some(Value::Null)) => continue,
                other => {
                    let line = line.to_owned();
                    return Err(self.error(&line, other));
                }
            };
            let mut paragraphs = Paragraphs::default();
            for paragraph in pieces(&text) {
                self.ready.extend(paragraphs.add(paragraph));
            }
            self.ready.extend(paragraphs.take());
        }
    }

    fn error(&self, record: &str, found: serde_json::Result<Option<Value>>) -> CorpusError {
        let (path, line, field) = (self.lines.path().clone(), self.lines.number(), self.field.clone());
        match found {
            Err(_) if self.lines.is_cut() => CorpusError::LongRecord { path, line, limit: MAX_RECORD_BYTES },
            Err(error) => CorpusError::BadJson { path, line, what: error.to_string() },
            Ok(Some(value)) => CorpusError::NotText { path, line, field, found: kind(&value) },
            Ok(None) => {
                let names = match serde_json::from_str(record) {
                    Ok(Value::Object(fields)) if !fields.is_empty() => {
                        let names: Vec<String> = fields.keys().map(|name| format!("{name:?}")).collect();
                        names.join(", ")
                    }
                    _ => "none".into(),
                };
                CorpusError::MissingField { path, line, field, found: names }
            }
        }
    }
}

impl Iterator for JsonDocuments {
    type Item = Result<Document, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let document = self.read_document().transpose();
        self.ended = matches!(document, None | Some(Err(_)));
        document
    }
}

/// Lines of `text`, those beyond the limit of a document cut behind a space.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| {
        let mut rest = line;
        std::iter::from_fn(move || {
            let limit = rest.floor_char_boundary(super::MAX_DOCUMENT_BYTES);
            let end = match rest[..limit].rfind(' ') {
                Some(space) if limit < rest.len() => space + 1,
                _ => limit,
            };
            let (piece, later) = rest.split_at(end);
            rest = later;
            (!piece.is_empty()).then_some(piece)
        })
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Takes one field out of an object and skips the others without building them.
struct Field<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = Option<Value>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}
