//! How long sentences are, and which do not fit the window.

use std::cmp::Reverse;

use electra_text::Tokenizer;
use electra_text::wordpiece::OffsetUnit;
use serde::Serialize;

use super::Measure;
use crate::Sentence;

/// `[CLS]` and `[SEP]`.
const SPECIAL: usize = 2;

/// Sentences that do not fit the window: they will be read through several that overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TooLong {
    /// Number of sentences.
    pub sentences: usize,
    /// Their tokens.
    pub tokens: usize,
    /// Lines where they begin.
    pub lines: Vec<usize>,
}

/// One of the longest sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LongSentence {
    /// Line where it begins.
    pub line: usize,
    /// Its tokens.
    pub tokens: usize,
    /// Its length as measured, special pieces left out.
    pub length: usize,
    /// How it begins.
    pub text: String,
}

/// The length of every sentence, special pieces left out.
pub(super) fn lengths(sentences: &[Sentence], measure: Measure<'_>) -> Vec<usize> {
    let length = |sentence: &Sentence| match measure {
        Measure::Words => sentence.tokens.len(),
        Measure::Pieces(tokenizer) => pieces(&sentence.tokens, tokenizer),
    };
    sentences.iter().map(length).collect()
}

pub(super) fn too_long(sentences: &[Sentence], lengths: &[usize], window: usize) -> TooLong {
    let long = || sentences.iter().zip(lengths).filter(|(_, length)| *length + SPECIAL > window);
    TooLong {
        sentences: long().count(),
        tokens: long().map(|(sentence, _)| sentence.tokens.len()).sum(),
        lines: long().map(|(sentence, _)| sentence.line).collect(),
    }
}

/// The `count` longest sentences; of equally long ones those that come first.
pub(super) fn longest(sentences: &[Sentence], lengths: &[usize], count: usize) -> Vec<LongSentence> {
    let mut order: Vec<usize> = (0..sentences.len()).collect();
    order.sort_by_key(|&at| Reverse(lengths[at]));
    let describe = |&at: &usize| {
        let Sentence { tokens, line, .. } = &sentences[at];
        LongSentence {
            line: *line,
            tokens: tokens.len(),
            length: lengths[at],
            text: tokens.iter().take(8).cloned().collect::<Vec<_>>().join(" "),
        }
    };
    order.iter().take(count).map(describe).collect()
}

/// Pieces of the words. A word of which normalisation leaves nothing takes a position all the same:
/// it has a tag.
fn pieces(words: &[String], tokenizer: &Tokenizer) -> usize {
    let encoding = tokenizer.encode_words(words, OffsetUnit::Bytes, None);
    let mut has_piece = vec![false; words.len()];
    let mut pieces = 0;
    for word in encoding.word_ids.iter().flatten() {
        has_piece[*word as usize] = true;
        pieces += 1;
    }
    pieces + has_piece.iter().filter(|has| !**has).count()
}
