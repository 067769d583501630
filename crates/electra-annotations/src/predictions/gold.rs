//! Gold sentences that predictions are held against.

use std::path::Path;

use crate::read::{TokenLines, WrittenFile};
use crate::scheme::Scheme;
use crate::{LeftOut, Sentences};

/// Gold sentences with the file they are from, for messages.
#[derive(Clone, Copy, Debug)]
pub struct Gold<'a> {
    /// Path of the file.
    pub path: &'a Path,
    /// The gold sentences with their tags.
    pub sentences: &'a Sentences,
    /// Scheme of its tags.
    pub scheme: Scheme,
    /// Gold entities that no tags say.
    pub left_out: &'a [LeftOut],
    /// The line of each token.
    pub(super) lines: &'a TokenLines,
}

impl<'a> Gold<'a> {
    /// Sentences in IOB2, as readers give them.
    pub fn in_iob2(path: &'a Path, sentences: &'a Sentences, left_out: &'a [LeftOut]) -> Self {
        // Of a sentence the line is known where it begins.
        Self { path, sentences, scheme: Scheme::Iob2, left_out, lines: &TokenLines::Consecutive }
    }

    /// Sentences with their tags as they are written.
    pub fn as_written(file: &'a WrittenFile) -> Self {
        let WrittenFile { path, scheme, sentences, lines, left_out } = file;
        Self { path, sentences, scheme: *scheme, left_out, lines }
    }

    /// The line of a token.
    #[must_use]
    pub fn line(&self, sentence: usize, token: usize) -> usize {
        self.lines.of(self.sentences, sentence, token)
    }
}
