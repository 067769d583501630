//! Settings for the division of plain text: words, sentences, and line breaks.

use super::division::{Division, SentenceDivision, WordDivision};

/// Settings of the division of text into words and sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentenceSettings {
    /// The division into words.
    pub words: WordDivision,
    /// The division into sentences.
    pub sentences: SentenceDivision,
    /// A sentence of more words is cut.
    pub max_words: usize,
    /// The meaning of the end of a line; where a line is a sentence, it ends one.
    pub line_breaks: LineBreaks,
}

/// The most words of a sentence of the language; one of more is cut, so that text without full stops is
/// read in bounded memory too.
pub const MAX_SENTENCE_WORDS: usize = 1000;

impl SentenceSettings {
    /// Text divided as a tagger's training data was. A record is not cut for its words: none was in
    /// training.
    #[must_use]
    pub fn of(division: Division, line_breaks: LineBreaks) -> Self {
        let max_words = if division.is_of_records() { usize::MAX } else { MAX_SENTENCE_WORDS };
        Self { words: division.words, sentences: division.sentences, max_words, line_breaks }
    }

    pub(super) fn ends_at_lines(&self) -> bool {
        self.line_breaks == LineBreaks::Sentence || self.sentences == SentenceDivision::Line
    }
}

/// The meaning of the end of a line. A blank line ends a sentence, unless the text is to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineBreaks {
    /// A space: text that was wrapped.
    Space,
    /// The end of a sentence: messages, headlines, a sentence a line.
    Sentence,
}
