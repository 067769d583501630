//! A JSON value in a line, from one character to the next.

/// Lists and objects within one another, beyond which nobody meant it.
pub(super) const MAX_DEPTH: usize = 1000;

/// A string and the halves of characters in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The characters.
    pub text: String,
    /// Surrogates without their other half, each replaced by U+FFFD.
    pub lone_surrogates: u64,
    /// Byte of the line at which the first of them stands.
    pub first_lone_surrogate: usize,
}

/// An error in a line that is not a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Byte of the line.
    pub at: usize,
    /// A description of what was found and what was expected.
    pub what: &'static str,
}

/// A place in a line.
pub(super) struct Scanner<'a> {
    pub line: &'a str,
    pub at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn error(&self, what: &'static str) -> Malformed {
        Malformed { at: self.at.min(self.line.len()), what }
    }

    pub(super) fn byte(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    /// The next byte that is not white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    pub(super) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(self.error(what));
        }
        self.at += 1;
        Ok(())
    }

    /// Goes through the fields of an object up to its end; `take` reads the value behind each name.
    pub(super) fn object<E: From<Malformed>>(
        &mut self,
        mut take: impl FnMut(&str, &mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(b'{', "expected an object, which begins with {")?;
        if self.peek() != Some(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return Err(self.error("expected the name of a field in quotes").into());
                }
                let key = self.string(false)?.text;
                self.expect(b':', "expected : behind the name of a field")?;
                take(&key, self)?;
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => break,
                    _ => return Err(self.error("expected , or } behind a value").into()),
                }
            }
        }
        self.at += 1;
        Ok(())
    }

    /// Passes over a value of any kind.
    pub(super) fn skip_value(&mut self) -> Result<(), Malformed> {
        let mut open = Vec::new();
        loop {
            match self.peek() {
                None => return Err(self.error("the line ends in the middle of the object")),
                Some(b'"') => self.pass_over_string()?,
                Some(b'{' | b'[') if open.len() == MAX_DEPTH => {
                    return Err(self.error("lists and objects are nested too deeply"));
                }
                Some(bracket @ (b'{' | b'[')) => {
                    open.push(bracket);
                    self.at += 1;
                    continue;
                }
                Some(bracket @ (b'}' | b']')) => {
                    let opening = if bracket == b'}' { b'{' } else { b'[' };
                    if open.pop() != Some(opening) {
                        return Err(self.error("expected a value"));
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
                        return Err(self.error("expected a value"));
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
    pub(super) fn string(&mut self, is_judged: bool) -> Result<Text, Malformed> {
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
                    return Err(self.error("a control character in a string must be escaped"));
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
            return Err(self.error("an escape that JSON does not have"));
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
