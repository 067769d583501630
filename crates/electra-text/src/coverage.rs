//! The coverage of a text by a tokenizer: the words it has pieces for, and the accents its normaliser
//! removes.

use ahash::AHashMap;
use serde::{Deserialize, Serialize};
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::tokenizer::{NormalizedString, Normalizer};

/// Share of words or of characters that are `[UNK]` above which a vocabulary does not suit a text.
pub const MAX_UNKNOWN_SHARE: f64 = 0.05;

/// Share of the characters changed by dropping accents above which a text is not one to drop them
/// from: English has less, any language that writes with marks has more.
pub const MAX_LOST_ACCENT_SHARE: f64 = 0.01;

/// Counts over a text. Shares by words alone hide what is lost: an unknown word is one `[UNK]`
/// whether it has two letters or two hundred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Words, as they are looked up in the vocabulary.
    pub words: u64,
    /// The number of words that become `[UNK]`.
    pub unknown_words: u64,
    /// Characters of the words, as they are looked up.
    pub characters: u64,
    /// The number of characters in words that become `[UNK]`.
    pub unknown_characters: u64,
    /// Characters of the text as it is written, without white space and control characters.
    pub written: u64,
    /// The number of characters that change when accents are removed: marks that are dropped, characters that
    /// lose a mark. Hangul is counted apart.
    pub stripped: u64,
    /// Hangul syllables that fall into their letters where accents are dropped.
    pub jamo: u64,
}

impl Coverage {
    /// Adds the counts of another text.
    pub fn add(&mut self, other: &Coverage) {
        self.add_times(other, 1);
    }

    /// Adds the counts of a text that occurs so many times.
    pub(crate) fn add_times(&mut self, other: &Coverage, times: u64) {
        self.words += other.words * times;
        self.unknown_words += other.unknown_words * times;
        self.characters += other.characters * times;
        self.unknown_characters += other.unknown_characters * times;
        self.written += other.written * times;
        self.stripped += other.stripped * times;
        self.jamo += other.jamo * times;
    }

    /// Counts one word, as it is looked up.
    pub fn add_word(&mut self, characters: u64, is_unknown: bool) {
        self.words += 1;
        self.characters += characters;
        if is_unknown {
            self.unknown_words += 1;
            self.unknown_characters += characters;
        }
    }

    /// Share of the words that become `[UNK]`.
    pub fn unknown_word_share(&self) -> f64 {
        share(self.unknown_words, self.words)
    }

    /// Share of the characters that stand in words that become `[UNK]`.
    pub fn unknown_character_share(&self) -> f64 {
        share(self.unknown_characters, self.characters)
    }

    /// Share of the written characters that lose their accents.
    pub fn stripped_share(&self) -> f64 {
        share(self.stripped, self.written)
    }

    /// Share of the written characters that are Hangul and fall into letters.
    pub fn jamo_share(&self) -> f64 {
        share(self.jamo, self.written)
    }

    /// Whether more than a vocabulary that suits the text leaves unknown is unknown.
    pub fn exceeds_limit(&self) -> bool {
        self.unknown_word_share().max(self.unknown_character_share()) > MAX_UNKNOWN_SHARE
    }

    /// Whether dropping accents takes more from the text than it takes from English.
    pub fn loses_accents(&self) -> bool {
        self.stripped_share() + self.jamo_share() > MAX_LOST_ACCENT_SHARE
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Counts what the dropping of accents changes, character by character.
pub(crate) struct AccentCounter {
    /// Whether accents are dropped at all.
    drops: bool,
    normalizer: BertNormalizer,
    known: AHashMap<char, Fate>,
}

/// The effect on a character of dropping accents.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Stripped,
    Jamo,
}

impl AccentCounter {
    /// `strip_accents` is the tokenizer's setting.
    pub(crate) fn new(strip_accents: bool) -> Self {
        let normalizer = BertNormalizer::new(false, false, Some(true), false);
        AccentCounter { drops: strip_accents, normalizer, known: AHashMap::new() }
    }

    /// Adds the written characters of `text`, and what becomes of them.
    pub(crate) fn add(&mut self, text: &str, coverage: &mut Coverage) {
        for c in text.chars().filter(|c| !c.is_whitespace() && !c.is_control()) {
            coverage.written += 1;
            if self.drops && !c.is_ascii() {
                match self.fate(c) {
                    Fate::Kept => {}
                    Fate::Stripped => coverage.stripped += 1,
                    Fate::Jamo => coverage.jamo += 1,
                }
            }
        }
    }

    fn fate(&mut self, c: char) -> Fate {
        let normalizer = &self.normalizer;
        *self.known.entry(c).or_insert_with(|| {
            let mut buffer = [0; 4];
            let written: &str = c.encode_utf8(&mut buffer);
            let mut normalized = NormalizedString::from(written);
            normalizer.normalize(&mut normalized).expect("BERT's normaliser takes every text");
            match c {
                _ if normalized.get() == written => Fate::Kept,
                '\u{ac00}'..='\u{d7a3}' => Fate::Jamo,
                _ => Fate::Stripped,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str, strip_accents: bool) -> Coverage {
        let mut coverage = Coverage::default();
        AccentCounter::new(strip_accents).add(text, &mut coverage);
        coverage
    }

    #[test]
    fn characters_that_lose_a_mark_are_counted_and_hangul_apart() {
        // é, the mark of decomposed e, й, the vowel sign and the virama of Hindi (not the spacing
        // sign), the voiced kana; not ё's letter, nor ß, which have no accent or no decomposition.
        for (text, written, stripped, jamo) in [
            ("café", 4, 1, 0),
            ("cafe\u{301} x", 6, 1, 0),
            ("який", 4, 1, 0),
            ("हिन्दी कु", 8, 2, 0),
            ("がか ガ", 3, 2, 0),
            ("straße", 6, 0, 0),
            ("한국 a", 3, 0, 2),
        ] {
            let found = counted(text, true);
            assert_eq!((found.written, found.stripped, found.jamo), (written, stripped, jamo), "{text}");
            let kept = counted(text, false);
            assert_eq!((kept.written, kept.stripped, kept.jamo), (written, 0, 0), "{text} with accents");
        }
    }

    #[test]
    fn shares_of_nothing_are_none() {
        let none = Coverage::default();
        assert_eq!((none.unknown_word_share(), none.unknown_character_share()), (0.0, 0.0));
        assert!(!none.exceeds_limit() && !none.loses_accents());
        let mut one = Coverage::default();
        one.add_word(2, false);
        one.add_word(198, true);
        assert_eq!((one.unknown_word_share(), one.unknown_character_share()), (0.5, 0.99));
        assert!(one.exceeds_limit());
    }
}
