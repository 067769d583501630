//! Reading of a file, whatever its form.

use std::path::Path;

use electra_text::corpus::json_object;

use super::data::{DataFile, Format, PredictedFile, WrittenFile};
use super::encoding::{self, Encoding};
use super::error::ReadError;
use super::lines::lines;
use super::names::is_named_json;
use super::options::ReadOptions;
use super::raw::Raw;
use super::{columns, content, json};
use crate::scheme::{self, Scheme};
use crate::words::has_visible;

/// Reads a file of annotated sentences.
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
    let first = lines(text).map(|(_, line)| line).find(|line| has_visible(line));
    first.is_some_and(json_object::is_object)
}
