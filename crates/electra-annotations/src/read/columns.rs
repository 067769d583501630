//! Files of columns: a token and its tag a line.

use std::path::Path;

use super::beside::{Answers, PassedOver};
use super::data::{Format, TokenLines};
use super::error::ReadError;
use super::layout::{Layout, Number, is_number};
use super::lines::lines;
use super::misc;
use super::options::ReadOptions;
use super::raw::{Raw, check_names};
use super::separator::Separator;
use crate::Sentences;
use crate::sentences::{TagSequences, packed};
use crate::words::{Division, has_visible, trimmed, without_unseen};

/// The beginning of a line that stands for the boundary of a document.
const DOCUMENT_MARK: &str = "-DOCSTART-";

pub(super) fn read(path: &Path, text: &str, options: &ReadOptions) -> Result<Raw, ReadError> {
    let layout = Layout::find(path, token_lines(text), options)?;
    read_with(path, text, layout)
}

/// Reads predicted tags, and the gold tags beside them.
pub(super) fn read_predictions(
    path: &Path,
    text: &str,
    column: Option<usize>,
    has_gold: bool,
) -> Result<Raw, ReadError> {
    let layout = Layout::of_predictions(token_lines(text), column, has_gold);
    read_with(path, text, layout)
}

fn read_with(path: &Path, text: &str, layout: Layout) -> Result<Raw, ReadError> {
    let (most_sentences, most_tokens) =
        (token_lines(text).filter(|(_, starts)| *starts).count(), token_lines(text).count());
    let mut sentences = Sentences::with_capacity(most_sentences, most_tokens);
    let mut gold = layout.gold.map(|_| TagSequences::with_capacity(most_sentences, most_tokens));
    let mut token_lines = Vec::with_capacity(most_tokens);
    // Of the sentence that is read.
    let (mut document, mut first_line) = (0, 0);
    let (mut marks_documents, mut comments) = (false, 0);
    // One line more ends the last sentence.
    for (number, line) in lines(text).chain([(0, "")]) {
        let is_blank = !has_visible(line);
        let is_comment = line.starts_with('#') && !layout.is_token(line);
        let is_boundary = is_boundary(line) || is_comment && is_new_document(line);
        comments += usize::from(is_comment);
        if (is_blank || is_boundary) && sentences.open_tokens() > 0 {
            sentences.end_sentence(document, first_line);
            gold.iter_mut().for_each(TagSequences::end_sentence);
        }
        if is_boundary {
            marks_documents = true;
            // Boundaries before the first sentence and several in a row make no empty document.
            document = sentences.iter().next_back().map_or(0, |last| last.document + 1);
        }
        if is_blank || is_boundary || is_comment {
            continue;
        }
        if let Some(cells) = layout.cells(path, number, line)? {
            if sentences.open_tokens() == 0 {
                first_line = number;
            }
            sentences.push_token(cells.token, &without_unseen(cells.tag));
            check_names(path, number, sentences.tags())?;
            if let Some((gold, tag)) = gold.as_mut().zip(cells.gold) {
                gold.push_tag(&without_unseen(tag));
                check_names(path, number, gold)?;
            }
            token_lines.push(packed(number));
        }
    }
    let Layout { separator, token, tag, .. } = layout;
    let format = Format::Columns { separator, token: token + 1, tag: tag + 1 };
    Ok(Raw {
        format,
        division: Division::CORPUS,
        sentences,
        gold,
        lines: TokenLines::Each(token_lines),
        marks_documents,
        comments,
        misaligned: Vec::new(),
        left_out: Vec::new(),
        answers: Answers::default(),
        passed_over: PassedOver::default(),
        offsets: None,
        records: Vec::new(),
    })
}

/// The cells of a line: token and tag.
struct Cells<'a> {
    token: &'a str,
    tag: &'a str,
    gold: Option<&'a str>,
}

impl Layout {
    /// The cells of a line; `None` if its number stands for no word of its own.
    fn cells<'a>(&self, path: &Path, line: usize, text: &'a str) -> Result<Option<Cells<'a>>, ReadError> {
        let cells = self.separator.cells(text);
        // A space within a token would move the columns behind it.
        let shifted = self.separator == Separator::Space && cells.len() != self.columns;
        if cells.len() < self.needed() || shifted {
            let needed = self.needed().max(2);
            let expected = if shifted && cells.len() >= needed {
                format!("{} as most lines", self.columns)
            } else {
                format!("at least {needed}")
            };
            return Err(ReadError::Columns {
                path: path.to_owned(),
                line,
                found: cells.len(),
                expected,
                separator: self.separator.to_string(),
                text: text.chars().take(60).collect(),
            });
        }
        if self.numbered && is_number(cells[0]) == Some(Number::NoWord) {
            return Ok(None);
        }
        let (token, mut tag) = (cells[self.token], cells[self.tag]);
        if let Some(key) = &self.key {
            tag = misc::value(tag, key).unwrap_or("O");
        }
        // A token of white space alone stays: its tag counts.
        let token = if token.trim().is_empty() { token } else { trimmed(token) };
        if token.is_empty() {
            return Err(ReadError::EmptyToken { path: path.to_owned(), line });
        }
        Ok(Some(Cells { token, tag, gold: self.gold.map(|gold| cells[gold]) }))
    }
}

/// Lines that are neither blank nor boundaries, with whether a sentence starts there.
fn token_lines(text: &str) -> impl Iterator<Item = (&str, bool)> + Clone {
    let mut starts_sentence = true;
    lines(text).filter_map(move |(_, line)| {
        if !has_visible(line) || is_boundary(line) {
            starts_sentence = true;
            return None;
        }
        let starts = starts_sentence;
        // A comment above a sentence does not start it.
        starts_sentence &= line.starts_with('#');
        Some((line, starts))
    })
}

/// Whether a line is `-DOCSTART-`, with whatever columns, or numbered.
fn is_boundary(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let first = words.next();
    first == Some(DOCUMENT_MARK)
        || first.is_some_and(|first| is_number(first).is_some()) && words.next() == Some(DOCUMENT_MARK)
}

/// Whether a comment is CoNLL-U's `# newdoc`.
fn is_new_document(comment: &str) -> bool {
    let words = comment.trim_start_matches('#').trim_start();
    words.strip_prefix("newdoc").is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}
