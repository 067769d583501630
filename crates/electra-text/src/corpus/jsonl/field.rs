//! Fields of a JSON object that stands in a line; those that nobody asks for are passed over unjudged.
//!
//! Whoever writes a corpus also writes what no JSON parser reads: `NaN`, halves of surrogate pairs.
//! In a field that nobody asked for they do no harm, so values are passed over by their outline:
//! strings to their closing quote, lists and objects to their closing bracket.

mod scan;

use scan::Scanner;
pub use scan::{Malformed, Text};

/// Names of fields that an error shows at most.
const SHOWN_NAMES: usize = 10;

/// Characters of a line that an error shows at most.
const EXCERPT_CHARS: usize = 40;

/// The value found in the field of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// A JSON string, without quotes and escapes.
    Text(Text),
    /// The JSON value `null`.
    Null,
    /// A value that is something else, in words.
    Other(&'static str),
    /// The field is not there; these are, the first of them in short.
    Missing(String),
}

impl FieldValue {
    /// The value of the field that was asked for.
    fn read(scan: &mut Scanner<'_>) -> Result<Self, Malformed> {
        if scan.peek() == Some(b'"') {
            return scan.string(true).map(FieldValue::Text);
        }
        Ok(match Value::read(scan)?.kind()? {
            "null" => FieldValue::Null,
            other => FieldValue::Other(other),
        })
    }
}

/// The field called `name` of the object that is `line`; of several the last one.
///
/// # Errors
/// What the line has instead of an object.
pub fn find_field(line: &str, name: &str) -> Result<FieldValue, Malformed> {
    let mut found = None;
    fields(line, |key, scan| {
        if key == name {
            found = Some(FieldValue::read(scan)?);
            return Ok(());
        }
        scan.skip_value()
    })?;
    match found {
        Some(found) => Ok(found),
        None => Ok(FieldValue::Missing(names(line)?.unwrap_or_else(|| "none".to_owned()))),
    }
}

/// Goes through the fields of the object that is `line`; `take` is given the name and the value of each.
///
/// # Errors
/// What the line has instead of an object, or what `take` finds wrong.
pub fn for_each_field<'a, E: From<Malformed>>(
    line: &'a str,
    mut take: impl FnMut(&str, Value<'a>) -> Result<(), E>,
) -> Result<(), E> {
    fields(line, |key, scan| take(key, Value::read(scan)?))
}

/// Whether a line is an object as far as its outline tells.
pub fn is_object(line: &str) -> bool {
    fields(line, |_, scan| scan.skip_value()).is_ok()
}

/// The names of the fields of the object that is `line`, the first of them in short; none if it has none.
///
/// # Errors
/// What the line has instead of an object.
pub fn names(line: &str) -> Result<Option<String>, Malformed> {
    let (mut shown, mut more) = (Vec::new(), 0);
    fields(line, |key, scan| {
        match shown.len() < SHOWN_NAMES {
            true => shown.push(format!("{:?}", excerpt(key, 0, EXCERPT_CHARS))),
            false => more += 1,
        }
        scan.skip_value()
    })?;
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    Ok((!shown.is_empty()).then(|| shown.join(", ")))
}

/// Goes through the fields of an object; `take` is given each name and reads the value behind it.
fn fields<'a, E: From<Malformed>>(
    line: &'a str,
    take: impl FnMut(&str, &mut Scanner<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut scan = Scanner { line, at: 0 };
    scan.object(take)?;
    match scan.peek() {
        Some(_) => Err(scan.error("expected nothing behind the object").into()),
        None => Ok(()),
    }
}

/// At most `characters` characters of `text` from byte `at` on, with dots for the rest.
pub fn excerpt(text: &str, at: usize, characters: usize) -> String {
    let rest = &text[at..];
    match rest.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &rest[..end]),
        None => rest.to_owned(),
    }
}

/// The character of `line` that begins at byte `at`, from 1, and a few characters from there on.
pub fn place(line: &str, at: usize) -> (usize, String) {
    (1 + line[..at].chars().count(), excerpt(line, at, EXCERPT_CHARS))
}

/// A value in a line, of which no more than the outline is known to be JSON.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    line: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Value<'a> {
    /// A value of any kind by its outline.
    fn read(scan: &mut Scanner<'a>) -> Result<Self, Malformed> {
        scan.peek();
        let start = scan.at;
        scan.skip_value()?;
        Ok(Value { line: scan.line, start, end: scan.at })
    }

    /// The value that a text begins with, whatever follows it. The text may have many lines.
    ///
    /// # Errors
    /// If it does not begin with the outline of a value.
    pub fn first(text: &'a str) -> Result<Self, Malformed> {
        Self::read(&mut Scanner { line: text, at: 0 })
    }

    /// The bytes of its text that it takes.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start..self.end
    }

    /// The text of the value as it stands in the line.
    pub fn raw(self) -> &'a str {
        &self.line[self.start..self.end]
    }

    /// The JSON type of the value, in words.
    ///
    /// # Errors
    /// If it is no value of JSON, or of those that are written beside JSON: `NaN` and `Infinity`.
    pub fn kind(self) -> Result<&'static str, Malformed> {
        let first = self.raw().as_bytes().first();
        Ok(match (first, self.raw()) {
            (Some(b'{'), _) => "an object",
            (Some(b'['), _) => "a list",
            (_, "\"\"") => "an empty string",
            (Some(b'"'), _) => "a string",
            (_, "null") => "null",
            (_, "true" | "false") => "a truth value",
            (Some(b'-' | b'0'..=b'9'), _) | (_, "NaN" | "Infinity") => "a number",
            _ => return Err(Malformed { at: self.start, what: "expected a value" }),
        })
    }

    /// The string that it is, if it is one.
    ///
    /// # Errors
    /// What no string of JSON has.
    pub fn text(self) -> Result<Option<Text>, Malformed> {
        let mut scan = Scanner { line: self.line, at: self.start };
        if scan.byte() == Some(b'"') { scan.string(true).map(Some) } else { Ok(None) }
    }

    /// The whole number that it is, if it is one.
    pub fn integer(self) -> Option<i64> {
        let digits = self.raw().strip_prefix('-').unwrap_or(self.raw());
        let is_written_so = digits.starts_with(|c: char| c.is_ascii_digit());
        let has_zeros = digits.len() > 1 && digits.starts_with('0');
        self.raw().parse().ok().filter(|_| is_written_so && !has_zeros)
    }

    /// Goes through the elements of a list; `take` is given the number of each, from 0, and its value.
    ///
    /// # Errors
    /// If it is no list, or what `take` finds wrong.
    pub fn elements<E: From<Malformed>>(
        self,
        mut take: impl FnMut(usize, Value<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut scan = Scanner { line: self.line, at: self.start };
        scan.expect(b'[', "expected a list, which begins with [")?;
        if scan.peek() == Some(b']') {
            return Ok(());
        }
        for number in 0.. {
            take(number, Value::read(&mut scan)?)?;
            match scan.peek() {
                Some(b',') => scan.at += 1,
                Some(b']') => break,
                _ => return Err(scan.error("expected , or ] behind a value").into()),
            }
        }
        Ok(())
    }

    /// Goes through the fields of an object, as [`for_each_field`] does.
    ///
    /// # Errors
    /// If it is no object, or what `take` finds wrong.
    pub fn fields<E: From<Malformed>>(
        self,
        mut take: impl FnMut(&str, Value<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        Scanner { line: self.line, at: self.start }.object(|key, scan| take(key, Value::read(scan)?))
    }
}

#[cfg(test)]
mod tests;
