//! JSON lines: tokens with tags, or text with spans of characters.

mod record;

use std::path::Path;

use electra_text::corpus::json_object::{Malformed, Value};

use super::raw::Raw;
use super::spans::MisalignedSpan;
use super::{Answers, Format, ReadError, ReadOptions, TokenLines, lines};
use crate::Sentences;
use crate::words::{Division, SentenceDivision, WordDivision, has_seen};

use record::{Fault, Record};

pub(super) fn read(path: &Path, text: &str, options: &ReadOptions) -> Result<Raw, ReadError> {
    let mut format = None;
    let mut sentences = Sentences::default();
    let mut misaligned: Vec<MisalignedSpan> = Vec::new();
    let mut document = DocumentNumbers::default();
    let mut answers = Answers::default();
    let mut division = SentenceDivision::Line;
    for (line, text) in lines(text).filter(|(_, text)| has_seen(text)) {
        let mut add = || -> Result<(), Fault> {
            let record = Record::of(path, line, text)?;
            if !record.is_accepted(&mut answers)? {
                return Ok(());
            }
            // The first record decides; another form later is a mistake, named by its missing field.
            let format = match format {
                Some(format) => format,
                None => *format.insert(record.format()?),
            };
            match format {
                Format::JsonSpans => {
                    record.add_with_spans(&mut sentences, &mut misaligned, &mut division)?;
                }
                _ => record.add_with_tags(&mut sentences, options.labels.as_deref())?,
            }
            if sentences.open_tokens() > 0 {
                sentences.end_sentence(document.of(record.document()?, format), line);
            }
            Ok(())
        };
        add().map_err(|fault| fault.at(path, line, text))?;
    }
    if !misaligned.is_empty() && !options.skip_misaligned {
        return Err(ReadError::Misaligned { path: path.to_owned(), spans: misaligned });
    }
    let division = match format {
        Some(Format::JsonSpans) => {
            Division { words: WordDivision::Marks, sentences: division, records_alone: !document.named }
        }
        _ => Division::CORPUS,
    };
    Ok(Raw {
        format: format.unwrap_or(Format::JsonTags),
        division,
        sentences,
        gold: None,
        lines: TokenLines::Shared,
        marks_documents: document.marked,
        comments: 0,
        misaligned,
        answers,
    })
}

/// Numbers of the documents that records belong to, given record by record.
#[derive(Default)]
pub struct DocumentNumbers {
    before: Option<(usize, Option<String>)>,
    marked: bool,
    /// Whether any record names its document.
    named: bool,
}

impl DocumentNumbers {
    /// The number of the document that a record belongs to.
    pub fn of(&mut self, name: Option<String>, format: Format) -> usize {
        self.named |= name.is_some();
        self.marked |= name.is_some() || format == Format::JsonSpans;
        let number = match &self.before {
            None => 0,
            // Without a name a text is a document; tags are not known to begin one.
            Some((number, before)) if *before == name && (name.is_some() || format == Format::JsonTags) => {
                *number
            }
            Some((number, _)) => number + 1,
        };
        self.before = Some((number, name));
        number
    }
}

/// The name of a document as it is compared: a string is another than a number.
///
/// # Errors
/// What is there instead, in words, or what is wrong in the line.
pub fn document_name(value: Value<'_>) -> Result<Result<Option<String>, &'static str>, Malformed> {
    Ok(Ok(match (value.text()?, value.kind()?) {
        // Names that differ in what is replaced are still two.
        (Some(name), _) if name.lone_surrogates == 0 => Some(format!("\"{}", name.text)),
        (Some(_), _) | (None, "a number") => Some(value.written().to_owned()),
        (None, "null") => None,
        (None, kind) => return Ok(Err(kind)),
    }))
}
