//! Passages of an input, and the forms in which it may come.

use electra_annotations::{RawSentence, SentenceSettings};

/// More white space between two sentences is cut to its last bytes.
pub(super) const MAX_GAP_BYTES: usize = 1 << 16;

/// Form of an input: running text, words, or records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// Running text, to be divided into sentences and words.
    Running(SentenceSettings),
    /// A sentence a line, its words with spaces or tabs between them. Other white space, such as
    /// one that does not break, may be part of a word. A line of more than
    /// [`MAX_SENTENCE_BYTES`](electra_annotations::MAX_SENTENCE_BYTES) goes on as another sentence.
    Tokenised,
    /// A JSON object a line, whose `text` is running text to be divided so. Where a line, a paragraph
    /// or the text is a sentence, so is every record, whole and of any length. `document`, a string
    /// or a number, joins neighbouring records into documents. Other fields may hold anything.
    Records {
        /// The division of the text.
        division: SentenceSettings,
        /// Whether surrogates without their other half become U+FFFD, instead of being refused.
        lossy: bool,
    },
}

/// A sentence with what lies before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// White space, and what else is in no word, since the sentence before; see [`MAX_GAP_BYTES`].
    pub before: String,
    /// Lines of [`TextForm::Tokenised`], or records, that hold no word since the sentence before.
    pub empty_before: u64,
    /// The sentence. Its places are those in the input, or in the text of its record.
    pub sentence: RawSentence,
    /// The record that it stands in.
    pub record: Option<RecordPlace>,
    /// Whether the next sentence is the rest of the same line of [`TextForm::Tokenised`].
    pub goes_on: bool,
}

/// The place of a record in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPlace {
    /// The line of the record in the input, counted from 1.
    pub line: u64,
    /// The number of its document, counted from 0.
    pub document: usize,
}

/// The input behind its last sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// White space, and what else is in no word; of a long gap its end.
    pub text: String,
    /// Lines of tokenised text, or records, that hold no word behind the last sentence.
    pub empty: u64,
    /// Halves of characters that were replaced in all the texts of records.
    pub replaced: u64,
}

/// Cuts a gap to its last [`MAX_GAP_BYTES`], at a character.
pub(super) fn bounded(mut gap: String) -> String {
    if gap.len() <= MAX_GAP_BYTES {
        return gap;
    }
    gap.split_off(gap.ceil_char_boundary(gap.len() - MAX_GAP_BYTES))
}
