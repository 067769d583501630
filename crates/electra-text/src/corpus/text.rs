//! Documents of a `.txt` file: paragraphs are lines.

use super::document::{Document, Paragraphs};
use super::error::CorpusError;
use super::limits::MAX_DOCUMENT_BYTES;
use super::lines::Lines;
use super::read_options::DocumentsBy;
use crate::invisible::has_visible;

pub(super) struct TextDocuments {
    lines: Lines,
    documents: DocumentsBy,
    paragraphs: Paragraphs,
    ended: bool,
}

impl TextDocuments {
    pub(super) fn new(lines: Lines, documents: DocumentsBy) -> Self {
        TextDocuments { lines, documents, paragraphs: Paragraphs::default(), ended: false }
    }

    fn read_document(&mut self) -> Result<Option<Document>, CorpusError> {
        while let Some(line) = self.lines.next(MAX_DOCUMENT_BYTES)? {
            let blank = !has_visible(line);
            let document = match self.documents {
                DocumentsBy::BlankLine if blank => self.paragraphs.take(),
                // A piece of a line that is too long for one document is a document of its own too.
                DocumentsBy::Line => self.paragraphs.add(line).or_else(|| self.paragraphs.take()),
                DocumentsBy::BlankLine | DocumentsBy::File => self.paragraphs.add(line),
            };
            if document.is_some() {
                return Ok(document);
            }
        }
        self.ended = true;
        Ok(self.paragraphs.take())
    }
}

impl Iterator for TextDocuments {
    type Item = Result<Document, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let document = self.read_document().transpose();
        self.ended |= matches!(document, None | Some(Err(_)));
        document
    }
}
