//! Lengths of sentences, and the sentences that do not fit the window.

use std::cmp::Reverse;

use electra_text::Tokenizer;
use electra_text::wordpiece::OffsetUnit;
use serde::Serialize;

use super::options::Measure;
use crate::sentences::packed;
use crate::{SentenceView, Sentences};

/// `[CLS]` and `[SEP]`.
const SPECIAL: usize = 2;

/// Sentences that do not fit the window: they will be read through several that overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TooLong {
    /// Number of sentences.
    pub sentences: usize,
    /// Number of their tokens.
    pub tokens: usize,
    /// Lines where they begin.
    pub lines: Vec<usize>,
}

/// A long sentence, among the longest of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LongSentence {
    /// Line where it begins.
    pub line: usize,
    /// Number of its tokens.
    pub tokens: usize,
    /// The length as measured, special pieces left out.
    pub length: usize,
    /// The beginning of the sentence.
    pub text: String,
}

/// The length of every sentence, special pieces left out.
pub(super) fn lengths(sentences: &Sentences, measure: Measure<'_>) -> Vec<u32> {
    let length = |sentence: SentenceView<'_>| match measure {
        Measure::Words => sentence.len(),
        Measure::Pieces(tokenizer) => pieces(&sentence.tokens().collect::<Vec<_>>(), tokenizer),
    };
    sentences.iter().map(|sentence| packed(length(sentence))).collect()
}

pub(super) fn too_long(sentences: &Sentences, lengths: &[u32], window: usize) -> TooLong {
    let is_long = |length: u32| length as usize + SPECIAL > window;
    let long = || sentences.iter().zip(lengths).filter(|(_, length)| is_long(**length));
    TooLong {
        sentences: long().count(),
        tokens: long().map(|(sentence, _)| sentence.len()).sum(),
        lines: long().map(|(sentence, _)| sentence.line).collect(),
    }
}

/// The `count` longest sentences; of equally long ones those that come first.
pub(super) fn longest(sentences: &Sentences, lengths: &[u32], count: usize) -> Vec<LongSentence> {
    let mut order: Vec<u32> = (0..packed(sentences.len())).collect();
    order.sort_unstable_by_key(|&at| (Reverse(lengths[at as usize]), at));
    let describe = |&at: &u32| {
        let sentence = sentences.get(at as usize);
        LongSentence {
            line: sentence.line,
            tokens: sentence.len(),
            length: lengths[at as usize] as usize,
            text: sentence.tokens().take(8).collect::<Vec<_>>().join(" "),
        }
    };
    order.iter().take(count).map(describe).collect()
}

/// Pieces of the words. A word of which normalisation leaves nothing takes a position all the same:
/// it has a tag.
fn pieces(words: &[&str], tokenizer: &Tokenizer) -> usize {
    let encoding = tokenizer.encode_words(words, OffsetUnit::Bytes, None);
    let mut has_piece = vec![false; words.len()];
    let mut pieces = 0;
    for word in encoding.word_ids.iter().flatten() {
        has_piece[*word as usize] = true;
        pieces += 1;
    }
    pieces + has_piece.iter().filter(|has| !**has).count()
}
