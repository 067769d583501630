//! Readers: files of labelled sentences, whatever their form, to sentences in IOB2.
//!
//! | form | a sentence is |
//! |---|---|
//! | columns | lines with a token and its tag, up to a blank line |
//! | JSON lines with tags | `{"tokens": ["In", "Rome"], "ner_tags": ["O", "B-LOC"]}` |
//! | JSON lines with spans | `{"text": "In Rome", "spans": [{"start": 3, "end": 7, "label": "LOC"}]}` |
//!
//! The form is told by the content, and so are separator, columns and scheme, unless
//! [`ReadOptions`] give them. Files may be compressed: `.gz` and `.zst`.
//!
//! A file is held in memory, and what is made of it takes ten times its text at most. So a file for which
//! there is no room is refused, and so is one that unpacks to hundreds of times its size or has a line
//! that is none.
//!
//! # Columns
//!
//! - Lines end in LF, CRLF or CR, the last perhaps in nothing. A line in which nothing is seen is blank:
//!   white space, a lone tab, a zero-width space.
//! - `-DOCSTART-` lines and `# newdoc` comments are boundaries of documents and no sentences.
//! - Columns are separated by tabs if most lines have one: then tokens may have spaces in them.
//!   Otherwise by runs of white space: then every line must have as many as the others.
//! - Tags are in the last column that holds tags in (nearly) all lines; in the first if no other
//!   does. Two columns of tags that share a type, such as two levels of nested entities, or gold and
//!   predicted tags, are an error: one must be chosen.
//! - Tokens are in the first column, or in the second if the first numbers the tokens of each
//!   sentence. Numbers such as `3-4` and `5.1` (CoNLL-U) stand for no word of their own.
//! - A line that begins with `#` is a token if it has all columns and something like a tag in the
//!   tag's column, and a comment otherwise.
//!
//! White space and characters that are not seen (a byte order mark in the middle of a file, a
//! zero-width space, marks of direction) belong to no token and no tag at whose ends they stand, and
//! to no tag within it.
//!
//! # JSON lines
//!
//! Tags may be called `ner_tags` or `tags`, and be numbers if the names are given. `start` and `end`
//! count Unicode characters. A text is one sentence whole, and divided into words and single marks as
//! [`WordDivision::Marks`](crate::words::WordDivision) has it; white space and what is not seen at the
//! ends of a span belong to no word and are passed over. A span that begins or ends within a word, or shares a word with another, cannot be
//! said in tags: all of them are listed, and are an error unless they are to be skipped.
//! A record whose `answer` is `reject` or `ignore`, as Prodigy writes it, in whatever case, is no gold and is
//! passed over; how many there are is counted, and so are answers that are none of Prodigy's. Fields
//! that are not named here may hold anything.
//! `document`, a string or a number, joins neighbouring records into documents. Without it records
//! with tags are one document, as in a file of columns without boundaries, and every text is its own.

mod columns;
mod content;
mod encoding;
mod error;
mod invalid;
mod json;
mod layout;
mod lines;
mod names;
mod raw;
mod spans;

use std::fmt;
use std::path::{Path, PathBuf};

use electra_text::corpus::json_object;
use serde::Serialize;

pub use content::MAX_LINE_BYTES;
pub use encoding::Encoding;
pub use error::ReadError;
pub use invalid::{InvalidTransition, InvalidTransitions};
pub use json::{DocumentNumbers, document_name};
pub use layout::Separator;
pub use names::{is_named_columns, is_named_json};
pub use spans::{MisalignedSpan, Misalignment};

use lines::lines;
use raw::Raw;

use crate::scheme::{self, Scheme};
use crate::words::{Division, has_seen};
use crate::{LeftOut, Sentences};

/// What the user says about a file. The default says nothing: UTF-8, and all else is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// How characters are written. A file that begins with the mark of UTF-8 is read as UTF-8.
    pub encoding: Encoding,
    /// What stands between columns.
    pub separator: Option<Separator>,
    /// The column of the tokens, counted from 1.
    pub token_column: Option<usize>,
    /// The column of the tags, counted from 1.
    pub tag_column: Option<usize>,
    /// The scheme of the tags.
    pub scheme: Option<Scheme>,
    /// What the tags are called that JSON lines number from 0.
    pub labels: Option<Vec<String>>,
    /// Leave out spans that do not fit the words, instead of stopping at them.
    pub skip_misaligned: bool,
}

/// A file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// The file.
    pub path: PathBuf,
    /// What it turned out to be.
    pub format: Format,
    /// How its text was divided, or came.
    pub division: Division,
    /// The scheme its tags are in.
    pub scheme: Scheme,
    /// Its sentences, in IOB2.
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
    /// The same as entities of sentences.
    pub left_out: Vec<LeftOut>,
    /// Records that an annotator did not accept.
    pub answers: Answers,
    /// Comment lines.
    pub comments: usize,
}

/// What annotators answered about records, where they did not accept them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answers {
    /// Found to be wrong, and passed over.
    pub rejected: usize,
    /// Passed over by the annotator as well.
    pub ignored: usize,
    /// Neither accepted nor one of these: read as gold, as records without an answer are.
    pub unknown: usize,
}

impl Answers {
    /// The records that are passed over.
    pub fn passed_over(self) -> usize {
        self.rejected + self.ignored
    }
}

/// A file with its tags as they are written, before they are converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// The file.
    pub path: PathBuf,
    /// The scheme of its tags.
    pub scheme: Scheme,
    /// Its sentences, with tags of that scheme.
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
    /// The same sentences with the gold tags beside, if there are any.
    pub gold: Option<WrittenFile>,
}

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A token and its tag a line.
    Columns {
        /// What stands between columns.
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
        }
    }
}

/// Reads a file.
///
/// # Errors
/// Whatever keeps a token from having a tag for sure: with line, what was found and expected, and
/// what to do.
pub fn read(path: &Path, options: &ReadOptions) -> Result<DataFile, ReadError> {
    let (raw, scheme) = read_raw(path, options)?;
    Ok(raw.into_data(path, scheme))
}

/// Reads a file and leaves its tags as they are.
///
/// # Errors
/// As [`read`].
pub fn read_as_written(path: &Path, options: &ReadOptions) -> Result<WrittenFile, ReadError> {
    let (raw, scheme) = read_raw(path, options)?;
    Ok(raw.into_written(path, scheme))
}

/// Reads predictions: columns with the predicted tags in the last, or in the given column (from 1), or JSON
/// lines with tags or spans. `has_gold` tells whether gold tags come from elsewhere.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_predictions(
    path: &Path,
    column: Option<usize>,
    labels: Option<&[String]>,
    has_gold: bool,
) -> Result<PredictedFile, ReadError> {
    let bytes = content::read(path)?;
    let text = encoding::decode(path, &bytes, Encoding::Utf8)?;
    let mut raw = if is_json(path, &text) {
        let labels = labels.map(<[String]>::to_vec);
        json::read(path, &text, &ReadOptions { labels, ..ReadOptions::default() })?
    } else {
        columns::read_predictions(path, &text, column, has_gold)?
    };
    if raw.sentences.is_empty() {
        return Err(ReadError::Empty { path: path.to_owned() });
    }
    let gold = raw.gold.take();
    let wrong = |error| ReadError::of_scheme(path, error, |at| raw.line(at));
    let gold_scheme = match &gold {
        Some(gold) => Some(scheme::detect_scheme(gold.iter()).map_err(wrong)?),
        None => None,
    };
    // Tags beside gold tags are meant to be of their scheme. IOB1 alone has the letters of another.
    let shared = gold_scheme.filter(|&gold| gold != Scheme::Iob1);
    let shared = shared.filter(|&gold| scheme::expect_scheme(gold, raw.sentences.tags().iter()).is_ok());
    let scheme = match shared {
        Some(scheme) => scheme,
        None => scheme::detect_scheme(raw.sentences.tags().iter()).map_err(wrong)?,
    };
    let predicted = raw.into_written(path, scheme);
    let gold = gold.zip(gold_scheme).map(|(tags, scheme)| {
        let file = predicted.clone();
        WrittenFile { scheme, sentences: file.sentences.with_tags(tags), ..file }
    });
    Ok(PredictedFile { predicted, gold })
}

fn read_raw(path: &Path, options: &ReadOptions) -> Result<(Raw, Scheme), ReadError> {
    let bytes = content::read(path)?;
    let text = encoding::decode(path, &bytes, options.encoding)?;
    content::check_decoded(path, &text)?;
    let raw = if is_json(path, &text) {
        json::read(path, &text, options)?
    } else {
        columns::read(path, &text, options)?
    };
    if raw.sentences.is_empty() {
        return Err(ReadError::Empty { path: path.to_owned() });
    }
    // Spans have no scheme of their own: they were written as IOB2.
    let scheme = match options.scheme {
        Some(scheme) if raw.format != Format::JsonSpans => {
            scheme::expect_scheme(scheme, raw.sentences.tags().iter()).map(|()| scheme)
        }
        _ => scheme::detect_scheme(raw.sentences.tags().iter()),
    };
    let scheme = scheme.map_err(|error| ReadError::of_scheme(path, error, |at| raw.line(at)))?;
    Ok((raw, scheme))
}

/// By the name, else by the content: a first line that is a JSON object is no token with a tag.
fn is_json(path: &Path, text: &str) -> bool {
    if is_named_json(path) {
        return true;
    }
    let first = lines(text).map(|(_, line)| line).find(|line| has_seen(line));
    first.is_some_and(json_object::is_object)
}
