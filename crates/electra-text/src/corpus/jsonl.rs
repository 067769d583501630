//! Documents of a `.jsonl` file: one record a line, the text in one of its fields.

pub mod field;

use std::collections::VecDeque;
use std::sync::Arc;

use super::document::{Document, Paragraphs, pieces};
use super::error::CorpusError;
use super::limits::MAX_RECORD_BYTES;
use super::lines::Lines;
use super::read_options::ReadOptions;
use super::read_progress::ReadProgress;
use super::skipped::Skipped;
use crate::invisible::has_visible;
use field::FieldValue;

pub(super) struct JsonDocuments {
    lines: Lines,
    field: String,
    lossy: bool,
    skip_bad_records: bool,
    progress: Arc<ReadProgress>,
    /// A long record makes several documents.
    ready: VecDeque<Document>,
    ended: bool,
}

impl JsonDocuments {
    pub(super) fn new(lines: Lines, options: &ReadOptions, progress: Arc<ReadProgress>) -> Self {
        let ReadOptions { text_field, lossy, skip_bad_records, .. } = options.clone();
        let (ready, ended) = (VecDeque::new(), false);
        JsonDocuments { lines, field: text_field, lossy, skip_bad_records, progress, ready, ended }
    }

    fn read_document(&mut self) -> Result<Option<Document>, CorpusError> {
        loop {
            if let Some(document) = self.ready.pop_front() {
                return Ok(Some(document));
            }
            let text = match self.read_record() {
                Ok(Some(text)) => text,
                Ok(None) => return Ok(None),
                Err(error) => match Skipped::one(&error).filter(|_| self.skip_bad_records) {
                    Some(one) => {
                        self.progress.add_skipped(one);
                        self.pass_over_rest()?;
                        continue;
                    }
                    None => return Err(error),
                },
            };
            let mut paragraphs = Paragraphs::default();
            for paragraph in pieces(&text) {
                self.ready.extend(paragraphs.add(paragraph));
            }
            self.ready.extend(paragraphs.take());
        }
    }

    /// The text of the next record that has any; `None` behind the last.
    fn read_record(&mut self) -> Result<Option<String>, CorpusError> {
        loop {
            let Some(line) = self.lines.next(MAX_RECORD_BYTES)? else {
                return Ok(None);
            };
            if !has_visible(line) {
                continue;
            }
            let found = field::find_field(line, &self.field);
            let place = match &found {
                Err(malformed) => field::place(line, malformed.at),
                Ok(FieldValue::Text(text)) if text.lone_surrogates > 0 => {
                    field::place(line, text.first_lone_surrogate)
                }
                Ok(_) => (0, String::new()),
            };
            let (path, line, field) = (self.lines.path(), self.lines.number(), &self.field);
            let (path, field, (column, excerpt)) = (path.clone(), field.clone(), place);
            return Err(match found {
                // A record without a text is an empty one, but nobody should believe that it had one.
                Ok(FieldValue::Null) => {
                    self.progress.add_skipped(Skipped { without_text: 1, ..Skipped::default() });
                    continue;
                }
                Ok(FieldValue::Text(text)) if text.lone_surrogates == 0 => return Ok(Some(text.text)),
                Ok(FieldValue::Text(text)) if self.lossy => {
                    self.progress.add_replaced(text.lone_surrogates);
                    return Ok(Some(text.text));
                }
                Ok(FieldValue::Text(_)) => CorpusError::LoneSurrogate { path, line, column, field, excerpt },
                Ok(FieldValue::Other(found)) => CorpusError::NotText { path, line, field, found },
                Ok(FieldValue::Missing(found)) => CorpusError::MissingField { path, line, field, found },
                Err(_) if self.lines.is_cut() => {
                    CorpusError::LongRecord { path, line, limit: MAX_RECORD_BYTES }
                }
                Err(malformed) => CorpusError::BadJson { path, line, column, what: malformed.what, excerpt },
            });
        }
    }

    /// Reads what is left of a line that was too long.
    fn pass_over_rest(&mut self) -> Result<(), CorpusError> {
        while self.lines.is_cut() {
            match self.lines.next(MAX_RECORD_BYTES) {
                Ok(_) | Err(CorpusError::NotUtf8 { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Iterator for JsonDocuments {
    type Item = Result<Document, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let document = self.read_document().transpose();
        self.ended = matches!(document, None | Some(Err(_)));
        document
    }
}
