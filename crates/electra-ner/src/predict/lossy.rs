//! Bytes with whatever is not UTF-8 in them replaced.

use std::io::{self, Read};
use std::str;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const CHUNK_BYTES: usize = 1 << 16;

/// A reader that replaces every sequence of bytes that cannot be a character by U+FFFD, as
/// `String::from_utf8_lossy` and Python's `errors="replace"` do.
pub struct Lossy<R> {
    reader: R,
    replaced: Arc<AtomicU64>,
    /// The bytes that were read and not looked at: between calls the first bytes of a character.
    raw: Vec<u8>,
    text: Vec<u8>,
    /// The number of bytes of `text` that were handed out.
    given: usize,
}

impl<R: Read> Lossy<R> {
    /// Replaces, and counts in `replaced`, which can be asked when the reader is out of reach.
    pub fn new(reader: R, replaced: Arc<AtomicU64>) -> Self {
        Self { reader, replaced, raw: Vec::new(), text: Vec::new(), given: 0 }
    }

    /// Moves whatever is certain from `raw` to `text`.
    fn convert(&mut self, is_end: bool) {
        let mut rest = self.raw.as_slice();
        while !rest.is_empty() {
            let Err(error) = str::from_utf8(rest) else {
                self.text.extend_from_slice(rest);
                rest = &[];
                break;
            };
            let (valid, wrong) = rest.split_at(error.valid_up_to());
            self.text.extend_from_slice(valid);
            rest = wrong;
            match error.error_len() {
                Some(length) => rest = &rest[length..],
                None if is_end => rest = &[],
                None => break,
            }
            self.text.extend_from_slice("\u{fffd}".as_bytes());
            self.replaced.fetch_add(1, Ordering::Relaxed);
        }
        let done = self.raw.len() - rest.len();
        self.raw.drain(..done);
    }
}

impl<R: Read> Read for Lossy<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            self.text.clear();
            self.given = 0;
            let held = self.raw.len();
            self.raw.resize(held + CHUNK_BYTES, 0);
            let read = self.reader.read(&mut self.raw[held..]);
            self.raw.truncate(held + read.as_ref().copied().unwrap_or(0));
            let is_end = read? == 0;
            self.convert(is_end);
            if is_end && self.text.is_empty() {
                return Ok(0);
            }
        }
        let length = target.len().min(self.text.len() - self.given);
        target[..length].copy_from_slice(&self.text[self.given..][..length]);
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            target[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn what_is_replaced_does_not_depend_on_how_the_bytes_come() {
        let bytes = b"a\xffb\xe2\x82c\xf0\x9f\x98\x80 \xe2\x82\xac\xc0\xaf end\xf0\x9f";
        let expected = String::from_utf8_lossy(bytes);
        for dripping in [false, true] {
            let replaced = Arc::new(AtomicU64::new(0));
            let mut text = String::new();
            let reader: Box<dyn Read> =
                if dripping { Box::new(Drip(bytes)) } else { Box::new(bytes.as_slice()) };
            Lossy::new(reader, Arc::clone(&replaced)).read_to_string(&mut text).unwrap();
            assert_eq!(text, expected);
            assert_eq!(text, "a\u{fffd}b\u{fffd}c\u{1f600} €\u{fffd}\u{fffd} end\u{fffd}");
            assert_eq!(replaced.load(Ordering::Relaxed), 5);
        }
    }
}
