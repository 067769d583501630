//! Lines of text, on whatever system it was written.
//!
//! A line ends in LF, in CRLF, or in a CR that no LF follows. What was converted twice has several CR
//! in front of an LF: together they are one end.

use std::io::{self, BufRead, ErrorKind};

/// Reads a stream line by line, in bounded memory.
#[derive(Debug)]
pub struct LineReader<R> {
    reader: R,
    /// CRs that were read ahead; each is an empty line.
    returns: u64,
}

/// The result of [`LineReader::read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineRead {
    /// Bytes of the stream, those of the line's end among them; none behind the last line.
    pub bytes: u64,
    /// Whether the line ends there. If not, it is longer than was asked for, or the last.
    pub ended: bool,
}

impl<R: BufRead> LineReader<R> {
    /// Reads from here on.
    pub fn new(reader: R) -> Self {
        LineReader { reader, returns: 0 }
    }

    /// The underlying stream.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Appends what is left of a line, without its end, to `line`: at most `limit` bytes.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn read(&mut self, limit: usize, line: &mut Vec<u8>) -> io::Result<LineRead> {
        let mut bytes = 0;
        if self.returns > 0 && limit > 0 {
            self.returns -= 1;
            return Ok(LineRead { bytes: 1, ended: true });
        }
        while bytes < limit {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => &buffer[..buffer.len().min(limit - bytes)],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                break;
            }
            let end = buffer.iter().position(|&byte| matches!(byte, b'\n' | b'\r'));
            let length = end.unwrap_or(buffer.len());
            line.extend_from_slice(&buffer[..length]);
            let Some(at) = end else {
                self.reader.consume(length);
                bytes += length;
                continue;
            };
            let is_return = buffer[at] == b'\r';
            self.reader.consume(at + 1);
            let more = if is_return { self.behind_return()? } else { 0 };
            return Ok(LineRead { bytes: (bytes + at + 1) as u64 + more, ended: true });
        }
        Ok(LineRead { bytes: bytes as u64, ended: false })
    }

    /// Bytes behind a CR that belong to the same end.
    fn behind_return(&mut self) -> io::Result<u64> {
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            match buffer.first() {
                Some(b'\n') => {
                    self.reader.consume(1);
                    return Ok(std::mem::take(&mut self.returns) + 1);
                }
                Some(b'\r') => {
                    self.reader.consume(1);
                    self.returns += 1;
                }
                _ => return Ok(0),
            }
        }
    }
}

/// The lines of a text without their ends. Behind the last end is no line.
pub fn lines(text: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(at) = rest.bytes().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            return Some(std::mem::take(&mut rest));
        };
        let (line, behind) = rest.split_at(at);
        let returns = behind.bytes().take_while(|&byte| byte == b'\r').count();
        let end = if behind.as_bytes().get(returns) == Some(&b'\n') { returns + 1 } else { 1 };
        rest = &behind[end..];
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    /// All lines, read in pieces of at most `limit` bytes through a buffer of `room`.
    fn read(text: &str, limit: usize, room: usize) -> Vec<String> {
        let mut reader = LineReader::new(BufReader::with_capacity(room, text.as_bytes()));
        let (mut found, mut line, mut bytes) = (Vec::new(), Vec::new(), 0);
        loop {
            let before = line.len();
            let read = reader.read(limit, &mut line).unwrap();
            assert!(line.len() - before <= limit, "{read:?} with {limit}");
            bytes += read.bytes;
            if read.ended || read.bytes == 0 && !line.is_empty() {
                found.push(String::from_utf8(std::mem::take(&mut line)).unwrap());
            } else if read.bytes == 0 {
                assert_eq!(bytes, text.len() as u64);
                return found;
            }
        }
    }

    #[test]
    fn lines_end_as_they_did_on_any_system() {
        for (text, expected) in [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a\nb\n\nc\n", vec!["a", "b", "", "c"]),
            ("a\r\nb\r\n\r\nc\r\n", vec!["a", "b", "", "c"]),
            ("a\r\r\nb\r\r\n\r\r\nc", vec!["a", "b", "", "c"]),
            ("a\rb\r\rc\r", vec!["a", "b", "", "c"]),
            ("a\rb\nc\r\nd\r\r", vec!["a", "b", "c", "d", ""]),
            ("\r\r\n\n\r", vec!["", "", ""]),
        ] {
            assert_eq!(lines(text).collect::<Vec<_>>(), expected, "{text:?}");
            assert_eq!(read(text, 100, 1), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_stream_has_the_lines_of_its_text(text in "[a\r\n]{0,30}", limit in 1..40usize, room in 1..9usize) {
            let expected: Vec<&str> = lines(&text).collect();
            prop_assert_eq!(read(&text, limit, room), expected.clone());
            // As everybody divides text whose lines end in LF.
            let plain = text.replace('\r', "");
            prop_assert_eq!(lines(&plain).collect::<Vec<_>>(), plain.lines().collect::<Vec<_>>());
            let crlf = plain.replace('\n', "\r\n");
            prop_assert_eq!(lines(&crlf).collect::<Vec<_>>(), plain.lines().collect::<Vec<_>>());
        }
    }
}
