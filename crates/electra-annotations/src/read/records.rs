//! Records of JSON, whether each has a line, all are in one list, or one is the whole file.

use std::path::Path;

use electra_text::corpus::json_object::{self, Malformed, Value};

use super::error::ReadError;
use super::lines::lines;
use super::objects::Fault;
use super::record_place::{Place, RecordPlace};
use crate::words::has_visible;

/// The arrangement of records in a file.
enum Shape<'a> {
    /// A record a line.
    Lines,
    /// A list of records.
    List(Value<'a>),
    /// One record, in several lines.
    One,
    /// A list, or one record in several lines, whose end is missing.
    Cut(CutShape),
}

/// The kind of a value that does not end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CutShape {
    List,
    One,
}

impl<'a> Shape<'a> {
    fn of(text: &'a str) -> Self {
        let mut visible = lines(text).map(|(_, line)| line).filter(|line| has_visible(line));
        let first = visible.next().unwrap_or_default();
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
            (Some(begin @ (b'[' | b'{')), Err(fault)) if is_cut(fault) && Value::first(first).is_err() => {
                let inside = text.trim_start().get(1..).unwrap_or_default().trim_start();
                // A record a line, the first of which is broken, has others that are whole.
                let goes_on =
                    || visible.clone().next().is_some() && !visible.clone().any(json_object::is_object);
                if *begin == b'[' && inside.starts_with(['{', '[']) {
                    return Self::Cut(CutShape::List);
                } else if *begin == b'{' && goes_on() {
                    return Self::Cut(CutShape::One);
                }
            }
            _ => {}
        }
        Self::Lines
    }
}

/// Whether a value is as it should be up to the end of the text, which comes too early.
fn is_cut(fault: Malformed) -> bool {
    fault.what.starts_with("the line ends in the middle of")
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
        Shape::Cut(CutShape::List) => {
            let inside = text.trim_start().strip_prefix('[')?;
            Value::first(inside).ok().filter(|value| matches!(value.kind(), Ok("an object" | "a list")))
        }
        Shape::Cut(CutShape::One) => None,
    }
}

/// Goes through the records of a file; `take` is given the place at which each begins, and its text.
pub(super) fn each_record<'a>(
    path: &Path,
    text: &'a str,
    mut take: impl FnMut(Place, &'a str) -> Result<(), Fault>,
) -> Result<(), ReadError> {
    let first_line = || lines(text).find(|(_, line)| has_visible(line)).map_or(1, |(line, _)| line);
    let whole_line = |line| Place { line, record: None };
    match Shape::of(text) {
        Shape::Lines => {
            for (line, record) in lines(text).filter(|(_, record)| has_visible(record)) {
                let place = whole_line(line);
                take(place, record).map_err(|fault| fault.at(path, place, record))?;
            }
            Ok(())
        }
        Shape::One => {
            let place = whole_line(first_line());
            take(place, text.trim()).map_err(|fault| fault.at(path, place, text.trim()))
        }
        Shape::List(list) => {
            let mut at = Cursor { text, ..Cursor::default() };
            let all = list.elements(|number, value| {
                let (place, record) = (at.place(number, value), value.raw());
                take(place, record).map_err(|fault| Fault::Content(fault.at(path, place, record)))
            });
            all.map_err(|fault| fault.at(path, whole_line(1), text))
        }
        Shape::Cut(shape) => Err(cut(path, text, first_line(), shape)),
    }
}

/// The error about a file whose only value does not end.
fn cut(path: &Path, text: &str, line: usize, shape: CutShape) -> ReadError {
    let last = lines(text).filter(|(_, line)| has_visible(line)).last().map_or(line, |(line, _)| line);
    let mut records = 0;
    if shape == CutShape::List {
        let mut rest = text.trim_start().strip_prefix('[').unwrap_or_default();
        while let Ok(value) = Value::first(rest) {
            records += 1;
            match rest[value.range().end..].trim_start().strip_prefix(',') {
                Some(behind) => rest = behind,
                None => break,
            }
        }
    }
    let what = if shape == CutShape::List { "list" } else { "object" };
    ReadError::Cut { path: path.to_owned(), what, line, last, records }
}

/// A place in a text, which moves on from one record to the next.
#[derive(Default)]
struct Cursor<'a> {
    text: &'a str,
    /// Line ends up to the record.
    lines: usize,
    /// Characters of its line in front of the record.
    before: usize,
    /// Bytes that are counted.
    counted: usize,
}

impl Cursor<'_> {
    /// The place of the record of this number, from 0.
    fn place(&mut self, number: usize, value: Value<'_>) -> Place {
        let range = value.range();
        let passed = &self.text[self.counted..range.start];
        self.lines += passed.matches('\n').count();
        self.before = match passed.rfind('\n') {
            Some(end) => passed[end + 1..].chars().count(),
            None => self.before + passed.chars().count(),
        };
        // The text that was passed has the record before, and what stands between the two.
        let between = passed.trim_end_matches(['[', ',', ' ', '\t', '\n', '\r']);
        let is_behind_another = number > 0 && !passed[between.len()..].contains('\n');
        self.counted = range.start;
        let behind = self.text[range.end..].trim_start_matches([' ', '\t', '\r', ',', ']']);
        let is_alone = !is_behind_another && (behind.is_empty() || behind.starts_with('\n'));
        let record = (!is_alone).then_some(RecordPlace { number: number + 1, column: self.before + 1 });
        Place { line: self.lines + 1, record }
    }
}
