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

use super::tokenizer::{Library, Tokenizer};
use crate::coverage::{AccentCounter, Coverage};

/// Runs remembered before the memory is emptied: bounds it to about 10 MB.
const REMEMBERED_RUNS: usize = 1 << 17;

/// Longer runs are rare and not worth remembering.
const REMEMBERED_BYTES: usize = 64;

/// Encodes text of a corpus. Special tokens written out in the text are text, unlike in
/// [`Tokenizer::encode`]: a corpus that mentions `[MASK]` must not mask itself. Other added tokens
/// are found.
pub struct TextEncoder<'t> {
    tokenizer: &'t Tokenizer,
    /// The library's own way, where tokens were added that may reach across a cut.
    with_added: Option<Library>,
    runs: AHashMap<CompactString, Remembered>,
    ids: Vec<u32>,
    accents: AccentCounter,
    coverage: Coverage,
}

impl Tokenizer {
    /// An encoder of plain text for corpora: ids alone, fast, no special tokens recognised.
    pub fn text_encoder(&self) -> TextEncoder<'_> {
        TextEncoder::new(self)
    }
}

/// The cached encoding of a run of at most [`REMEMBERED_BYTES`].
struct Remembered {
    /// The index of its first id in `ids`.
    start: u32,
    end: u32,
    counts: Counts,
}

/// The [`Coverage`] of a run; each Hangul syllable, of three bytes, may become three letters.
struct Counts {
    words: u8,
    unknown_words: u8,
    characters: u8,
    unknown_characters: u8,
    written: u8,
    stripped: u8,
    jamo: u8,
}

impl<'t> TextEncoder<'t> {
    fn new(tokenizer: &'t Tokenizer) -> Self {
        let with_added = tokenizer.has_added_tokens().then(|| {
            let mut library = tokenizer.library.clone();
            library.set_encode_special_tokens(true);
            library
        });
        let accents = AccentCounter::new(tokenizer.settings.strip_accents);
        let coverage = Coverage::default();
        TextEncoder { tokenizer, with_added, runs: AHashMap::new(), ids: Vec::new(), accents, coverage }
    }

    /// The coverage of all text encoded since the last call, in words and characters.
    pub fn take_coverage(&mut self) -> Coverage {
        std::mem::take(&mut self.coverage)
    }

    /// Appends the ids of `text` to `ids`.
    pub fn encode_into(&mut self, text: &str, ids: &mut Vec<u32>) {
        if let Some(library) = &self.with_added {
            let encoding = library.encode(text, false).expect("WordPiece with [UNK] encodes every text");
            ids.extend_from_slice(encoding.get_ids());
            self.accents.add(text, &mut self.coverage);
            count_words(&encoding, text, self.tokenizer.special().unk, &mut self.coverage);
            return;
        }
        let settings = self.tokenizer.settings;
        if settings.clean_text && settings.split_cjk {
            for run in runs(text) {
                self.encode_run(run, ids);
            }
        } else {
            self.accents.add(text, &mut self.coverage);
            push_words(self.tokenizer, text, ids, &mut self.coverage);
        }
    }

    /// The ids of `text`.
    pub fn encode(&mut self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        self.encode_into(text, &mut ids);
        ids
    }

    fn encode_run(&mut self, run: &str, ids: &mut Vec<u32>) {
        if let Some(known) = self.runs.get(run) {
            ids.extend_from_slice(&self.ids[known.start as usize..known.end as usize]);
            self.coverage.add(&known.counts.widened());
            return;
        }
        let start = self.ids.len();
        let mut coverage = Coverage::default();
        self.accents.add(run, &mut coverage);
        let is_plain = |byte: &u8| byte.is_ascii() && !byte.is_ascii_control();
        if run.as_bytes().iter().all(is_plain) {
            // Nothing to clean, decompose or divide: one word, which is most of English text.
            let lowercase = self.tokenizer.settings.lowercase.then(|| run.to_ascii_lowercase());
            push_word(self.tokenizer, lowercase.as_deref().unwrap_or(run), &mut self.ids, &mut coverage);
        } else {
            push_words(self.tokenizer, run, &mut self.ids, &mut coverage);
        }
        self.coverage.add(&coverage);
        ids.extend_from_slice(&self.ids[start..]);
        let end = self.ids.len() as u32;
        match Counts::narrowed(&coverage).filter(|_| run.len() <= REMEMBERED_BYTES) {
            None => self.ids.truncate(start),
            Some(counts) if self.runs.len() < REMEMBERED_RUNS => {
                self.runs.insert(run.into(), Remembered { start: start as u32, end, counts });
            }
            Some(_) => {
                self.runs.clear();
                self.ids.clear();
            }
        }
    }
}

impl Counts {
    /// None if a count does not fit.
    fn narrowed(coverage: &Coverage) -> Option<Self> {
        let of = |count: u64| u8::try_from(count).ok();
        Some(Counts {
            words: of(coverage.words)?,
            unknown_words: of(coverage.unknown_words)?,
            characters: of(coverage.characters)?,
            unknown_characters: of(coverage.unknown_characters)?,
            written: of(coverage.written)?,
            stripped: of(coverage.stripped)?,
            jamo: of(coverage.jamo)?,
        })
    }

    fn widened(&self) -> Coverage {
        Coverage {
            words: self.words.into(),
            unknown_words: self.unknown_words.into(),
            characters: self.characters.into(),
            unknown_characters: self.unknown_characters.into(),
            written: self.written.into(),
            stripped: self.stripped.into(),
            jamo: self.jamo.into(),
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

/// Appends the ids of `text`, as the library divides it, and counts its words.
fn push_words(tokenizer: &Tokenizer, text: &str, ids: &mut Vec<u32>, coverage: &mut Coverage) {
    for word in library_words(&tokenizer.settings.normalizer(), text) {
        push_word(tokenizer, &word, ids, coverage);
    }
}

/// Counts the words of `text` by their ids; an added token is a word.
fn count_words(encoding: &tokenizers::Encoding, text: &str, unknown: u32, coverage: &mut Coverage) {
    let (ids, words, places) = (encoding.get_ids(), encoding.get_word_ids(), encoding.get_offsets());
    let all: Vec<usize> = (0..ids.len()).collect();
    for word in all.chunk_by(|&a, &b| words[a].is_some() && words[a] == words[b]) {
        let (first, last) = (word[0], word[word.len() - 1]);
        // Of a token that lies within a character the places are no places of the text.
        let written = text.get(places[first].0..places[last].1).unwrap_or_default();
        coverage.add_word(written.chars().count() as u64, ids[first..=last] == [unknown]);
    }
}

/// Appends the ids of one normalised word, and counts it.
fn push_word(tokenizer: &Tokenizer, word: &str, ids: &mut Vec<u32>, coverage: &mut Coverage) {
    let start = ids.len();
    let pieces = tokenizer.library.get_model().tokenize(word).expect("[UNK] is in the vocabulary");
    ids.extend(pieces.into_iter().map(|piece| piece.id));
    let is_unknown = ids[start..] == [tokenizer.special().unk];
    coverage.add_word(word.chars().count() as u64, is_unknown);
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
    /// A byte inside a run.
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
