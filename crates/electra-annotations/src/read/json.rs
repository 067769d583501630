//! Records of JSON: tokens with tags, or text with spans of characters.

mod record;

use std::collections::HashMap;
use std::path::Path;

use super::annotators::Annotators;
use super::beside::{Answers, Beside, PassedOver};
use super::data::{Format, TokenLines};
use super::dataset_info;
use super::document::DocumentNumbers;
use super::error::ReadError;
use super::options::ReadOptions;
use super::raw::Raw;
use super::records::each_record;
use super::text::Take;
use crate::Sentences;
use crate::words::Division;

use record::Record;

/// Whether the first record that stands has tokens with tags, or text with spans; another form later is a
/// mistake, named by its missing field.
pub(super) fn format(path: &Path, text: &str) -> Result<Format, ReadError> {
    let mut format = None;
    each_record(path, text, |place, text| {
        if format.is_none() {
            let record = Record::of(path, place, text)?;
            if record.is_accepted(&mut Answers::default())? {
                format = Some(record.format()?);
            }
        }
        Ok(())
    })?;
    Ok(format.unwrap_or(Format::JsonTags))
}

/// Reads records with tokens and tags, whose numbers stand for these names.
pub(super) fn read_tags(path: &Path, text: &str, options: &ReadOptions) -> Result<Raw, ReadError> {
    let mut sentences = Sentences::default();
    let mut document = DocumentNumbers::default();
    let mut records = Vec::new();
    let mut answers = Answers::default();
    let beside = match &options.labels {
        Some(_) => None,
        None => dataset_info::names_beside(path, &record::TAGS),
    };
    let labels = options.labels.as_deref().or(beside.as_deref());
    each_record(path, text, |place, text| {
        let record = Record::of(path, place, text)?;
        if !record.is_accepted(&mut answers)? {
            return Ok(());
        }
        record.add_with_tags(&mut sentences, labels)?;
        if sentences.open_tokens() > 0 {
            sentences.end_sentence(document.of(record.document()?, Format::JsonTags), place.line);
            records.push(place.record);
        }
        Ok(())
    })?;
    Ok(Raw {
        format: Format::JsonTags,
        division: Division::CORPUS,
        sentences,
        gold: None,
        lines: TokenLines::Shared,
        marks_documents: document.marked,
        comments: 0,
        misaligned: Vec::new(),
        left_out: Vec::new(),
        answers,
        passed_over: PassedOver::default(),
        offsets: None,
        records,
    })
}

/// Reads records with text and spans.
pub(super) fn each_text(
    path: &Path,
    text: &str,
    annotator: Option<&str>,
    take: Take<'_>,
) -> Result<Beside, ReadError> {
    let (mut answers, mut passed_over) = (Answers::default(), PassedOver::default());
    let mut annotators = Annotators::of(annotator);
    let mut before = HashMap::new();
    each_record(path, text, |place, text| {
        let record = Record::of(path, place, text)?;
        match record.is_chosen(&mut annotators, &mut before)? {
            true if record.is_accepted(&mut answers)? => take(record.text()?)?,
            true => {}
            false => passed_over.other_annotators += 1,
        }
        Ok(())
    })?;
    annotators.check(path)?;
    Ok(Beside { answers, passed_over, ..Beside::default() })
}
