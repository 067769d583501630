//! A WordPiece tokenizer in memory: its vocabulary, its settings and the tokens added to it.

use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::tokenizer::{AddedToken, TokenizerImpl};

use super::settings::Settings;
use crate::vocab::{CONTINUATION, SPECIAL_TOKENS, SpecialIds, Vocabulary};

pub(super) type Library =
    TokenizerImpl<WordPiece, BertNormalizer, BertPreTokenizer, BertProcessing, WordPieceDecoder>;

/// A WordPiece tokenizer: a vocabulary and the settings of BERT's normaliser.
#[derive(Clone)]
pub struct Tokenizer {
    pub(super) vocabulary: Vocabulary,
    pub(super) settings: Settings,
    pub(super) library: Library,
}

/// The reason why a token cannot be added.
#[derive(Debug)]
pub(super) enum AddTokenError {
    /// The token gets the id of a piece, as happens where the vocabulary repeats pieces: the library counts
    /// those that differ.
    Taken { token: String, id: u32 },
    /// The tokens cannot be told apart in a text, as where two of them are the same once normalised.
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
    pub(super) fn with_added(
        vocabulary: Vocabulary,
        settings: Settings,
        added: Vec<AddedToken>,
    ) -> Result<Self, AddTokenError> {
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
        added.map_err(|error| AddTokenError::Unsearchable { what: error.to_string() })?;
        let mut tokenizer = Tokenizer { vocabulary, settings, library };
        let pieces = tokenizer.vocabulary.pieces().len() as u32;
        let behind = |(id, token): (u32, AddedToken)| match tokenizer.vocabulary.id(&token.content) {
            Some(_) => None,
            None if id < pieces => Some(Err(AddTokenError::Taken { token: token.content, id })),
            None => Some(Ok(token.content)),
        };
        let new = tokenizer.added_tokens().into_iter().filter_map(behind).collect::<Result<_, _>>()?;
        tokenizer.vocabulary = tokenizer.vocabulary.with_added(new);
        Ok(tokenizer)
    }

    /// The added tokens in the order of their ids, the five special ones among them.
    pub(super) fn added_tokens(&self) -> Vec<(u32, AddedToken)> {
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

    /// The settings of the normaliser.
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
}
