//! The division of text into words and sentences: what a tagger was trained with, and keeps to.

use serde::{Deserialize, Serialize};

/// Rule by which text is divided into words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WordDivision {
    /// As the corpora of named entity recognition are tokenised: `U.S.`, `mid-1990s`, `#rome` are one
    /// word each.
    #[default]
    Corpus,
    /// Letters and digits that stand together are a word, and every mark is one by itself, so that
    /// few spans of characters begin or end within a word.
    Marks,
    /// Every character of a script without spaces is a word by itself, that of katakana, too; the rest is
    /// divided as by marks.
    Characters,
}

/// Rule by which text is divided into sentences, each of which goes through the model as one sequence. In
/// the order of their length: what is a boundary for one of them is none for those behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SentenceDivision {
    /// A sentence, to its full stop.
    #[default]
    FullStop,
    /// A line, of any number of sentences.
    Line,
    /// The text between blank lines.
    Paragraph,
    /// The whole text.
    Text,
}

/// Division of text into words and sentences: that of the data that a tagger was trained on, and so of
/// the text that it reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Division {
    /// The division into words. Data that came in words is like a corpus.
    pub words: WordDivision,
    /// The division into sentences. For records of text it is the shortest division that leaves each of them
    /// whole; data that came in sentences had the sentences of the language.
    pub sentences: SentenceDivision,
    /// Whether every record was a document by itself, without neighbours for context.
    pub records_alone: bool,
}

impl Division {
    /// The division of data which came in words and sentences.
    pub const CORPUS: Self =
        Self { words: WordDivision::Corpus, sentences: SentenceDivision::FullStop, records_alone: false };

    /// Whether records of text were trained on, each whole.
    pub fn is_of_records(&self) -> bool {
        self.sentences != SentenceDivision::FullStop
    }

    /// The division that leaves the records of both whole.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        if !(self.is_of_records() && other.is_of_records()) {
            return self;
        }
        Self { sentences: self.sentences.max(other.sentences), ..self }
    }
}
