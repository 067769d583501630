//! JSON lines, of which the text of each record is tagged.

use std::collections::VecDeque;
use std::io::{BufRead, Cursor, Read};

use serde::Deserialize;
use serde_json::Value;

use super::{MAX_GAP_BYTES, Passage, Passages, RecordPlace, Tail, TextForm, bounded};
use crate::read::{Document, Format, MAX_LINE_BYTES};
use crate::words::{
    LineBreaks, RawSentence, SentenceDivision, SentenceSettings, TextError, Word, divide, has_seen,
};

/// Reads a record a line.
pub(super) struct Records<R> {
    reader: R,
    settings: SentenceSettings,
    /// Sentences of the record at hand.
    queue: VecDeque<Passage>,
    document: Document,
    /// Lines and bytes that were read.
    line: u64,
    byte: u64,
    /// What lies behind the last sentence, and how many records without a word. Between two records
    /// is the end of a line.
    gap: String,
    empty: u64,
}

/// What is wanted of a record; its other fields may hold anything.
#[derive(Deserialize)]
struct Fields {
    text: Option<Value>,
    document: Option<Value>,
}

impl<R: BufRead> Records<R> {
    pub fn new(reader: R, settings: SentenceSettings) -> Self {
        Self {
            reader,
            settings,
            queue: VecDeque::new(),
            document: Document::default(),
            line: 0,
            byte: 0,
            gap: String::new(),
            empty: 0,
        }
    }

    /// The next sentence, or what lies behind the last one, or what is wrong.
    pub fn next_passage(&mut self) -> Result<Passage, Result<Tail, TextError>> {
        loop {
            if let Some(passage) = self.queue.pop_front() {
                return Ok(passage);
            }
            let Some((text, place)) = self.read_record().map_err(Err)? else {
                let text = bounded(std::mem::take(&mut self.gap));
                return Err(Ok(Tail { text, empty: std::mem::take(&mut self.empty) }));
            };
            let (passages, tail) = self.passages(&text).map_err(Err)?;
            self.empty += u64::from(passages.is_empty());
            for passage in passages {
                let before = bounded(std::mem::take(&mut self.gap) + &passage.before);
                let empty_before = std::mem::take(&mut self.empty);
                self.queue.push_back(Passage { before, empty_before, record: Some(place), ..passage });
            }
            self.gap += &tail;
            self.gap.push('\n');
            // Not with every record: to cut costs as much as what is left.
            if self.gap.len() > 4 * MAX_GAP_BYTES {
                self.gap = bounded(std::mem::take(&mut self.gap));
            }
        }
    }

    /// The text of the next record, and where it stands.
    fn read_record(&mut self) -> Result<Option<(String, RecordPlace)>, TextError> {
        loop {
            let mut line = Vec::new();
            // The end of the line counts as well.
            let most = MAX_LINE_BYTES + 2;
            if (&mut self.reader).take(most as u64).read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if line.len() == most && !line.ends_with(b"\n") {
                return Err(TextError::LongRecord { line: self.line, limit: MAX_LINE_BYTES });
            }
            let length = line.len() as u64;
            let line = String::from_utf8(line).map_err(|error| TextError::NotUtf8 {
                line: self.line,
                byte: self.byte + error.utf8_error().valid_up_to() as u64,
            })?;
            self.byte += length;
            if has_seen(&line) {
                let object = line.trim_start_matches('\u{feff}');
                return self
                    .record(object)
                    .map(Some)
                    .map_err(|found| TextError::NoRecord { line: self.line, found });
            }
        }
    }

    fn record(&mut self, line: &str) -> Result<(String, RecordPlace), String> {
        let fields: Fields = serde_json::from_str(line).map_err(|error| {
            let what = error.to_string();
            // The parser counts lines from the record.
            let what = what.split(" at line ").next().unwrap_or(&what);
            format!("{what} at column {}", error.column())
        })?;
        let text = match fields.text {
            Some(Value::String(text)) => text,
            Some(other) => return Err(format!("its text is {}", kind(&other))),
            None => return Err("it has no text".into()),
        };
        let document = match fields.document {
            None => None,
            Some(name @ (Value::String(_) | Value::Number(_))) => Some(name.to_string()),
            Some(other) => {
                return Err(format!("its document is {}, expected a string or a number", kind(&other)));
            }
        };
        let document = self.document.of(document, Format::JsonSpans);
        Ok((text, RecordPlace { line: self.line, document }))
    }

    /// The sentences of a text, and what lies behind the last.
    fn passages(&self, text: &str) -> Result<(Vec<Passage>, String), TextError> {
        let is_whole = self.settings.sentences != SentenceDivision::FullStop
            && self.settings.line_breaks == LineBreaks::Space;
        if !is_whole {
            let mut passages = Passages::new(Cursor::new(text.to_owned()), TextForm::Running(self.settings));
            let found = passages.by_ref().collect();
            return passages.finish().map(|tail| (found, tail.text));
        }
        let words: Vec<Word> = divide(text, self.settings.words).collect();
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            return Ok((Vec::new(), text.to_owned()));
        };
        let (start, end, chars) = (first.bytes.start, last.bytes.end, first.chars.start);
        let place = |word: &Word| Word {
            bytes: word.bytes.start - start..word.bytes.end - start,
            chars: word.chars.start - chars..word.chars.end - chars,
        };
        let sentence = RawSentence {
            text: text[start..end].to_owned(),
            words: words.iter().map(place).collect(),
            byte: start as u64,
            char: chars as u64,
            starts_paragraph: true,
            is_cut: false,
        };
        let before = text[..start].to_owned();
        let passage = Passage { before, empty_before: 0, sentence, record: None, goes_on: false };
        Ok((vec![passage], text[end..].to_owned()))
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
