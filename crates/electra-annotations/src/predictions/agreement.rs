//! The check whether predictions are about the gold sentences that they are compared with.

use std::path::Path;

use super::error::{PredictionPlace, PredictionsError};
use super::gold::Gold;
use super::written::safe;
use crate::metrics::{Mode, spans};
use crate::read::WrittenFile;
use crate::scheme::to_iob2;
use crate::sentences::Tags;

/// Refuses predictions of other tokens than those of `gold`.
pub(super) fn same_tokens(path: &Path, found: &WrittenFile, gold: Gold<'_>) -> Result<(), PredictionsError> {
    let place = |sentence: usize, token: usize| place(path, found, gold, sentence, token).into();
    for (index, (sentence, expected)) in found.sentences.iter().zip(gold.sentences.iter()).enumerate() {
        for (token, (word, gold_word)) in sentence.tokens().zip(expected.tokens()).enumerate() {
            if safe(word) != safe(gold_word) {
                return Err(PredictionsError::OtherToken {
                    place: place(index, token),
                    found: word.to_owned(),
                    expected: gold_word.to_owned(),
                });
            }
        }
        let (length, gold_length) = (sentence.len(), expected.len());
        if length != gold_length {
            return Err(PredictionsError::OtherLength {
                place: place(index, 0),
                found: length,
                expected: gold_length,
            });
        }
    }
    if found.sentences.len() != gold.sentences.len() {
        return Err(PredictionsError::OtherSentences {
            path: path.to_owned(),
            found: found.sentences.len(),
            gold_path: gold.path.to_owned(),
            expected: gold.sentences.len(),
        });
    }
    Ok(())
}

/// A token in both files.
fn place(path: &Path, found: &WrittenFile, gold: Gold<'_>, sentence: usize, token: usize) -> PredictionPlace {
    PredictionPlace {
        path: path.to_owned(),
        line: found.lines.of(&found.sentences, sentence, token),
        gold_path: gold.path.to_owned(),
        gold_line: gold.line(sentence, token),
    }
}

const PARSED: &str = "the tags were parsed when their scheme was found";

/// Gold tags in IOB2, as they stand in a file.
fn in_file(tags: Tags<'_>) -> Vec<String> {
    to_iob2(&tags.to_vec()).expect(PARSED).iter().map(|tag| safe(tag).into_owned()).collect()
}

/// The number of tags beside predictions that differ from those of `gold`, in IOB2.
pub(super) fn different_tags(beside: &WrittenFile, gold: Gold<'_>) -> usize {
    let pairs = beside.sentences.tags().iter().zip(gold.sentences.tags().iter());
    let different = pairs.map(|(beside, gold)| {
        let (beside, gold) = (in_file(beside), in_file(gold));
        beside.iter().zip(&gold).filter(|(beside, gold)| beside != gold).count()
    });
    different.sum()
}

/// Refuses gold tags beside predictions that make other entities than those of `gold`.
pub(super) fn same_entities(
    path: &Path,
    found: &WrittenFile,
    gold: Gold<'_>,
) -> Result<(), PredictionsError> {
    let pairs = found.sentences.tags().iter().zip(gold.sentences.tags().iter());
    for (index, (found_tags, expected)) in pairs.enumerate() {
        let [here, there] = [found_tags, expected]
            .map(|tags| spans(&in_file(tags), Mode::Default).expect("default mode takes every tag"));
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
                place: place(path, found, gold, index, token).into(),
                found: found_tags.get(token).to_owned(),
                expected: expected.get(token).to_owned(),
            });
        }
    }
    Ok(())
}
