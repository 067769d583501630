//! Objects of JSON that are records, and the errors about them.

use std::path::Path;

use electra_text::corpus::json_object::{self, Malformed, Value};

use super::error::ReadError;
use super::record_place::{Place, RecordPlace};
use crate::words::{has_visible, without_unseen};

/// A fault of a record.
pub(super) enum Fault {
    /// The record is not valid JSON.
    Json(Malformed),
    /// Half of a character, at this byte of the record.
    HalfCharacter(usize),
    /// The record is JSON, and not what is expected.
    Content(ReadError),
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Json(malformed)
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Self::Content(error)
    }
}

impl Fault {
    /// The error about the record that begins at `start` of the file and is `text`.
    pub(super) fn at(self, path: &Path, start: Place, text: &str) -> ReadError {
        let line = start.line;
        let place = |at: usize| {
            let lines_before = text[..at].matches('\n').count();
            let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
            let (column, excerpt) = json_object::place(&text[begin..], at - begin);
            // Of a record that does not begin its line, the first line is a part of one.
            let before = if begin == 0 { start.record.map_or(0, |record| record.column - 1) } else { 0 };
            (line + lines_before, column + before, excerpt)
        };
        let path = path.to_owned();
        let error = match self {
            Self::Json(Malformed { at, what }) => {
                let (line, column, excerpt) = place(at);
                ReadError::BadJson { path, line, column, what, excerpt }
            }
            Self::HalfCharacter(at) => {
                let (line, column, excerpt) = place(at);
                ReadError::HalfCharacter { path, line, column, excerpt }
            }
            Self::Content(error) => error,
        };
        error.in_record(start.record)
    }
}

/// The string that a value is, if it is one, whose characters are all whole.
pub(super) fn string(value: Value<'_>) -> Result<Option<String>, Fault> {
    match value.text()? {
        Some(text) if text.lone_surrogates > 0 => Err(Fault::HalfCharacter(text.first_lone_surrogate)),
        text => Ok(text.map(|text| text.text)),
    }
}

/// An object of a record, with the place it stands at.
pub(super) struct Object<'a> {
    path: &'a Path,
    place: Place,
    /// The record.
    text: &'a str,
    fields: Vec<(String, Value<'a>)>,
}

impl<'a> Object<'a> {
    /// The record that begins at `place` of the file at `path` and is `text`.
    pub(super) fn record(path: &'a Path, place: Place, text: &'a str) -> Result<Self, Fault> {
        let value = Value::first(text)?;
        let object = Self { path, place, text, fields: Vec::new() }.object(value, "the record")?;
        let end = value.range().end;
        match has_visible(&text[end..]) {
            true => Err(Malformed { at: end, what: "expected nothing behind the object" }.into()),
            false => Ok(object),
        }
    }

    /// A value that is no object, as if it were one without fields: for elements of lists.
    pub(super) fn element(path: &'a Path, place: Place, text: &'a str) -> Self {
        Self { path, place, text, fields: Vec::new() }
    }

    /// The object that a value of this record is; `what` names it.
    pub(super) fn object(&self, value: Value<'a>, what: &str) -> Result<Self, Fault> {
        if value.kind()? != "an object" {
            return Err(self.wrong(value, what, "an object"));
        }
        let mut fields = Vec::new();
        value.fields::<Malformed>(|name, value| {
            fields.push((name.to_owned(), value));
            Ok(())
        })?;
        Ok(Self { path: self.path, place: self.place, text: self.text, fields })
    }

    /// The value of a field, of several the last; none if it is null.
    pub(super) fn get(&self, name: &str) -> Option<Value<'a>> {
        let found = self.fields.iter().rev().find(|(field, _)| field == name);
        found.map(|(_, value)| *value).filter(|value| value.raw() != "null")
    }

    /// The value of the first of these fields that is there, with its name.
    pub(super) fn any<'n>(&self, names: &[&'n str]) -> Option<(&'n str, Value<'a>)> {
        names.iter().find_map(|name| self.get(name).map(|value| (*name, value)))
    }

    /// Every field, in the order of the file.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, Value<'a>)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The value of a field that has to be there.
    pub(super) fn needed(&self, name: &str, expected: &str) -> Result<Value<'a>, Fault> {
        self.get(name).ok_or_else(|| self.missing(&format!("{name:?}, {expected}")))
    }

    /// The string that a value is.
    pub(super) fn string(&self, value: Value<'a>, what: &str) -> Result<String, Fault> {
        string(value)?.map_or_else(|| Err(self.wrong(value, what, "a string")), Ok)
    }

    /// The whole number that a value is; numbers such as `7.0` are whole.
    pub(super) fn integer(&self, value: Value<'a>, what: &str) -> Result<i64, Fault> {
        let whole = || value.raw().strip_suffix(".0").and_then(|digits| digits.parse().ok());
        value.integer().or_else(whole).map_or_else(|| Err(self.wrong(value, what, "a whole number")), Ok)
    }

    /// The elements of the list that a value is.
    pub(super) fn list(&self, value: Value<'a>, what: &str) -> Result<Vec<Value<'a>>, Fault> {
        if value.kind()? != "a list" {
            return Err(self.wrong(value, what, "a list"));
        }
        let mut all = Vec::new();
        value.elements::<Malformed>(|_, element| {
            all.push(element);
            Ok(())
        })?;
        Ok(all)
    }

    /// The name of a type that a value is.
    pub(super) fn label(&self, value: Value<'a>, what: &str) -> Result<String, Fault> {
        match string(value)? {
            Some(name) if has_visible(&name) => Ok(without_unseen(&name).into_owned()),
            _ => Err(self.wrong(value, what, "the name of a type")),
        }
    }

    /// The line of the file in which a value of the record begins.
    pub(super) fn line_of(&self, value: Value<'a>) -> usize {
        self.place.line + self.text[..value.range().start].matches('\n').count()
    }

    /// The line in which the record begins.
    pub(super) fn line(&self) -> usize {
        self.place.line
    }

    /// The place of the record among those of its line, if it is not alone there.
    pub(super) fn record_place(&self) -> Option<RecordPlace> {
        self.place.record
    }

    /// A value of another kind than expected.
    pub(super) fn wrong(&self, value: Value<'a>, what: &str, expected: &str) -> Fault {
        match value.kind() {
            Ok(kind) => self.error(self.line_of(value), format!("{kind} at {what}"), expected),
            Err(malformed) => malformed.into(),
        }
    }

    /// A field that is not there.
    pub(super) fn missing(&self, expected: &str) -> Fault {
        let names: Vec<String> = self.fields.iter().take(10).map(|(name, _)| format!("{name:?}")).collect();
        let found = match names.as_slice() {
            [] => "no field".to_owned(),
            names => format!("the fields {}", names.join(", ")),
        };
        self.error(self.place.line, found, expected)
    }

    /// An error in a line of the record.
    pub(super) fn error(&self, line: usize, found: impl Into<String>, expected: impl Into<String>) -> Fault {
        let path = self.path.to_owned();
        Fault::Content(ReadError::Record { path, line, found: found.into(), expected: expected.into() })
    }

    /// The error about a record of another task.
    pub(super) fn other_task(&self, task: &'static str) -> Fault {
        Fault::Content(ReadError::OtherTask { path: self.path.to_owned(), line: self.place.line, task })
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &'a Path {
        self.path
    }
}
