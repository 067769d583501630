//! Reading of a file, whatever its form.

use std::path::Path;

use super::data::{DataFile, PredictedFile, TokenLines, WrittenFile};
use super::encoding::Encoding;
use super::error::ReadError;
use super::formats::{self, Reader, detect, found};
use super::input::{self, Input};
use super::options::ReadOptions;
use super::raw::Raw;
use super::survey::{each_measured, survey};
use super::text::Assembly;
use super::{characters, columns};
use crate::scheme::{self, Scheme};
use crate::sentences::packed;
use crate::words::WordDivision;

/// Reads a file of annotated sentences.
///
/// # Errors
/// Whatever keeps a token from having a tag for sure: with line, what was found and expected, and
/// what to do.
pub fn read(path: &Path, options: &ReadOptions) -> Result<DataFile, ReadError> {
    let (raw, scheme) = read_raw(path, options)?;
    Ok(in_characters(raw.into_data(path, scheme), options))
}

/// A file of given words in characters, if they are asked for.
fn in_characters(mut data: DataFile, options: &ReadOptions) -> DataFile {
    if options.words == Some(WordDivision::Characters) && !data.division.is_of_records() {
        data.sentences = characters::divided(&data.sentences).0;
        data.division.words = WordDivision::Characters;
    }
    data
}

/// Reads a file and leaves its tags as they are.
///
/// # Errors
/// As [`read`].
pub fn read_as_written(path: &Path, options: &ReadOptions) -> Result<WrittenFile, ReadError> {
    let (mut raw, mut scheme) = read_raw(path, options)?;
    if options.words == Some(WordDivision::Characters) && !raw.division.is_of_records() {
        raw.sentences.convert_tags(|tags| scheme::to_iob2(tags).expect("the tags were parsed"));
        let (sentences, counts) = characters::divided(&raw.sentences);
        let lines = |(sentence, tokens): (usize, usize)| {
            let line = |token| packed(raw.lines.of(&raw.sentences, sentence, token));
            (0..tokens).map(line).collect::<Vec<_>>()
        };
        let lines = raw.sentences.iter().map(|sentence| sentence.len()).enumerate().flat_map(lines);
        let lines = lines.zip(counts).flat_map(|(line, count)| vec![line; count as usize]).collect();
        (raw.sentences, raw.lines, scheme) = (sentences, TokenLines::Each(lines), Scheme::Iob2);
    }
    Ok(raw.into_written(path, scheme))
}

/// Reads predictions: columns with the predicted tags in the last, or in the given column (from 1), or what
/// `options` say or the content shows otherwise: JSON, a folder of brat. `has_gold` tells whether gold tags come from
/// elsewhere.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_predictions(
    path: &Path,
    column: Option<usize>,
    options: &ReadOptions,
    has_gold: bool,
) -> Result<PredictedFile, ReadError> {
    let bytes = input::bytes(path)?;
    let input = Input::of(path, &bytes, Encoding::Utf8)?;
    let is_other =
        options.format.map_or(input.is_folder || input.is_json(), |name| !formats::is_columns(name));
    let mut raw = if is_other {
        read_input(&input, &ReadOptions { encoding: Encoding::Utf8, ..options.clone() })?.0
    } else {
        columns::read_predictions(path, &input.text, column, has_gold)?
    };
    if raw.sentences.is_empty() {
        return Err(ReadError::Empty { path: path.to_owned() });
    }
    let gold = raw.gold.take();
    let wrong = |error| raw.error_of_scheme(path, error);
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
    let bytes = input::bytes(path)?;
    read_input(&Input::of(path, &bytes, options.encoding)?, options)
}

fn read_input(input: &Input<'_>, options: &ReadOptions) -> Result<(Raw, Scheme), ReadError> {
    let path = input.path;
    let row = detect(input, options)?;
    match row.reader {
        Reader::Sentences(read) => checked(path, read(input, options)?, options),
        Reader::Texts(each, policy) => {
            let surveyed = survey(input, options, each, policy)?;
            let mut assembly = Assembly::new(path, surveyed.words);
            let beside = each_measured(input, options, each, &surveyed, &mut |text| assembly.add(text))?;
            let raw = assembly.finish(found(row), surveyed.offsets, beside);
            if !raw.misaligned.is_empty() && !options.skip_misaligned {
                return Err(ReadError::Misaligned { path: path.to_owned(), spans: raw.misaligned });
            }
            // Spans have no scheme of their own: they were written as IOB2.
            checked(path, raw, &ReadOptions { scheme: None, ..options.clone() })
        }
    }
}

/// The file of tokens with tags that was read, with tags in IOB2.
pub(super) fn finish(path: &Path, raw: Raw, options: &ReadOptions) -> Result<DataFile, ReadError> {
    let (raw, scheme) = checked(path, raw, options)?;
    Ok(in_characters(raw.into_data(path, scheme), options))
}

/// The scheme of a file that holds sentences.
fn checked(path: &Path, raw: Raw, options: &ReadOptions) -> Result<(Raw, Scheme), ReadError> {
    if raw.sentences.is_empty() {
        return Err(ReadError::Empty { path: path.to_owned() });
    }
    let scheme = match options.scheme {
        Some(scheme) => scheme::expect_scheme(scheme, raw.sentences.tags().iter()).map(|()| scheme),
        None => scheme::detect_scheme(raw.sentences.tags().iter()),
    };
    let scheme = scheme.map_err(|error| raw.error_of_scheme(path, error))?;
    Ok((raw, scheme))
}
