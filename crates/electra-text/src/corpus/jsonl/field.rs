//! One field of a JSON object that stands in a line; the other fields are passed over unjudged.
//!
//! Whoever writes a corpus also writes what no JSON parser reads: `NaN`, halves of surrogate pairs.
//! In a field that nobody asked for they do no harm, so values are passed over by their outline:
//! strings to their closing quote, lists and objects to their closing bracket.

/// Names of fields that an error shows at most.
const SHOWN_NAMES: usize = 10;

/// Lists and objects within one another, beyond which nobody meant it.
const MAX_DEPTH: usize = 1000;

/// What stands in the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A string.
    Text(Text),
    /// `null`.
    Null,
    /// Something else, in words.
    Other(&'static str),
    /// The field is not there; these are, the first of them in short.
    Missing(String),
}

/// A string and the halves of characters in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    pub text: String,
    /// Surrogates without their other half, each replaced by U+FFFD.
    pub lone_surrogates: u64,
    /// Byte of the line at which the first of them stands.
    pub first_lone_surrogate: usize,
}

/// Why a line is not a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// Byte of the line.
    pub at: usize,
    /// What was found and expected.
    pub what: &'static str,
}

/// The field called `name` of the object that is `line`; of several the last one.
pub(super) fn find(line: &str, name: &str) -> Result<Found, Malformed> {
    let mut found = None;
    fields(line, |key, scan| {
        if key == name {
            found = Some(scan.value()?);
            return Ok(());
        }
        scan.pass_over()
    })?;
    if let Some(found) = found {
        return Ok(found);
    }
    let (mut shown, mut more) = (Vec::new(), 0);
    fields(line, |key, scan| {
        match shown.len() < SHOWN_NAMES {
            true => shown.push(format!("{:?}", excerpt(key, 0, 40))),
            false => more += 1,
        }
        scan.pass_over()
    })?;
    Ok(Found::Missing(in_short(shown, more)))
}

/// Goes through the fields of an object; `take` is given each name and reads the value behind it.
fn fields<'a>(
    line: &'a str,
    mut take: impl FnMut(&str, &mut Scan<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut scan = Scan { line, at: 0 };
    scan.expect(b'{', "expected an object, which begins with {")?;
    if scan.peek() != Some(b'}') {
        loop {
            if scan.peek() != Some(b'"') {
                return Err(scan.wrong("expected the name of a field in quotes"));
            }
            let key = scan.string(false)?.text;
            scan.expect(b':', "expected : behind the name of a field")?;
            take(&key, &mut scan)?;
            match scan.peek() {
                Some(b',') => scan.at += 1,
                Some(b'}') => break,
                _ => return Err(scan.wrong("expected , or } behind a value")),
            }
        }
    }
    scan.at += 1;
    match scan.peek() {
        Some(_) => Err(scan.wrong("expected nothing behind the object")),
        None => Ok(()),
    }
}

/// At most `characters` characters of `text` from byte `at` on, with dots for the rest.
pub(super) fn excerpt(text: &str, at: usize, characters: usize) -> String {
    let rest = &text[at..];
    match rest.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &rest[..end]),
        None => rest.to_owned(),
    }
}

fn in_short(mut shown: Vec<String>, more: usize) -> String {
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

struct Scan<'a> {
    line: &'a str,
    at: usize,
}

impl Scan<'_> {
    fn wrong(&self, what: &'static str) -> Malformed {
        Malformed { at: self.at.min(self.line.len()), what }
    }

    fn byte(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(self.wrong(what));
        }
        self.at += 1;
        Ok(())
    }

    /// The value of the field that was asked for.
    fn value(&mut self) -> Result<Found, Malformed> {
        let first = self.peek();
        if first == Some(b'"') {
            return self.string(true).map(Found::Text);
        }
        let start = self.at;
        self.pass_over()?;
        let written = &self.line[start..self.at];
        Ok(match (first, written) {
            (Some(b'{'), _) => Found::Other("an object"),
            (Some(b'['), _) => Found::Other("a list"),
            (_, "null") => Found::Null,
            (_, "true" | "false") => Found::Other("a truth value"),
            (Some(b'-' | b'0'..=b'9'), _) | (_, "NaN" | "Infinity") => Found::Other("a number"),
            _ => return Err(Malformed { at: start, what: "expected a value" }),
        })
    }

    /// Passes over a value of any kind.
    fn pass_over(&mut self) -> Result<(), Malformed> {
        let mut open = Vec::new();
        loop {
            match self.peek() {
                None => return Err(self.wrong("the line ends in the middle of the object")),
                Some(b'"') => self.pass_over_string()?,
                Some(b'{' | b'[') if open.len() == MAX_DEPTH => {
                    return Err(self.wrong("lists and objects are nested too deeply"));
                }
                Some(bracket @ (b'{' | b'[')) => {
                    open.push(bracket);
                    self.at += 1;
                    continue;
                }
                Some(bracket @ (b'}' | b']')) => {
                    let opening = if bracket == b'}' { b'{' } else { b'[' };
                    if open.pop() != Some(opening) {
                        return Err(self.wrong("expected a value"));
                    }
                    self.at += 1;
                }
                Some(b',' | b':') if !open.is_empty() => {
                    self.at += 1;
                    continue;
                }
                Some(_) => {
                    let end = |byte: &u8| b",:{}[]\" \t\n\r".contains(byte);
                    let rest = &self.line.as_bytes()[self.at..];
                    let length = rest.iter().position(end).unwrap_or(rest.len());
                    if length == 0 {
                        return Err(self.wrong("expected a value"));
                    }
                    self.at += length;
                }
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    fn pass_over_string(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.byte() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return Ok(());
            }
        }
        Err(Malformed { at: start, what: "the line ends in the middle of a string that begins" })
    }

    /// A string with its escapes undone. What is wrong in it is an error only if `is_judged`.
    fn string(&mut self, is_judged: bool) -> Result<Text, Malformed> {
        let start = self.at;
        let mut text = Text::default();
        self.at += 1;
        loop {
            let rest = &self.line.as_bytes()[self.at.min(self.line.len())..];
            let plain = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < 0x20;
            let Some(length) = rest.iter().position(plain) else {
                return Err(Malformed {
                    at: start,
                    what: "the line ends in the middle of a string that begins",
                });
            };
            text.text.push_str(&self.line[self.at..self.at + length]);
            self.at += length;
            match rest[length] {
                b'"' => {
                    self.at += 1;
                    return Ok(text);
                }
                b'\\' => self.escape(&mut text, is_judged)?,
                _ if is_judged => {
                    return Err(self.wrong("a control character in a string must be escaped"));
                }
                control => {
                    text.text.push(char::from(control));
                    self.at += 1;
                }
            }
        }
    }

    /// The character that stands behind a backslash.
    fn escape(&mut self, text: &mut Text, is_judged: bool) -> Result<(), Malformed> {
        let start = self.at;
        let escaped = self.line.as_bytes().get(self.at + 1).copied();
        let character = match escaped {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let Some(unit) = self.unit_at(start) else {
                    return self.bad_escape(text, is_judged);
                };
                self.at += 6;
                let character = match (unit, self.unit_at(self.at)) {
                    (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                        self.at += 6;
                        char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
                    }
                    _ => char::from_u32(unit),
                };
                if character.is_none() {
                    if text.lone_surrogates == 0 {
                        text.first_lone_surrogate = start;
                    }
                    text.lone_surrogates += 1;
                }
                text.text.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
                return Ok(());
            }
            _ => return self.bad_escape(text, is_judged),
        };
        text.text.push(character);
        self.at += 2;
        Ok(())
    }

    fn bad_escape(&mut self, text: &mut Text, is_judged: bool) -> Result<(), Malformed> {
        if is_judged {
            return Err(self.wrong("an escape that JSON does not have"));
        }
        text.text.push('\\');
        self.at += 1;
        Ok(())
    }

    /// The UTF-16 unit that `\uXXXX` at byte `at` spells.
    fn unit_at(&self, at: usize) -> Option<u32> {
        let bytes = self.line.as_bytes().get(at..at + 6)?;
        let digits = std::str::from_utf8(bytes.strip_prefix(b"\\u")?).ok()?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    }
}

#[cfg(test)]
mod tests;
