//! Records of JSON, whether each has a line, all are in one list, or one is the whole file.

use std::path::Path;

use electra_text::corpus::json_object::{self, Malformed, Value};

use super::error::ReadError;
use super::lines::lines;
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
    /// The error about the record that begins in line `line` of the file and is `text`.
    pub(super) fn at(self, path: &Path, line: usize, text: &str) -> ReadError {
        let place = |at: usize| {
            let lines_before = text[..at].matches('\n').count();
            let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
            let (column, excerpt) = json_object::place(&text[start..], at - start);
            (line + lines_before, column, excerpt)
        };
        let path = path.to_owned();
        match self {
            Self::Json(Malformed { at, what }) => {
                let (line, column, excerpt) = place(at);
                ReadError::BadJson { path, line, column, what, excerpt }
            }
            Self::HalfCharacter(at) => {
                let (line, column, excerpt) = place(at);
                ReadError::HalfCharacter { path, line, column, excerpt }
            }
            Self::Content(error) => error,
        }
    }
}

/// The string that a value is, if it is one, whose characters are all whole.
pub(super) fn string(value: Value<'_>) -> Result<Option<String>, Fault> {
    match value.text()? {
        Some(text) if text.lone_surrogates > 0 => Err(Fault::HalfCharacter(text.first_lone_surrogate)),
        text => Ok(text.map(|text| text.text)),
    }
}

/// The arrangement of records in a file.
enum Shape<'a> {
    /// A record a line.
    Lines,
    /// A list of records.
    List(Value<'a>),
    /// One record, in several lines.
    One,
}

impl<'a> Shape<'a> {
    fn of(text: &'a str) -> Self {
        let first = lines(text).map(|(_, line)| line).find(|line| has_visible(line)).unwrap_or_default();
        match (first.trim_start().as_bytes().first(), Value::first(text)) {
            (Some(b'['), Ok(list)) if !has_visible(&text[list.range().end..]) => {
                if matches!(first_of(list).map(Value::kind), Some(Ok("an object" | "a list"))) {
                    return Self::List(list);
                }
            }
            (Some(b'{'), Ok(one))
                if !has_visible(&text[one.range().end..]) && !json_object::is_object(first) =>
            {
                return Self::One;
            }
            _ => {}
        }
        Self::Lines
    }
}

/// The first element of a list.
fn first_of(list: Value<'_>) -> Option<Value<'_>> {
    let mut first = None;
    let stopped = list.elements(|_, value| {
        first = Some(value);
        Err(Malformed { at: 0, what: "enough is known" })
    });
    first.filter(|_| stopped.is_err())
}

/// The first record of a file, if it is JSON.
pub(super) fn first_record(text: &str) -> Option<Value<'_>> {
    match Shape::of(text) {
        Shape::List(list) => first_of(list),
        Shape::One => Value::first(text).ok(),
        Shape::Lines => {
            let first = lines(text).map(|(_, line)| line).find(|line| has_visible(line))?;
            let value = Value::first(first).ok()?;
            let is_alone = !has_visible(&first[value.range().end..]);
            Some(value).filter(|value| is_alone && matches!(value.kind(), Ok("an object" | "a list")))
        }
    }
}

/// Goes through the records of a file; `take` is given the line at which each begins, and its text.
pub(super) fn each_record<'a>(
    path: &Path,
    text: &'a str,
    mut take: impl FnMut(usize, &'a str) -> Result<(), Fault>,
) -> Result<(), ReadError> {
    match Shape::of(text) {
        Shape::Lines => {
            for (line, record) in lines(text).filter(|(_, record)| has_visible(record)) {
                take(line, record).map_err(|fault| fault.at(path, line, record))?;
            }
            Ok(())
        }
        Shape::One => {
            let line = lines(text).find(|(_, line)| has_visible(line)).map_or(1, |(line, _)| line);
            take(line, text.trim()).map_err(|fault| fault.at(path, line, text.trim()))
        }
        Shape::List(list) => {
            let (mut line, mut counted) = (1, 0);
            let all = list.elements(|_, value| {
                line += text[counted..value.range().start].matches('\n').count();
                counted = value.range().start;
                let record = value.raw();
                take(line, record).map_err(|fault| Fault::Content(fault.at(path, line, record)))
            });
            all.map_err(|fault| fault.at(path, 1, text))
        }
    }
}

/// An object of a record, with the place it stands at.
pub(super) struct Object<'a> {
    path: &'a Path,
    line: usize,
    /// The record.
    text: &'a str,
    fields: Vec<(String, Value<'a>)>,
}

impl<'a> Object<'a> {
    /// The record that begins in line `line` of the file at `path` and is `text`.
    pub(super) fn record(path: &'a Path, line: usize, text: &'a str) -> Result<Self, Fault> {
        let value = Value::first(text)?;
        let object = Self { path, line, text, fields: Vec::new() }.object(value, "the record")?;
        let end = value.range().end;
        match has_visible(&text[end..]) {
            true => Err(Malformed { at: end, what: "expected nothing behind the object" }.into()),
            false => Ok(object),
        }
    }

    /// A value that is no object, as if it were one without fields: for elements of lists.
    pub(super) fn element(path: &'a Path, line: usize, text: &'a str) -> Self {
        Self { path, line, text, fields: Vec::new() }
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
        Ok(Self { path: self.path, line: self.line, text: self.text, fields })
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
        self.line + self.text[..value.range().start].matches('\n').count()
    }

    /// The line in which the record begins.
    pub(super) fn line(&self) -> usize {
        self.line
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
        self.error(self.line, found, expected)
    }

    /// An error in a line of the record.
    pub(super) fn error(&self, line: usize, found: impl Into<String>, expected: impl Into<String>) -> Fault {
        let path = self.path.to_owned();
        Fault::Content(ReadError::Record { path, line, found: found.into(), expected: expected.into() })
    }

    /// The error about a record of another task.
    pub(super) fn other_task(&self, task: &'static str) -> Fault {
        Fault::Content(ReadError::OtherTask { path: self.path.to_owned(), line: self.line, task })
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &'a Path {
        self.path
    }
}
