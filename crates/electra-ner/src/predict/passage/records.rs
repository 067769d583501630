//! JSON lines, of which the text of each record is tagged.

use std::collections::VecDeque;
use std::io::{BufRead, ErrorKind};

use electra_text::corpus::json_object::{self, Malformed};

use super::form::{MAX_GAP_BYTES, Passage, RecordPlace, Tail, bounded};
use super::running::RunningText;
use electra_annotations::{
    DocumentNumbers, Format, LineBreaks, MAX_LINE_BYTES, RawSentence, SentenceDivision, SentenceSettings,
    TextError, Word, divide, document_name,
};
use electra_text::invisible::has_visible;

/// Reads a record a line.
pub(super) struct Records<R> {
    reader: R,
    settings: SentenceSettings,
    lossy: bool,
    /// Sentences of the record at hand.
    queue: VecDeque<Passage>,
    document: DocumentNumbers,
    /// Lines and bytes that were read.
    line: u64,
    byte: u64,
    /// The text behind the last sentence, and the number of records without a word. Between two records is
    /// the end of a line.
    gap: String,
    empty: u64,
    replaced: u64,
}

/// A fault of a record.
enum Fault {
    /// The line is not valid JSON.
    Json(Malformed),
    /// Half of a character, at this byte of the line.
    HalfCharacter(usize),
    /// The record is JSON, and not what is expected.
    Content(String),
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Json(malformed)
    }
}

impl Fault {
    /// The error about the record that is line `line` of the input, `text`.
    fn at(self, line: u64, text: &str) -> TextError {
        match self {
            Self::Json(Malformed { at, what }) => {
                let (column, excerpt) = json_object::place(text, at);
                TextError::NoRecord { line, found: format!("{what} at character {column}, {excerpt:?}") }
            }
            Self::HalfCharacter(at) => {
                let (column, excerpt) = json_object::place(text, at);
                TextError::HalfCharacter { line, column, excerpt }
            }
            Self::Content(found) => TextError::NoRecord { line, found },
        }
    }
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(reader: R, settings: SentenceSettings, lossy: bool) -> Self {
        Self {
            reader,
            settings,
            lossy,
            queue: VecDeque::new(),
            document: DocumentNumbers::default(),
            line: 0,
            byte: 0,
            gap: String::new(),
            empty: 0,
            replaced: 0,
        }
    }

    /// The next sentence, or what lies behind the last one, or what is wrong.
    pub(super) fn next_passage(&mut self) -> Result<Passage, Result<Tail, TextError>> {
        loop {
            if let Some(passage) = self.queue.pop_front() {
                return Ok(passage);
            }
            let Some((text, place)) = self.read_record().map_err(Err)? else {
                let text = bounded(std::mem::take(&mut self.gap));
                let empty = std::mem::take(&mut self.empty);
                return Err(Ok(Tail { text, empty, replaced: self.replaced }));
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
        while let Some((number, line)) = self.read_line()? {
            if has_visible(&line) {
                let object = line.trim_start_matches('\u{feff}');
                return self.record(number, object).map(Some).map_err(|fault| fault.at(number, object));
            }
        }
        Ok(None)
    }

    /// The next line without its end, and its number. It ends in LF, CRLF or CR.
    fn read_line(&mut self) -> Result<Option<(u64, String)>, TextError> {
        let (mut line, number) = (Vec::new(), self.line + 1);
        let mut read = 0;
        loop {
            let bytes = match self.reader.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if bytes.is_empty() && read == 0 {
                return Ok(None);
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let length = end.unwrap_or(bytes.len());
            line.extend_from_slice(&bytes[..length]);
            let is_at_end = bytes.is_empty();
            self.reader.consume(length);
            read += length as u64;
            if line.len() > MAX_LINE_BYTES {
                return Err(TextError::LongRecord { line: number, limit: MAX_LINE_BYTES });
            }
            if end.is_some() {
                read += self.pass_over_ends()?;
                break;
            }
            if is_at_end {
                self.line = number;
                break;
            }
        }
        let line = String::from_utf8(line).map_err(|error| TextError::NotUtf8 {
            line: number,
            byte: self.byte + error.utf8_error().valid_up_to() as u64,
        })?;
        self.byte += read;
        Ok(Some((number, line)))
    }

    /// Passes over the end of a line, and over those behind it if they are carriage returns: only what
    /// follows them says whether they are one end. Gives their bytes.
    fn pass_over_ends(&mut self) -> Result<u64, TextError> {
        let (mut returns, mut read) = (0, 0);
        loop {
            let next = match self.reader.fill_buf() {
                Ok(bytes) => bytes.first().copied(),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if !matches!(next, Some(b'\r' | b'\n')) {
                self.line += returns;
                return Ok(read);
            }
            self.reader.consume(1);
            read += 1;
            if next == Some(b'\n') {
                self.line += 1;
                return Ok(read);
            }
            returns += 1;
        }
    }

    fn record(&mut self, line: u64, object: &str) -> Result<(String, RecordPlace), Fault> {
        let (mut text, mut document) = (None, None);
        json_object::for_each_field::<Malformed>(object, |name, value| {
            match name {
                "text" => text = Some(value),
                "document" => document = Some(value),
                _ => {}
            }
            Ok(())
        })?;
        let Some(value) = text.filter(|text| text.raw() != "null") else {
            return Err(Fault::Content("it has no text".into()));
        };
        let text = match value.text()? {
            Some(text) if text.lone_surrogates > 0 && !self.lossy => {
                return Err(Fault::HalfCharacter(text.first_lone_surrogate));
            }
            Some(text) => text,
            None => return Err(Fault::Content(format!("its text is {}", value.kind()?))),
        };
        let document = match document.map(document_name).transpose()? {
            None => None,
            Some(Ok(name)) => name,
            Some(Err(kind)) => {
                let found = format!("its document is {kind}, expected a string or a number");
                return Err(Fault::Content(found));
            }
        };
        self.replaced += text.lone_surrogates;
        let document = self.document.of(document, Format::JsonSpans);
        Ok((text.text, RecordPlace { line, document }))
    }

    /// The sentences of a text, and what lies behind the last.
    fn passages(&self, text: &str) -> Result<(Vec<Passage>, String), TextError> {
        let is_whole = self.settings.sentences != SentenceDivision::FullStop
            && self.settings.line_breaks == LineBreaks::Space;
        if !is_whole {
            let mut running = RunningText::new(text.as_bytes(), self.settings);
            let mut found = Vec::new();
            loop {
                match running.next_passage() {
                    Ok(passage) => found.push(passage),
                    Err(end) => return end.map(|tail| (found, tail.text)),
                }
            }
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
