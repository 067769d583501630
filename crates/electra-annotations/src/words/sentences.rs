//! A stream of text to sentences, in bounded memory.

mod boundary;

use std::io::{self, BufRead};
use std::ops::Range;

use electra_text::corpus::CorpusError;

use super::Word;
use super::cluster::cluster_at;
use super::is_invisible;
use super::settings::SentenceSettings;
use boundary::{Found, Gap, first_sentence};

pub use boundary::division_of_record;

/// A sentence of more bytes is cut, so that text without full stops or even without spaces is read
/// in bounded memory.
pub const MAX_SENTENCE_BYTES: usize = 1 << 16;

/// Text that was handed out already is dropped from the buffer when there is this much of it.
const DROP_BYTES: usize = 1 << 14;

/// A sentence as it stands in the stream, without the white space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawSentence {
    /// The text, unchanged; line breaks may be in it.
    pub text: String,
    /// The words of the sentence, with places in `text`; never empty.
    pub words: Vec<Word>,
    /// Bytes of the stream in front of it.
    pub byte: u64,
    /// Unicode code points of the stream in front of it.
    pub char: u64,
    /// Whether it is the first of the stream or stands behind a blank line.
    pub starts_paragraph: bool,
    /// Whether it was cut for its length and goes on with the next.
    pub is_cut: bool,
}

impl RawSentence {
    /// The word at an index.
    pub fn word(&self, word: usize) -> &str {
        self.words[word].of(&self.text)
    }

    /// The texts of all words.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = &str> {
        self.words.iter().map(|word| word.of(&self.text))
    }

    /// The text from the first to the last of these words, as it was written; empty for none.
    pub fn slice(&self, words: Range<usize>) -> &str {
        match self.words[words].split_first() {
            None => "",
            Some((first, rest)) => &self.text[first.bytes.start..rest.last().unwrap_or(first).bytes.end],
        }
    }

    /// The range of these words, at least one, in the stream, in Unicode code points.
    pub fn chars(&self, words: Range<usize>) -> Range<u64> {
        let place = |at: usize| self.char + at as u64;
        place(self.words[words.start].chars.start)..place(self.words[words.end - 1].chars.end)
    }

    /// The range of these words, at least one, in the stream, in bytes.
    pub fn bytes(&self, words: Range<usize>) -> Range<u64> {
        let place = |at: usize| self.byte + at as u64;
        place(self.words[words.start].bytes.start)..place(self.words[words.end - 1].bytes.end)
    }
}

/// Text that cannot be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum TextError {
    /// The stream failed.
    #[error("cannot read the text: {0}")]
    Read(#[source] io::Error),
    /// The file behind the stream cannot be read, or is not what its name says.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Corpus(CorpusError),
    /// A byte sequence that is not UTF-8.
    #[error("line {line} of the text (byte {byte}) is not UTF-8")]
    #[diagnostic(help("convert it"))]
    NotUtf8 {
        /// Line, counted from 1.
        line: u64,
        /// Bytes in front of the first wrong one.
        byte: u64,
    },
    /// A record too long to be held in memory.
    #[error("line {line} of the text is longer than {limit} bytes")]
    #[diagnostic(help("divide the record"))]
    LongRecord {
        /// Line, counted from 1.
        line: u64,
        /// The longest line accepted.
        limit: usize,
    },
    /// Half of a character in the text of a record.
    #[error("line {line} of the text has half of a character at character {column}: {excerpt:?}")]
    #[diagnostic(help("mend the record"))]
    HalfCharacter {
        /// Line, counted from 1.
        line: u64,
        /// Character in the line, counted from 1.
        column: usize,
        /// A few characters from there on.
        excerpt: String,
    },
    /// A line that should hold a record and does not.
    #[error("line {line} of the text is no JSON object with a \"text\": {found}")]
    #[diagnostic(help("write a JSON object a line with the text to be read under `text`"))]
    NoRecord {
        /// Line, counted from 1.
        line: u64,
        /// The content of the line, or a description of what is wrong in it and where.
        found: String,
    },
}

/// Iterator over the sentences of a stream of text; after an error nothing follows.
///
impl From<io::Error> for TextError {
    /// The error of a stream; readers of files hand out theirs inside an error of the system.
    fn from(error: io::Error) -> Self {
        error.downcast().map_or_else(Self::Read, Self::Corpus)
    }
}

/// A sentence of [`SentenceDivision::FullStop`](super::division::SentenceDivision::FullStop) ends
///
/// - at a blank line;
/// - at `.`, `!`, `?`, `…` and their like, with the closing quotes and brackets behind them, if
///   white space and then no small letter follows. The full stop of an abbreviation, an initial or
///   a number of one or two digits (an ordinal, or an item of a list) does not end it;
/// - at `。`, `！`, `？`, whatever follows;
/// - at its greatest number of words or bytes.
///
/// Where a line, a paragraph or the text is a sentence, only their ends and the last of these do.
pub struct RawSentences<R> {
    reader: R,
    settings: SentenceSettings,
    /// The text that was read and not handed out, behind `at`.
    buffer: String,
    at: usize,
    /// From `at` to here no line ends.
    lineless: usize,
    /// Bytes behind `at` that there have to be before the end of the sentence is looked for again.
    worth_a_look: usize,
    /// A character of which not all bytes are read.
    partial: Vec<u8>,
    ended: bool,
    failure: Option<TextError>,
    /// Place of `at` in the stream.
    byte: u64,
    char: u64,
    /// The bytes that the buffer ever held, for errors.
    read_bytes: u64,
    read_lines: u64,
    /// White space since the last sentence.
    gap: Gap,
    is_first: bool,
}

impl<R: BufRead> Iterator for RawSentences<R> {
    type Item = Result<RawSentence, TextError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.skip_gap();
            if self.at < self.buffer.len() {
                if let Some((words, is_cut)) = self.first_sentence() {
                    return Some(Ok(self.take(words, is_cut)));
                }
            } else if self.ended {
                return self.failure.take().map(Err);
            }
            self.read_more();
        }
    }
}

impl<R: BufRead> RawSentences<R> {
    /// Divides what the reader gives.
    ///
    /// # Panics
    ///
    /// If sentences may have no words.
    pub fn new(reader: R, settings: SentenceSettings) -> Self {
        assert!(settings.max_words > 0, "a sentence of no words");
        Self {
            reader,
            settings,
            buffer: String::new(),
            at: 0,
            lineless: 0,
            worth_a_look: 0,
            partial: Vec::new(),
            ended: false,
            failure: None,
            byte: 0,
            char: 0,
            read_bytes: 0,
            read_lines: 0,
            gap: Gap::default(),
            is_first: true,
        }
    }

    /// The words of the next sentence, if its end is certain or has to be, and whether it is cut.
    fn first_sentence(&mut self) -> Option<(Vec<Word>, bool)> {
        let line_end = if self.settings.ends_at_lines() { self.line_end() } else { None };
        let pending = &self.buffer[self.at..line_end.unwrap_or(self.buffer.len())];
        let is_full = pending.len() >= MAX_SENTENCE_BYTES;
        let is_whole = !is_full && (line_end.is_some() || self.ended);
        if pending.len() < self.worth_a_look && !is_full && !is_whole {
            return None;
        }
        // What lies behind the greatest length is not looked at: where a sentence is cut must not
        // depend on how much the reader had at hand.
        let known = &pending[..pending.floor_char_boundary(MAX_SENTENCE_BYTES)];
        match first_sentence(known, is_whole, &self.settings) {
            Found::Whole(words) => Some((words, false)),
            Found::Cut(words) => Some((words, true)),
            Found::Open(words) if is_full => {
                Some((if words.is_empty() { vec![cut_word(known)] } else { words }, true))
            }
            Found::Open(_) => {
                // A reader may hand out single bytes; each look starts from the sentence's start.
                self.worth_a_look = pending.len() + pending.len() / 8;
                None
            }
        }
    }

    /// The end of the line in the buffer; no byte is looked at twice.
    fn line_end(&mut self) -> Option<usize> {
        let from = self.lineless.max(self.at);
        let end = self.buffer[from..].find(['\n', '\r']).map(|length| from + length);
        self.lineless = end.unwrap_or(self.buffer.len());
        end
    }

    /// Moves over white space and what is not seen.
    fn skip_gap(&mut self) {
        for c in self.buffer[self.at..].chars() {
            if !is_invisible(c) {
                break;
            }
            self.gap.push(c);
            self.byte += c.len_utf8() as u64;
            self.char += 1;
            self.at += c.len_utf8();
        }
    }

    fn take(&mut self, words: Vec<Word>, is_cut: bool) -> RawSentence {
        let last = words.last().expect("a sentence has words");
        let (bytes, chars) = (last.bytes.end, last.chars.end);
        let sentence = RawSentence {
            text: self.buffer[self.at..self.at + bytes].to_owned(),
            words,
            byte: self.byte,
            char: self.char,
            starts_paragraph: self.is_first || self.gap.has_blank_line(),
            is_cut,
        };
        self.at += bytes;
        self.byte += bytes as u64;
        self.char += chars as u64;
        self.worth_a_look = 0;
        self.gap = Gap::default();
        self.is_first = false;
        sentence
    }

    /// Appends what the reader has at hand to the buffer.
    fn read_more(&mut self) {
        if self.at >= DROP_BYTES || self.at == self.buffer.len() {
            self.buffer.drain(..self.at);
            self.lineless = self.lineless.saturating_sub(self.at);
            self.at = 0;
        }
        let chunk = loop {
            match self.reader.fill_buf() {
                Ok(chunk) => break &chunk[..chunk.len().min(MAX_SENTENCE_BYTES)],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(error.into());
                    self.ended = true;
                    return;
                }
            }
        };
        let length = chunk.len();
        self.partial.extend_from_slice(chunk);
        self.reader.consume(length);
        let (valid, is_wrong) = match std::str::from_utf8(&self.partial) {
            Ok(text) => (text, false),
            Err(error) => {
                let valid = std::str::from_utf8(&self.partial[..error.valid_up_to()]).expect("valid so far");
                (valid, error.error_len().is_some() || length == 0)
            }
        };
        self.buffer.push_str(valid);
        let read = valid.len();
        self.read_bytes += read as u64;
        self.read_lines += valid.bytes().filter(|&byte| byte == b'\n').count() as u64;
        self.partial.drain(..read);
        if is_wrong {
            self.failure = Some(TextError::NotUtf8 { line: self.read_lines + 1, byte: self.read_bytes });
        }
        self.ended = is_wrong || length == 0;
    }
}

/// The part of an endless word that is handed out when the buffer is full: whole clusters if possible.
fn cut_word(text: &str) -> Word {
    let mut end = 0;
    while let Some(cluster) = cluster_at(text, end).filter(|cluster| cluster.end <= MAX_SENTENCE_BYTES / 2) {
        end = cluster.end;
    }
    if end == 0 {
        end = text.floor_char_boundary(MAX_SENTENCE_BYTES / 2);
    }
    Word { bytes: 0..end, chars: 0..text[..end].chars().count() }
}
