//! Plain text to ids, fast: words that were seen before are not normalised again.
//!
//! The text is cut where BERT's normaliser and pre-tokeniser cut it in any case and nothing
//! reaches across: at white space, around ASCII and general punctuation, around CJK ideographs.
//! What lies between two cuts (a run) is given to the library once; its ids are remembered under
//! the raw run. Unicode stays the library's business, and the result is the library's result.
//!
//! Why nothing reaches across a cut: cleaning, CJK splitting and lower-casing look at one
//! character; decomposition reorders only combining marks that follow one another, and a mark is
//! never a cut; WordPiece looks at one word.

use ahash::AHashMap;
use compact_str::CompactString;
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::tokenizer::{
    Model, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
};

use super::Tokenizer;

/// Runs remembered before the memory is emptied: bounds it to about 10 MB.
const REMEMBERED_RUNS: usize = 1 << 17;

/// Longer runs are rare and not worth remembering.
const REMEMBERED_BYTES: usize = 64;

/// Encodes text of a corpus. Special tokens written out in the text are text, unlike in
/// [`Tokenizer::encode`]: a corpus that mentions `[MASK]` must not mask itself.
pub struct TextEncoder<'t> {
    tokenizer: &'t Tokenizer,
    /// Where the ids of a run stand in `ids`.
    runs: AHashMap<CompactString, (u32, u32)>,
    ids: Vec<u32>,
}

impl<'t> TextEncoder<'t> {
    pub(super) fn new(tokenizer: &'t Tokenizer) -> Self {
        TextEncoder { tokenizer, runs: AHashMap::new(), ids: Vec::new() }
    }

    /// Appends the ids of `text` to `ids`.
    pub fn encode_into(&mut self, text: &str, ids: &mut Vec<u32>) {
        let settings = self.tokenizer.settings;
        if settings.clean_text && settings.split_cjk {
            for run in runs(text) {
                self.encode_run(run, ids);
            }
        } else {
            ids.extend(library_ids(self.tokenizer, text));
        }
    }

    /// The ids of `text`.
    pub fn encode(&mut self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        self.encode_into(text, &mut ids);
        ids
    }

    fn encode_run(&mut self, run: &str, ids: &mut Vec<u32>) {
        if let Some(&(start, end)) = self.runs.get(run) {
            ids.extend_from_slice(&self.ids[start as usize..end as usize]);
            return;
        }
        let start = self.ids.len();
        let is_plain = |byte: &u8| byte.is_ascii() && !byte.is_ascii_control();
        if run.as_bytes().iter().all(is_plain) {
            // Nothing to clean, decompose or divide: one word, which is most of English text.
            let lowercase = self.tokenizer.settings.lowercase.then(|| run.to_ascii_lowercase());
            self.ids.extend(word_ids(self.tokenizer, lowercase.as_deref().unwrap_or(run)));
        } else {
            self.ids.extend(library_ids(self.tokenizer, run));
        }
        ids.extend_from_slice(&self.ids[start..]);
        if run.len() > REMEMBERED_BYTES {
            self.ids.truncate(start);
        } else if self.runs.len() < REMEMBERED_RUNS {
            self.runs.insert(run.into(), (start as u32, self.ids.len() as u32));
        } else {
            self.runs.clear();
            self.ids.clear();
        }
    }
}

/// Normalised words of `text` in order, as the library divides them.
pub(super) fn library_words(normalizer: &BertNormalizer, text: &str) -> Vec<String> {
    let mut normalized = NormalizedString::from(text);
    normalizer.normalize(&mut normalized).expect("BERT's normaliser takes every text");
    let mut words = PreTokenizedString::from(normalized);
    tokenizers::pre_tokenizers::bert::BertPreTokenizer
        .pre_tokenize(&mut words)
        .expect("BERT's pre-tokeniser takes every text");
    words
        .get_splits(OffsetReferential::Normalized, OffsetType::Byte)
        .into_iter()
        .map(|(word, _, _)| word.to_owned())
        .collect()
}

fn library_ids(tokenizer: &Tokenizer, text: &str) -> impl Iterator<Item = u32> {
    library_words(&tokenizer.settings.normalizer(), text)
        .into_iter()
        .flat_map(|word| word_ids(tokenizer, &word))
}

/// The ids of one normalised word.
fn word_ids(tokenizer: &Tokenizer, word: &str) -> impl Iterator<Item = u32> + use<> {
    let pieces = tokenizer.library.get_model().tokenize(word).expect("[UNK] is in the vocabulary");
    pieces.into_iter().map(|piece| piece.id)
}

/// The runs of `text` between cuts; a punctuation mark or an ideograph is a run of its own.
pub(super) fn runs(text: &str) -> Runs<'_> {
    Runs { text, at: 0 }
}

pub(super) struct Runs<'a> {
    text: &'a str,
    at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Part of a run.
    Inner,
    /// Separates runs.
    Space,
    /// A run of its own.
    Alone,
}

impl<'a> Iterator for Runs<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let mut start = self.at;
        let mut at = start;
        while let Some(&byte) = bytes.get(at) {
            let (class, length) = if byte < 0x80 {
                (ASCII[byte as usize], 1)
            } else {
                let c = self.text[at..].chars().next().expect("a character starts here");
                (class_of(c), c.len_utf8())
            };
            match class {
                Class::Inner => at += length,
                Class::Space if start == at => {
                    at += length;
                    start = at;
                }
                Class::Alone if start == at => {
                    at += length;
                    break;
                }
                Class::Space | Class::Alone => break,
            }
        }
        self.at = at;
        (start < at).then(|| &self.text[start..at])
    }
}

/// ASCII: white space, punctuation and symbols (all count as punctuation for BERT), the rest.
/// Control characters stay inside runs, where the normaliser drops them.
const ASCII: [Class; 128] = {
    let mut table = [Class::Inner; 128];
    let mut byte = 0;
    while byte < 128 {
        if matches!(byte as u8, b' ' | b'\t' | b'\n' | b'\r') {
            table[byte] = Class::Space;
        } else if (byte as u8).is_ascii_punctuation() {
            table[byte] = Class::Alone;
        }
        byte += 1;
    }
    table
};

/// Cuts outside ASCII: white space that is no control character, general punctuation (U+2044 and
/// U+2052 are mathematical symbols), the blocks that BERT calls Chinese.
fn class_of(c: char) -> Class {
    match u32::from(c) {
        0xA0 | 0x1680 | 0x2000..=0x200A | 0x2028 | 0x2029 | 0x202F | 0x205F | 0x3000 => Class::Space,
        0x2010..=0x2027 | 0x2030..=0x2043 | 0x2045..=0x2051 | 0x2053..=0x205E => Class::Alone,
        0x4E00..=0x9FFF
        | 0x3400..=0x4DBF
        | 0x20000..=0x2A6DF
        | 0x2A700..=0x2B73F
        | 0x2B740..=0x2B81F
        | 0x2B920..=0x2CEAF
        | 0xF900..=0xFAFF
        | 0x2F800..=0x2FA1F => Class::Alone,
        _ => Class::Inner,
    }
}
