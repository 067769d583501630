//! Words to word pieces, so that every word has a first piece to be labelled at.
//!
//! Pieces are those of `is_split_into_words` in transformers, with one difference: a word of
//! which the normaliser leaves nothing (a zero-width space, a soft hyphen, a combining mark alone)
//! becomes one `[UNK]` instead of vanishing. Each word of a data set has a tag, and a word without
//! a piece could not be scored.
//!
//! BERT's normaliser makes each CJK ideograph a word piece of its own or the start of one: a
//! Chinese word of several characters is labelled at its first character, and sets whose tokens
//! are characters have a label on every piece.

use electra_text::vocab::SPECIAL_TOKENS;
use electra_text::wordpiece::{OffsetUnit, TextEncoder};
use electra_text::{Coverage, Tokenizer};

use crate::Sentences;
use crate::sentences::packed;

/// A sentence as word pieces; every word has at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlignedSentence {
    pieces: Vec<u32>,
    /// The end of each word's pieces.
    ends: Vec<u32>,
    /// Which document it belongs to: sentences that stand next to each other with the same number
    /// may serve each other as context.
    pub document: usize,
}

impl AlignedSentence {
    /// Number of words.
    pub fn words(&self) -> usize {
        self.ends.len()
    }

    /// The pieces of all words in order, without special tokens.
    pub fn pieces(&self) -> &[u32] {
        &self.pieces
    }

    /// The pieces of a word; the first one carries its label.
    pub fn word(&self, word: usize) -> &[u32] {
        let start = if word == 0 { 0 } else { self.ends[word - 1] };
        &self.pieces[start as usize..self.ends[word] as usize]
    }
}

/// Aligns sentence after sentence; words seen before are not normalised again.
pub struct Aligner<'t> {
    tokenizer: &'t Tokenizer,
    has_added_tokens: bool,
    encoder: TextEncoder<'t>,
    coverage: Coverage,
}

impl<'t> Aligner<'t> {
    /// An aligner to the pieces of this tokenizer.
    pub fn new(tokenizer: &'t Tokenizer) -> Self {
        Aligner {
            tokenizer,
            has_added_tokens: tokenizer.has_added_tokens(),
            encoder: tokenizer.text_encoder(),
            coverage: Coverage::default(),
        }
    }

    /// The pieces of these words, which are one sentence of the given document.
    ///
    /// A special or added token written out as a word (`[MASK]`) becomes that token, as in transformers.
    pub fn align<S: AsRef<str>>(&mut self, words: &[S], document: usize) -> AlignedSentence {
        let mut sentence = AlignedSentence {
            pieces: Vec::with_capacity(words.len() * 2),
            ends: Vec::with_capacity(words.len()),
            document,
        };
        for word in words {
            let start = sentence.pieces.len();
            self.encode_word(word.as_ref(), &mut sentence.pieces);
            if sentence.pieces.len() == start {
                sentence.pieces.push(self.tokenizer.special().unk);
                self.coverage.add_word(word.as_ref().chars().count() as u64, true);
            }
            sentence.ends.push(packed(sentence.pieces.len()));
        }
        sentence
    }

    fn encode_word(&mut self, word: &str, pieces: &mut Vec<u32>) {
        if self.has_added_tokens || SPECIAL_TOKENS.iter().any(|special| word.contains(special)) {
            // The fast encoder knows no special tokens.
            let encoding = self.tokenizer.encode_words(&[word], OffsetUnit::Bytes, None);
            let found = &encoding.ids[1..encoding.len() - 1];
            pieces.extend_from_slice(found);
            if !found.is_empty() {
                let is_unknown = found.iter().all(|&id| id == self.tokenizer.special().unk);
                self.coverage.add_word(word.chars().count() as u64, is_unknown);
            }
        } else {
            self.encoder.encode_into(word, pieces);
        }
    }

    /// The coverage of all that was aligned so far, in words and characters. A word of a sentence counts as
    /// the words that it is looked up as, and one of which the normaliser leaves nothing as unknown.
    pub fn coverage(&mut self) -> Coverage {
        self.coverage.add(&self.encoder.take_coverage());
        self.coverage
    }

    /// The coverage of what was aligned since this was last asked for.
    pub fn take_coverage(&mut self) -> Coverage {
        let found = self.coverage();
        self.coverage = Coverage::default();
        found
    }
}

/// The coverage of these sentences by the tokenizer.
pub fn coverage(sentences: &Sentences, tokenizer: &Tokenizer) -> Coverage {
    let mut aligner = Aligner::new(tokenizer);
    sentences.iter().for_each(|sentence| drop(aligner.align(&sentence.tokens().collect::<Vec<_>>(), 0)));
    aligner.coverage()
}
