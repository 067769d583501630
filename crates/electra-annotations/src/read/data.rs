//! Files of annotated sentences, as they were read.

use std::fmt;
use std::path::PathBuf;

use super::beside::{Answers, PassedOver};
use super::invalid::InvalidTransitions;
use super::offsets::OffsetUse;
use super::separator::Separator;
use super::spans::MisalignedSpan;
use crate::scheme::Scheme;
use crate::words::Division;
use crate::{LeftOut, Sentences};

/// An annotated file, with its tags in IOB2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Path of the file.
    pub path: PathBuf,
    /// The format that was found.
    pub format: Format,
    /// The division of its text into words and sentences.
    pub division: Division,
    /// The scheme its tags are in.
    pub scheme: Scheme,
    /// The sentences of the file, with tags in IOB2.
    pub sentences: Sentences,
    /// Number of documents; 1 if the file marks no boundaries.
    pub documents: usize,
    /// Whether the file says where documents begin.
    pub marks_documents: bool,
    /// Tags that are others in IOB2.
    pub changed_tags: usize,
    /// Transitions that the scheme does not allow, repaired as `conlleval` reads them.
    pub invalid: InvalidTransitions,
    /// Spans that were left out.
    pub misaligned: Vec<MisalignedSpan>,
    /// The entities that no tags can state, as entities of sentences.
    pub left_out: Vec<LeftOut>,
    /// Records that an annotator did not accept.
    pub answers: Answers,
    /// Annotations that were passed over for other reasons.
    pub passed_over: PassedOver,
    /// The unit of the offsets of its spans; none where it has no spans of characters.
    pub offsets: Option<OffsetUse>,
    /// Number of comment lines.
    pub comments: usize,
}

/// A file with its tags as they are written, before they are converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Path of the file.
    pub path: PathBuf,
    /// The scheme of its tags.
    pub scheme: Scheme,
    /// The sentences of the file, with tags of that scheme.
    pub sentences: Sentences,
    /// The line of each token.
    pub lines: TokenLines,
    /// Spans that were left out.
    pub left_out: Vec<LeftOut>,
}

/// Which lines of a file the tokens of its sentences are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenLines {
    /// All tokens of a sentence from one.
    Shared,
    /// Each from the line behind that of the token before.
    Consecutive,
    /// Each from its own: those of all tokens of the file.
    Each(Vec<u32>),
}

impl TokenLines {
    /// The line of a token of these sentences, from 1.
    pub(crate) fn of(&self, sentences: &Sentences, sentence: usize, token: usize) -> usize {
        match self {
            Self::Shared => sentences.get(sentence).line,
            Self::Consecutive => sentences.get(sentence).line + token,
            Self::Each(lines) => lines[sentences.first_token(sentence) + token] as usize,
        }
    }
}

/// A file of predictions.
#[derive(Clone, Debug)]
pub(crate) struct PredictedFile {
    pub predicted: WrittenFile,
    /// The sentences with the gold tags beside, if there are any.
    pub gold: Option<WrittenFile>,
}

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A token and its tag a line.
    Columns {
        /// The separator between columns.
        separator: Separator,
        /// The column of the tokens, counted from 1.
        token: usize,
        /// The column of the tags, counted from 1.
        tag: usize,
    },
    /// JSON lines with tokens and tags.
    JsonTags,
    /// JSON lines with text and spans of characters.
    JsonSpans,
    /// Another format, by its title.
    Other(&'static str),
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Format::Columns { separator, token, tag } => {
                write!(f, "columns separated by {separator}: token {token}, tag {tag}")
            }
            Format::JsonTags => f.write_str("JSON lines with tokens and tags"),
            Format::JsonSpans => {
                f.write_str("JSON lines with text and spans: a text is a sentence, every mark a word")
            }
            Format::Other(title) => f.write_str(title),
        }
    }
}
