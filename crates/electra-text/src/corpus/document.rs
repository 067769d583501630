//! One document of a corpus, and how it is put together of paragraphs.

use super::limits::MAX_DOCUMENT_BYTES;
use crate::invisible::has_visible;
use crate::lines::lines;

/// One document: paragraphs without white space around them, separated by `\n`; none is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    text: String,
}

impl Document {
    /// The paragraphs joined by `\n`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The paragraphs.
    pub fn paragraphs(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n')
    }
}

/// Gathers paragraphs and hands out documents, none of them empty or much longer than
/// [`MAX_DOCUMENT_BYTES`].
#[derive(Default)]
pub(super) struct Paragraphs {
    text: String,
}

impl Paragraphs {
    /// Adds a paragraph; gives back the document so far if it would become too long.
    pub(super) fn add(&mut self, paragraph: &str) -> Option<Document> {
        let paragraph = paragraph.trim();
        if !has_visible(paragraph) {
            return None;
        }
        let full = if self.text.len() + paragraph.len() > MAX_DOCUMENT_BYTES { self.take() } else { None };
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(paragraph);
        full
    }

    pub(super) fn take(&mut self) -> Option<Document> {
        let text = std::mem::take(&mut self.text);
        (!text.is_empty()).then_some(Document { text })
    }
}

/// Lines of `text`, those beyond the limit of a document cut behind a space.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    lines(text).flat_map(|line| {
        let mut rest = line;
        std::iter::from_fn(move || {
            let limit = rest.floor_char_boundary(MAX_DOCUMENT_BYTES);
            let end = match rest[..limit].rfind(' ') {
                Some(space) if limit < rest.len() => space + 1,
                _ => limit,
            };
            let (piece, later) = rest.split_at(end);
            rest = later;
            (!piece.is_empty()).then_some(piece)
        })
    })
}
