//! JSON lines: tokens with tags, or text with spans of characters.

mod document;
mod record;

use std::path::Path;

use super::data::{Answers, Format, TokenLines};
use super::error::ReadError;
use super::lines::lines;
use super::options::ReadOptions;
use super::raw::Raw;
use super::spans::MisalignedSpan;
use crate::Sentences;
use crate::words::{Division, SentenceDivision, WordDivision, has_visible};

pub use document::{DocumentNumbers, document_name};

use record::{Fault, Record};

pub(super) fn read(path: &Path, text: &str, options: &ReadOptions) -> Result<Raw, ReadError> {
    let mut format = None;
    let mut sentences = Sentences::default();
    let mut misaligned: Vec<MisalignedSpan> = Vec::new();
    let mut document = DocumentNumbers::default();
    let mut answers = Answers::default();
    let mut division = SentenceDivision::Line;
    for (line, text) in lines(text).filter(|(_, text)| has_visible(text)) {
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
