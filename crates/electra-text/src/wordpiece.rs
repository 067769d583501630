//! Text to ids: BERT's WordPiece, applied, loaded, saved and identified.
//!
//! Wraps the `tokenizers` crate with the parts that `ElectraTokenizerFast` of transformers has:
//! BERT's normaliser and pre-tokeniser, greedy longest-match WordPiece, `[CLS] A [SEP] B [SEP]`.

mod encoding;
mod files;
mod folder;
mod library_file;
mod saved;
mod text_encoder;
mod train;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::tokenizer::{AddedToken, NormalizedString, Normalizer, TokenizerImpl};

pub use encoding::{Encoding, OffsetUnit};
pub use files::{SAVED_FILES, TokenizerError};
pub use text_encoder::TextEncoder;
pub use train::{TooLong, TrainError, TrainProgress, Trained, VocabularySettings, train};

use crate::vocab::{CONTINUATION, SPECIAL_TOKENS, SpecialIds, Vocabulary};

type Library = TokenizerImpl<WordPiece, BertNormalizer, BertPreTokenizer, BertProcessing, WordPieceDecoder>;

/// A WordPiece tokenizer: a vocabulary and the settings of BERT's normaliser.
#[derive(Clone)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    settings: Settings,
    library: Library,
}

/// The longest word that can be asked to be looked up: the time that takes grows with the third power
/// of its length.
pub const MAX_WORD_CHARS: usize = 10_000;

/// How text is normalised before words are looked up.
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

    fn normalizer(&self) -> BertNormalizer {
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

/// Why a token cannot be added.
#[derive(Debug)]
enum CannotAdd {
    /// It gets the id of a piece, as happens where the vocabulary repeats pieces: the library counts
    /// those that differ.
    Taken { token: String, id: u32 },
    /// They cannot be told apart in a text, as where two of them are the same once normalised.
    Unsearchable { what: String },
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("vocabulary", &self.vocabulary.len())
            .field("settings", &self.settings)
            .finish()
    }
}

impl Tokenizer {
    /// A tokenizer of this vocabulary, to which the five special tokens are added and no others.
    pub fn new(vocabulary: Vocabulary, settings: Settings) -> Self {
        let special = SPECIAL_TOKENS.map(|token| AddedToken::from(token, true));
        Tokenizer::with_added(vocabulary, settings, special.to_vec()).expect("they are in the vocabulary")
    }

    /// A tokenizer that finds `added` tokens in a text before it divides what lies between them into
    /// words. Those that are no pieces get the next ids.
    ///
    /// # Errors
    /// A token that cannot be added.
    fn with_added(
        vocabulary: Vocabulary,
        settings: Settings,
        added: Vec<AddedToken>,
    ) -> Result<Self, CannotAdd> {
        let ids: ahash::AHashMap<String, u32> = vocabulary.pieces().iter().cloned().zip(0u32..).collect();
        let model = WordPiece::builder()
            .vocab(ids)
            .unk_token(SPECIAL_TOKENS[1].into())
            .continuing_subword_prefix(CONTINUATION.into())
            .max_input_chars_per_word(settings.max_word_chars)
            .build()
            .expect("building from a map reads no file");
        let special = vocabulary.special();
        let mut library = Library::new(model);
        library
            .with_normalizer(Some(settings.normalizer()))
            .expect("nothing was normalised before")
            .with_pre_tokenizer(Some(BertPreTokenizer))
            .with_post_processor(Some(BertProcessing::new(
                ("[SEP]".into(), special.sep),
                ("[CLS]".into(), special.cls),
            )))
            .with_decoder(Some(WordPieceDecoder::new(CONTINUATION.into(), true)));
        let added = library.add_tokens(added);
        added.map_err(|error| CannotAdd::Unsearchable { what: error.to_string() })?;
        let mut tokenizer = Tokenizer { vocabulary, settings, library };
        let pieces = tokenizer.vocabulary.pieces().len() as u32;
        let behind = |(id, token): (u32, AddedToken)| match tokenizer.vocabulary.id(&token.content) {
            Some(_) => None,
            None if id < pieces => Some(Err(CannotAdd::Taken { token: token.content, id })),
            None => Some(Ok(token.content)),
        };
        let new = tokenizer.added_tokens().into_iter().filter_map(behind).collect::<Result<_, _>>()?;
        tokenizer.vocabulary = tokenizer.vocabulary.with_added(new);
        Ok(tokenizer)
    }

    /// The added tokens in the order of their ids, the five special ones among them.
    fn added_tokens(&self) -> Vec<(u32, AddedToken)> {
        let mut added: Vec<_> = self.library.get_added_tokens_decoder().into_iter().collect();
        added.sort_unstable_by_key(|(id, _)| *id);
        added
    }

    /// Whether more is found in text than the five special tokens, written exactly so.
    pub fn has_added_tokens(&self) -> bool {
        let is_plain = |(_, token): &(u32, AddedToken)| {
            SPECIAL_TOKENS.contains(&token.content.as_str())
                && *token == AddedToken::from(token.content.as_str(), true)
        };
        !self.added_tokens().iter().all(is_plain)
    }

    /// The pieces and their ids.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Number of pieces.
    pub fn vocab_size(&self) -> usize {
        self.vocabulary.len()
    }

    /// How text is normalised.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Whether upper case is kept.
    pub fn is_cased(&self) -> bool {
        !self.settings.lowercase
    }

    /// Ids of the special tokens.
    pub fn special(&self) -> SpecialIds {
        self.vocabulary.special()
    }

    /// Identity of the tokenizer: equal hashes give equal ids for every text, whichever files
    /// the tokenizers were loaded from.
    pub fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_derive_key("electra wordpiece tokenizer 1");
        let Settings { lowercase, strip_accents, clean_text, split_cjk, max_word_chars } = self.settings;
        hasher.update(
            format!("{lowercase} {strip_accents} {clean_text} {split_cjk} {max_word_chars}\n").as_bytes(),
        );
        hasher.update(self.vocabulary.to_text().as_bytes());
        // The text above divides pieces by line breaks.
        if self.vocabulary.pieces().iter().any(|piece| piece.contains('\n')) {
            hasher.update(format!("{:?}\n", self.vocabulary.pieces()).as_bytes());
        }
        if self.has_added_tokens() {
            hasher.update(format!("{:?}\n", self.added_tokens()).as_bytes());
        }
        hasher.finalize()
    }

    /// The pieces of these ids; an id outside the vocabulary is shown as `[?]`.
    pub fn pieces<'a>(&'a self, ids: impl IntoIterator<Item = u32> + 'a) -> impl Iterator<Item = &'a str> {
        ids.into_iter().map(|id| self.vocabulary.piece(id).unwrap_or("[?]"))
    }

    /// The ids as readable text: pieces of one word joined, words separated by a space, special
    /// tokens kept.
    pub fn decode(&self, ids: impl IntoIterator<Item = u32>) -> String {
        let mut text = String::new();
        for piece in self.pieces(ids) {
            match piece.strip_prefix(CONTINUATION) {
                Some(rest) if !rest.is_empty() && !text.is_empty() => text.push_str(rest),
                _ => {
                    if !text.is_empty() {
                        text.push(' ');
                    }
                    text.push_str(piece);
                }
            }
        }
        text
    }

    /// An encoder of plain text for corpora: ids alone, fast, no special tokens recognised.
    pub fn text_encoder(&self) -> TextEncoder<'_> {
        TextEncoder::new(self)
    }

    /// Reads what `tokenizer` of a data folder, a `vocab.txt` or a `tokenizer.json` says; see
    /// [`Tokenizer::load_with`].
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, TokenizerError> {
        Tokenizer::load_with(path, None)
    }
}
