//! GermEval 2014: a token a line with two columns of tags, those of outer and of inner entities.
//!
//! ```text
//! # TAB https://example.org TAB [2014-01-01]
//! 1 TAB Deutsche TAB B-ORG TAB B-LOCderiv
//! 2 TAB Bank TAB I-ORG TAB O
//! ```

use super::beside::Beside;
use super::columns;
use super::error::ReadError;
use super::input::Input;
use super::layout::{Number, is_number};
use super::lines::lines;
use super::options::ReadOptions;
use super::text::{AnnotatedText, Take};
use crate::scheme::{self, looks_like_tag};
use crate::words::has_visible;

/// The columns of outer and of inner entities, from 1.
const TAG_COLUMNS: [usize; 2] = [3, 4];

/// Four columns of which the last two are tags, below a comment with the source.
pub(super) fn recognises(input: &Input<'_>) -> bool {
    let mut seen = lines(&input.text).map(|(_, line)| line).filter(|line| has_visible(line));
    let is_source = |line: &str| line.starts_with("#\t");
    let is_row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let are_tags = |cells: &[&str]| cells.iter().all(|tag| looks_like_tag(tag));
        cells.len() == 4 && is_number(cells[0]) == Some(Number::Of(1)) && are_tags(&cells[2..])
    };
    seen.next().is_some_and(is_source) && seen.find(|line| !is_source(line)).is_some_and(is_row)
}

pub(super) fn each_text(
    input: &Input<'_>,
    options: &ReadOptions,
    take: Take<'_>,
) -> Result<Beside, ReadError> {
    let read = |tag_column| {
        let options = ReadOptions { tag_column: Some(tag_column), ..options.clone() };
        columns::read(input.path, &input.text, &options)
    };
    let [mut outer, mut inner] = [read(TAG_COLUMNS[0])?, read(TAG_COLUMNS[1])?];
    for raw in [&mut outer, &mut inner] {
        let found = scheme::detect_scheme(raw.sentences.tags().iter());
        found.map_err(|error| raw.error_of_scheme(input.path, error))?;
        raw.sentences.convert_tags(|tags| scheme::to_iob2(tags).expect("the tags were parsed"));
    }
    for (sentence, below) in outer.sentences.iter().zip(inner.sentences.iter()) {
        let mut text = AnnotatedText::of_tagged(sentence);
        text.spans.extend(AnnotatedText::of_tagged(below).spans);
        take(text)?;
    }
    Ok(Beside { comments: outer.comments, ..Beside::default() })
}
