//! The tokenizer on disk: read from what others wrote, written so that transformers reads it.

use std::io;
use std::path::{Path, PathBuf};

use electra_files::staged;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokenizers::tokenizer::AddedToken;

use super::folder::{read_folder, read_library};
use super::{Settings, Tokenizer};
use crate::vocab::{MAX_VOCAB_SIZE, SPECIAL_TOKENS, Vocabulary, VocabularyError};

pub(super) const VOCAB_FILE: &str = "vocab.txt";
pub(super) const TOKENIZER_FILE: &str = "tokenizer.json";
pub(super) const CONFIG_FILE: &str = "tokenizer_config.json";
pub(super) const SPECIAL_TOKENS_FILE: &str = "special_tokens_map.json";

/// The files that [`Tokenizer::save`] writes.
pub const SAVED_FILES: [&str; 4] = [VOCAB_FILE, TOKENIZER_FILE, CONFIG_FILE, SPECIAL_TOKENS_FILE];

/// Commas of a file of JSON: a piece has one, and an added token a few.
const MAX_VALUES: usize = 4 * MAX_VOCAB_SIZE;

/// What can be wrong with a tokenizer's files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The vocabulary is unusable.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// Neither a file nor a folder.
    #[error(
        "there is no tokenizer at {path}; give a folder with tokenizer.json or vocab.txt, or one of these files"
    )]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The JSON could not be understood.
    #[error(
        "{path} is not a tokenizer that can be read: {what}; copy the file again from where it came from"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        what: String,
    },
    /// A tokenizer of another kind.
    #[error(
        "{path} is not BERT's WordPiece: its {part} is {found}, expected {expected}; give the tokenizer of a BERT or ELECTRA model"
    )]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// Which part of the tokenizer.
        part: &'static str,
        /// What stands there.
        found: String,
        /// What ELECTRA needs.
        expected: String,
    },
    /// A setting with which text would be divided otherwise than here.
    #[error("{path}: `{key}` is {found}, expected {expected}; {remedy}")]
    Setting {
        /// The file that says so, or that should.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What stands there.
        found: String,
        /// What can be read.
        expected: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A file that says otherwise than the others of its folder.
    #[error(
        "{path} does not belong to the other files of its folder: {what}; copy the whole folder again, or write \
         it again with the command that wrote it"
    )]
    Disagreement {
        /// The file.
        path: PathBuf,
        /// Where it differs.
        what: String,
    },
    /// An added token that cannot have the id that it should.
    #[error(
        "{path}: the added token {token:?} gets the id {id} in transformers, expected {}; give the added tokens \
         the ids behind the vocabulary, without holes",
        .expected.map_or("one that no piece has".to_owned(), |id| format!("{id}, as the file says"))
    )]
    AddedToken {
        /// The file that lists it.
        path: PathBuf,
        /// The token.
        token: String,
        /// The id that it gets.
        id: u32,
        /// The id that the file says, if it says one.
        expected: Option<u32>,
    },
}

impl Tokenizer {
    /// Reads a tokenizer from a folder, as transformers reads it; from a `tokenizer.json`, or from a
    /// bare `vocab.txt`.
    ///
    /// A bare vocabulary does not say whether text is to be lower-cased: `cased` does, and
    /// without it a vocabulary with upper-case pieces counts as cased. Elsewhere `cased` must
    /// agree with what the files say.
    pub fn load_with(path: impl Into<PathBuf>, cased: Option<bool>) -> Result<Self, TokenizerError> {
        let path = path.into();
        let tokenizer = if path.is_dir() {
            read_folder(&path, cased)?
        } else if !path.exists() {
            return Err(TokenizerError::NotFound { path });
        } else if path.extension().is_some_and(|extension| extension == "json") {
            read_library(&path)?
        } else {
            let vocabulary = Vocabulary::read(&path)?;
            let cased = cased.unwrap_or_else(|| vocabulary.looks_cased());
            Tokenizer::new(vocabulary, Settings::new(cased))
        };
        match cased {
            Some(cased) if cased != tokenizer.is_cased() => {
                let name = |cased| if cased { "cased" } else { "uncased" };
                Err(TokenizerError::OtherKind {
                    path,
                    part: "case",
                    found: name(tokenizer.is_cased()).into(),
                    expected: name(cased).into(),
                })
            }
            _ => Ok(tokenizer),
        }
    }

    /// Tokens of the longest text where nobody says otherwise.
    pub const MAX_LENGTH: usize = 512;

    /// Writes [`SAVED_FILES`] into `folder`, which is created if need be: a crash at any moment leaves
    /// the tokenizer that was there or this one. Other files of the folder stay. Where the folder cannot be
    /// replaced as a whole (`.`, a link, a mount, large files or folders beside the tokenizer), a crash may
    /// leave files of both, which [`Tokenizer::load_saved`] and [`Tokenizer::load_named`] refuse.
    pub fn save(&self, folder: &Path) -> Result<(), TokenizerError> {
        let files = self.files(Self::MAX_LENGTH);
        let files = files.each_ref().map(|(name, text)| (*name, text.as_bytes()));
        staged::replace_files(folder, &files).map_err(|error| {
            let (path, source) = error.into_parts();
            TokenizerError::Write { path, source }
        })
    }

    /// The names and texts of [`SAVED_FILES`], for a model that reads texts of up to `max_length` tokens,
    /// which the files say. The file without which the others are no tokenizer comes last.
    pub fn files(&self, max_length: usize) -> [(&'static str, String); 4] {
        let pretty = |value: serde_json::Value| format!("{value:#}\n");
        let [pad, unk, cls, sep, mask] = SPECIAL_TOKENS;
        let names = json!({
            "cls_token": cls, "mask_token": mask, "pad_token": pad, "sep_token": sep, "unk_token": unk,
        });
        [
            (CONFIG_FILE, pretty(self.config_json(max_length))),
            (SPECIAL_TOKENS_FILE, pretty(names)),
            (TOKENIZER_FILE, self.to_json()),
            (VOCAB_FILE, self.vocabulary.to_text()),
        ]
    }

    /// The text of `tokenizer.json`.
    pub fn to_json(&self) -> String {
        let mut text = self.library.to_string(true).expect("a tokenizer is plain data");
        text.push('\n');
        text
    }

    fn config_json(&self, max_length: usize) -> serde_json::Value {
        let [pad, unk, cls, sep, mask] = SPECIAL_TOKENS;
        let Settings { lowercase, strip_accents, split_cjk, clean_text, max_word_chars } = self.settings;
        let added: serde_json::Map<_, _> = self
            .added_tokens()
            .into_iter()
            .map(|(id, token)| {
                let AddedToken { content, lstrip, normalized, rstrip, single_word, special } = token;
                let token = json!({
                    "content": content, "lstrip": lstrip, "normalized": normalized,
                    "rstrip": rstrip, "single_word": single_word, "special": special,
                });
                (id.to_string(), token)
            })
            .collect();
        let mut config = json!({
            "added_tokens_decoder": added,
            "clean_up_tokenization_spaces": true,
            "cls_token": cls,
            "do_lower_case": lowercase,
            "mask_token": mask,
            "model_max_length": max_length,
            "pad_token": pad,
            "sep_token": sep,
            "strip_accents": (strip_accents != lowercase).then_some(strip_accents),
            "tokenize_chinese_chars": split_cjk,
            "tokenizer_class": "ElectraTokenizer",
            "unk_token": unk,
        });
        // transformers 5 builds an ElectraTokenizer anew from vocabulary and case, with BERT's own
        // value of everything else; the general class takes tokenizer.json as it is.
        if max_word_chars != Settings::UNCASED.max_word_chars || !clean_text {
            config["tokenizer_class"] = "PreTrainedTokenizerFast".into();
            config["model_input_names"] = json!(["input_ids", "token_type_ids", "attention_mask"]);
            config["max_input_chars_per_word"] = max_word_chars.into();
        }
        config
    }
}

/// JSON, if it has no more values than a tokenizer may have: in memory each takes many times the bytes
/// that it has in the file.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, TokenizerError> {
    if bytes.iter().filter(|&&byte| byte == b',').count() > MAX_VALUES {
        return Err(malformed(path, format!("it has more than {MAX_VALUES} values")));
    }
    serde_json::from_slice(bytes).map_err(|error| malformed(path, error))
}

pub(super) fn malformed(path: &Path, error: impl std::fmt::Display) -> TokenizerError {
    TokenizerError::Malformed { path: path.to_owned(), what: error.to_string() }
}
