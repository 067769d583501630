//! Text to ids: BERT's WordPiece, applied, loaded, saved and identified.
//!
//! Wraps the `tokenizers` crate with the parts that `ElectraTokenizerFast` of transformers has:
//! BERT's normaliser and pre-tokeniser, greedy longest-match WordPiece, `[CLS] A [SEP] B [SEP]`.

mod encoding;
mod error;
mod files;
mod folder;
mod json;
mod library_file;
mod load;
mod saved;
mod settings;
mod split;
mod text_encoder;
mod tokenizer;
mod train;

pub use encoding::{Encoding, OffsetUnit};
pub use error::TokenizerError;
pub use files::SAVED_FILES;
pub use settings::{MAX_WORD_CHARS, Settings};
pub use text_encoder::TextEncoder;
pub use tokenizer::Tokenizer;
pub use train::{
    ExtensionSettings, TooLong, TrainError, TrainProgress, Trained, VocabularySettings, extend, train,
};
