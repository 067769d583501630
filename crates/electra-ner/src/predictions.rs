//! Predictions as files of columns: `token gold predicted`, as the `conlleval` script reads them.
//!
//! One token a line, a blank line behind each sentence, one space between columns. White space and
//! control characters within a token or tag are written as `_`, and so are the hyphens of the tokens `-X-`
//! and `-DOCSTART-`: the script takes the first for a boundary that needs no tag, readers take the
//! second for the beginning of a document.
//!
//! Files of tokens with one tag are read as well, so that other tools' predictions can be scored.

mod columns;
mod error;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use electra_run::durable;

use crate::Sentence;
use crate::metrics::{Mode, spans};
use columns::Columns;

pub use error::{Place, PredictionsError};

/// Sentences with gold tags, and what was predicted for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predictions {
    /// Tokens and gold tags.
    pub sentences: Vec<Sentence>,
    /// A tag for each token.
    pub predicted: Vec<Vec<String>>,
}

/// Gold sentences with the file they are from, for messages.
#[derive(Clone, Copy, Debug)]
pub struct Gold<'a> {
    /// The file.
    pub path: &'a Path,
    /// What it holds.
    pub sentences: &'a [Sentence],
}

/// Writes `token gold predicted` lines, so that a crash leaves the old file or the new one.
///
/// # Errors
/// If the file cannot be written, or two different tags would look the same in it.
///
/// # Panics
/// If there is not one predicted tag for each token.
pub fn write(path: &Path, sentences: &[Sentence], predicted: &[Vec<String>]) -> Result<(), PredictionsError> {
    assert_eq!(sentences.len(), predicted.len(), "predictions of other sentences");
    let gold = sentences.iter().flat_map(|sentence| &sentence.tags);
    check_tags(path, gold.chain(predicted.iter().flatten()))?;
    let mut lines = Vec::new();
    write_lines(&mut lines, sentences, predicted)
        .and_then(|()| durable::write(path, &lines))
        .map_err(|source| PredictionsError::Write { path: path.to_owned(), source })
}

/// Refuses different tags that would look the same in a file of predictions; `path` is theirs.
///
/// # Errors
/// The first two such tags.
pub fn check_tags<'a>(path: &Path, tags: impl Iterator<Item = &'a String>) -> Result<(), PredictionsError> {
    let mut written: BTreeMap<String, &str> = BTreeMap::new();
    for tag in tags {
        let earlier = written.entry(safe(tag).into_owned()).or_insert(tag);
        if *earlier != tag {
            return Err(PredictionsError::SameWhenWritten {
                path: path.to_owned(),
                first: (*earlier).to_owned(),
                second: tag.clone(),
            });
        }
    }
    Ok(())
}

fn write_lines(out: &mut impl Write, sentences: &[Sentence], predicted: &[Vec<String>]) -> io::Result<()> {
    for (sentence, predicted) in sentences.iter().zip(predicted) {
        assert_eq!(sentence.tokens.len(), predicted.len(), "one predicted tag for each token");
        for ((token, gold), predicted) in sentence.tokens.iter().zip(&sentence.tags).zip(predicted) {
            writeln!(out, "{} {} {}", safe(token), safe(gold), safe(predicted))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Reads a file of tokens with a tag: the first and the last column.
///
/// # Errors
/// If it cannot be read, is empty, or a line has too few columns or not as many as the first.
pub fn read_tagged(path: &Path) -> Result<Vec<Sentence>, PredictionsError> {
    let columns = Columns::read(path)?;
    Ok(columns.sentences(columns.width - 1))
}

/// Reads predictions and holds them against `gold`, if there is any.
///
/// With three columns or more, the last two are gold and prediction; the gold entities must be those
/// of `gold`, while its tags may be of another scheme. With two columns there is no gold in the
/// file, and `gold` is needed. In both cases the tokens must be those of `gold`.
///
/// # Errors
/// As [`read_tagged`], and for the first place where file and gold differ.
pub fn read(path: &Path, gold: Option<Gold<'_>>) -> Result<Predictions, PredictionsError> {
    let columns = Columns::read(path)?;
    let predicted = columns.column(columns.width - 1);
    if columns.width == 2 {
        let gold = gold.ok_or_else(|| PredictionsError::NoGold { path: path.to_owned() })?;
        let sentences = columns.sentences(1);
        same_tokens(path, &sentences, gold)?;
        return Ok(Predictions { sentences: gold.sentences.to_vec(), predicted });
    }
    let sentences = columns.sentences(columns.width - 2);
    if let Some(gold) = gold {
        same_tokens(path, &sentences, gold)?;
        same_entities(path, &sentences, gold)?;
    }
    Ok(Predictions { sentences, predicted })
}

fn same_tokens(path: &Path, found: &[Sentence], gold: Gold<'_>) -> Result<(), PredictionsError> {
    let lines = |found: &Sentence, gold_sentence: &Sentence, token: usize| Place {
        path: path.to_owned(),
        line: found.line + token,
        gold_path: gold.path.to_owned(),
        gold_line: gold_sentence.line + token,
    };
    for (found, expected) in found.iter().zip(gold.sentences) {
        for (token, (word, gold_word)) in found.tokens.iter().zip(&expected.tokens).enumerate() {
            if safe(word) != safe(gold_word) {
                return Err(PredictionsError::OtherToken {
                    place: lines(found, expected, token).into(),
                    found: word.clone(),
                    expected: gold_word.clone(),
                });
            }
        }
        let (length, gold_length) = (found.tokens.len(), expected.tokens.len());
        if length != gold_length {
            return Err(PredictionsError::OtherLength {
                place: lines(found, expected, 0).into(),
                found: length,
                expected: gold_length,
            });
        }
    }
    if found.len() != gold.sentences.len() {
        return Err(PredictionsError::OtherSentences {
            path: path.to_owned(),
            found: found.len(),
            gold_path: gold.path.to_owned(),
            expected: gold.sentences.len(),
        });
    }
    Ok(())
}

fn same_entities(path: &Path, found: &[Sentence], gold: Gold<'_>) -> Result<(), PredictionsError> {
    for (found, expected) in found.iter().zip(gold.sentences) {
        let [here, there] = [found, expected].map(|sentence| {
            let tags: Vec<Cow<'_, str>> = sentence.tags.iter().map(|tag| safe(tag)).collect();
            spans(&tags, Mode::Default).expect("default mode takes every tag")
        });
        if here != there {
            // The first entity that the other side lacks.
            let token = here
                .iter()
                .filter(|span| !there.contains(span))
                .chain(there.iter().filter(|span| !here.contains(span)))
                .map(|span| span.start)
                .min()
                .unwrap_or(0);
            return Err(PredictionsError::OtherGold {
                place: Place {
                    path: path.to_owned(),
                    line: found.line + token,
                    gold_path: gold.path.to_owned(),
                    gold_line: expected.line + token,
                }
                .into(),
                found: found.tags[token].clone(),
                expected: expected.tags[token].clone(),
            });
        }
    }
    Ok(())
}

/// What stands in a file for a token or tag: one column that no reader takes for something else.
fn safe(text: &str) -> Cow<'_, str> {
    // The byte order mark would vanish at the beginning of a file.
    let splits = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
    if [columns::DOCUMENT_START, "-X-"].contains(&text) {
        Cow::Owned(text.replace('-', "_"))
    } else if text.contains(splits) {
        Cow::Owned(text.replace(splits, "_"))
    } else {
        Cow::Borrowed(text)
    }
}
