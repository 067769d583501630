//! Lines of words with spaces between them.

use std::io::{BufRead, Read};

use super::form::{MAX_GAP_BYTES, Passage, Tail, bounded};
use electra_annotations::{MAX_SENTENCE_BYTES, RawSentence, TextError, Word, trimmed};

/// Reads a sentence a line.
pub(super) struct Lines<R> {
    reader: R,
    /// The part of the line that was read and does not fit the sentence at hand.
    held: Vec<u8>,
    /// Place of the line in the stream.
    byte: u64,
    char: u64,
    line: u64,
    /// The text behind the last sentence, and the number of lines without a word.
    gap: String,
    empty: u64,
    /// Whether a blank line, or nothing, lies before the sentence to come.
    starts_paragraph: bool,
    /// Whether the line at hand is the rest of a longer one.
    is_rest: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            held: Vec::new(),
            byte: 0,
            char: 0,
            line: 1,
            gap: String::new(),
            empty: 0,
            starts_paragraph: true,
            is_rest: false,
        }
    }

    /// The next sentence, or what lies behind the last one, or what is wrong.
    pub(super) fn next_passage(&mut self) -> Result<Passage, Result<Tail, TextError>> {
        loop {
            let Some((line, is_whole)) = self.read_line().map_err(Err)? else {
                let text = bounded(std::mem::take(&mut self.gap));
                let empty = std::mem::take(&mut self.empty) + u64::from(std::mem::take(&mut self.is_rest));
                return Err(Ok(Tail { text, empty, replaced: 0 }));
            };
            let passage = self.passage(&line, is_whole);
            self.byte += line.len() as u64;
            self.char += line.chars().count() as u64;
            self.line += u64::from(line.ends_with(['\n', '\r']));
            let is_blank = passage.is_none() && is_whole && !self.is_rest;
            self.is_rest = !is_whole;
            if let Some(passage) = passage {
                self.starts_paragraph = false;
                return Ok(passage);
            }
            // The end of a line whose rest holds no word is to be told as well.
            self.empty += u64::from(is_whole);
            self.starts_paragraph |= is_blank;
        }
    }

    /// A line with its end, or as much of it as a sentence may have; and whether it ends there.
    fn read_line(&mut self) -> Result<Option<(String, bool)>, TextError> {
        let mut line = std::mem::take(&mut self.held);
        if !line.ends_with(b"\n") && lone_return(&line).is_none() {
            let room = (MAX_SENTENCE_BYTES - line.len()) as u64;
            (&mut self.reader).take(room).read_until(b'\n', &mut line)?;
        }
        if line.is_empty() {
            return Ok(None);
        }
        if let Some(at) = lone_return(&line) {
            self.held = line.split_off(at + 1);
        }
        let is_whole = line.ends_with(b"\n") || line.len() < MAX_SENTENCE_BYTES;
        if !is_whole {
            let space = line.iter().rposition(|&byte| is_space(byte.into())).filter(|&at| at > 0);
            let cut = space.unwrap_or_else(|| cut_at_character(&line));
            self.held = line.split_off(cut);
        }
        match String::from_utf8(line) {
            Ok(line) => Ok(Some((line, is_whole))),
            Err(error) => Err(TextError::NotUtf8 {
                line: self.line,
                byte: self.byte + error.utf8_error().valid_up_to() as u64,
            }),
        }
    }

    fn passage(&mut self, line: &str, is_whole: bool) -> Option<Passage> {
        // A byte order mark is part of no word, also where files were put together.
        let marked = match line.strip_prefix('\u{feff}') {
            Some(rest) if self.byte == 0 || !(self.is_rest || rest.starts_with(is_space)) => rest,
            _ => line,
        };
        let (start, end) = (line.len() - marked.trim_start_matches(is_space).len(), trimmed_end(line));
        if start >= end {
            self.gap += line;
            // Not with every line: to cut costs as much as what is left.
            if self.gap.len() > 4 * MAX_GAP_BYTES {
                self.gap = bounded(std::mem::take(&mut self.gap));
            }
            return None;
        }
        let before = bounded(std::mem::take(&mut self.gap) + &line[..start]);
        let text = line[start..end].to_owned();
        let sentence = RawSentence {
            words: words(&text),
            text,
            byte: self.byte + start as u64,
            char: self.char + line[..start].chars().count() as u64,
            starts_paragraph: self.starts_paragraph,
            is_cut: !is_whole,
        };
        line[end..].clone_into(&mut self.gap);
        let empty_before = std::mem::take(&mut self.empty);
        Some(Passage { before, empty_before, sentence, record: None, goes_on: !is_whole })
    }
}

/// A carriage return that ends a line by itself: something other than line feeds follows.
fn lone_return(line: &[u8]) -> Option<usize> {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'))?;
    line[..end].iter().position(|&byte| byte == b'\r')
}

/// Tells whether a character divides words: the white space of ASCII, line ends included.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

fn trimmed_end(line: &str) -> usize {
    line.trim_end_matches(is_space).len()
}

/// The words of a text that begins and ends with one. As in files of columns, what is not seen at the
/// ends of a word belongs to it only if nothing else does.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let (mut at, mut chars) = (0, 0);
    for part in text.split_inclusive(is_space) {
        let given = part.trim_end_matches(is_space);
        if !given.is_empty() {
            let word = Some(trimmed(given)).filter(|word| !word.is_empty()).unwrap_or(given);
            let skipped = &given[..word.as_ptr() as usize - given.as_ptr() as usize];
            let (start, first) = (at + skipped.len(), chars + skipped.chars().count());
            words.push(Word { bytes: start..start + word.len(), chars: first..first + word.chars().count() });
        }
        at += part.len();
        chars += part.chars().count();
    }
    words
}

/// The last place in front of which no character is cut that could be whole.
fn cut_at_character(bytes: &[u8]) -> usize {
    let start = bytes.iter().rposition(|byte| byte & 0xc0 != 0x80).unwrap_or(0);
    match std::str::from_utf8(&bytes[start..]) {
        // The first bytes of a character.
        Err(error) if error.error_len().is_none() && start > 0 => start,
        _ => bytes.len(),
    }
}
