//! Sentences as a file has them, before their tags are converted.

use std::path::Path;

use super::beside::{Answers, PassedOver};
use super::data::{DataFile, Format, TokenLines, WrittenFile};
use super::error::ReadError;
use super::invalid::InvalidTransitions;
use super::offsets::OffsetUse;
use super::record_place::RecordPlace;
use super::spans::MisalignedSpan;
use crate::scheme::{self, Scheme, SchemeError};
use crate::sentences::TagSequences;
use crate::words::Division;
use crate::{LeftOut, Sentences};

/// Different tags of a file at most. The largest sets of types have some ten thousand; a file with more
/// tags has something else in that column.
pub(super) const MAX_TAGS: usize = 1 << 14;

/// A file as it is.
pub(super) struct Raw {
    pub format: Format,
    pub division: Division,
    pub sentences: Sentences,
    /// Gold tags, where those of the sentences are predicted ones.
    pub gold: Option<TagSequences>,
    pub lines: TokenLines,
    pub marks_documents: bool,
    pub comments: usize,
    pub misaligned: Vec<MisalignedSpan>,
    /// The spans that no tags say, in the sentences they stand in.
    pub left_out: Vec<LeftOut>,
    pub answers: Answers,
    pub passed_over: PassedOver,
    pub offsets: Option<OffsetUse>,
    /// The places of the sentences' records, where several have one line.
    pub records: Vec<Option<RecordPlace>>,
}

/// Refuses a tag, of line `line`, that is one too many.
pub(super) fn check_names(path: &Path, line: usize, tags: &TagSequences) -> Result<(), ReadError> {
    match tags.names().len() {
        names if names <= MAX_TAGS => Ok(()),
        _ => Err(ReadError::TooManyTags { path: path.to_owned(), line, limit: MAX_TAGS }),
    }
}

impl Raw {
    /// The error about the scheme, with its line and record for its place.
    pub(super) fn error_of_scheme(&self, path: &Path, error: SchemeError) -> ReadError {
        let (SchemeError::UnknownTag { at, .. }
        | SchemeError::Mixed { at, .. }
        | SchemeError::NotInScheme { at, .. }) = &error;
        let record = self.records.get(at.sentence).copied().flatten();
        let line = |at: scheme::TagPlace| self.lines.of(&self.sentences, at.sentence, at.token);
        ReadError::of_scheme(path, error, line).in_record(record)
    }

    pub(super) fn into_written(self, path: &Path, scheme: Scheme) -> WrittenFile {
        let Self { sentences, lines, left_out, .. } = self;
        WrittenFile { path: path.to_owned(), scheme, sentences, lines, left_out }
    }

    pub(super) fn into_data(mut self, path: &Path, scheme: Scheme) -> DataFile {
        const KNOWN: &str = "the tags were parsed when the scheme was found";
        let mut invalid = InvalidTransitions::default();
        for (number, sentence) in self.sentences.iter().enumerate() {
            let violations = scheme::violations(&sentence.tags().to_vec(), scheme).expect(KNOWN);
            let line = |token| self.lines.of(&self.sentences, number, token);
            invalid.add(&self.sentences, number, &violations, line);
        }
        let mut changed_tags = 0;
        self.sentences.convert_tags(|written| {
            let tags = scheme::to_iob2(written).expect(KNOWN);
            changed_tags += tags.iter().zip(written).filter(|(new, old)| new != *old).count();
            tags
        });
        let documents = self.sentences.iter().next_back().map_or(0, |sentence| sentence.document + 1);
        DataFile {
            path: path.to_owned(),
            format: self.format,
            division: self.division,
            scheme,
            sentences: self.sentences,
            documents,
            marks_documents: self.marks_documents,
            changed_tags,
            invalid,
            misaligned: self.misaligned,
            left_out: self.left_out,
            answers: self.answers,
            passed_over: self.passed_over,
            offsets: self.offsets,
            comments: self.comments,
        }
    }
}
