//! Settings of the normaliser, which changes text before its words are looked up.

use serde::{Deserialize, Serialize};
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::tokenizer::{NormalizedString, Normalizer};

/// The settings of the normaliser, which changes text before its words are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Lower-case everything.
    pub lowercase: bool,
    /// Decompose characters and drop the accents.
    pub strip_accents: bool,
    /// Drop control characters, make every white space a plain space.
    pub clean_text: bool,
    /// Put spaces around CJK ideographs, so that each is a word.
    pub split_cjk: bool,
    /// Words of more characters than this become `[UNK]`.
    pub max_word_chars: usize,
}

impl Settings {
    /// Upper case and accents are dropped: bert-uncased and the original ELECTRA.
    pub const UNCASED: Settings = Settings {
        lowercase: true,
        strip_accents: true,
        clean_text: true,
        split_cjk: true,
        max_word_chars: 100,
    };

    /// Upper case and accents are kept.
    pub const CASED: Settings = Settings { lowercase: false, strip_accents: false, ..Settings::UNCASED };

    /// [`Settings::CASED`] or [`Settings::UNCASED`].
    pub fn new(cased: bool) -> Self {
        if cased { Settings::CASED } else { Settings::UNCASED }
    }

    pub(super) fn normalizer(&self) -> BertNormalizer {
        BertNormalizer::new(
            self.clean_text,
            self.split_cjk,
            // `None` follows the case, which is what transformers writes and expects.
            (self.strip_accents != self.lowercase).then_some(self.strip_accents),
            self.lowercase,
        )
    }

    /// A text as its words are looked up.
    pub(crate) fn normalized(&self, text: &str) -> String {
        let mut normalized = NormalizedString::from(text);
        self.normalizer().normalize(&mut normalized).expect("BERT's normaliser takes every text");
        normalized.get().to_owned()
    }
}

/// The longest word that can be asked to be looked up: the time that takes grows with the third power
/// of its length.
pub const MAX_WORD_CHARS: usize = 10_000;
