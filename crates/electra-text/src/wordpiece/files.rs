//! The tokenizer on disk: read from what others wrote, written so that transformers reads it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::tokenizer::Model;

use super::{Settings, Tokenizer};
use crate::vocab::{CONTINUATION, SPECIAL_TOKENS, Vocabulary, VocabularyError};

const VOCAB_FILE: &str = "vocab.txt";
const TOKENIZER_FILE: &str = "tokenizer.json";
const CONFIG_FILE: &str = "tokenizer_config.json";
const SPECIAL_TOKENS_FILE: &str = "special_tokens_map.json";

/// The files that [`Tokenizer::save`] writes.
pub const SAVED_FILES: [&str; 4] = [VOCAB_FILE, TOKENIZER_FILE, CONFIG_FILE, SPECIAL_TOKENS_FILE];

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
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
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
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SavedConfig {
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    /// Written here where it is not BERT's; transformers has it from `tokenizer.json`.
    max_input_chars_per_word: Option<usize>,
}

impl Tokenizer {
    /// Reads a tokenizer from a folder (its `tokenizer.json`, else its `vocab.txt` with
    /// `tokenizer_config.json`), from a `tokenizer.json` or from a bare `vocab.txt`.
    ///
    /// A bare vocabulary does not say whether text is to be lower-cased: `cased` does, and
    /// without it a vocabulary with upper-case pieces counts as cased. Elsewhere `cased` must
    /// agree with what the files say.
    pub fn load_with(path: impl Into<PathBuf>, cased: Option<bool>) -> Result<Self, TokenizerError> {
        let path = path.into();
        let tokenizer = if path.is_dir() {
            let [json, vocab] = [TOKENIZER_FILE, VOCAB_FILE].map(|name| path.join(name));
            if json.is_file() {
                from_json(&json)?
            } else if vocab.is_file() {
                from_vocab(&vocab, Some(&path.join(CONFIG_FILE)), cased)?
            } else {
                return Err(TokenizerError::NotFound { path });
            }
        } else if !path.exists() {
            return Err(TokenizerError::NotFound { path });
        } else if path.extension().is_some_and(|extension| extension == "json") {
            from_json(&path)?
        } else {
            from_vocab(&path, None, cased)?
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

    /// Writes [`SAVED_FILES`] into `folder`, which is created if need be.
    pub fn save(&self, folder: &Path) -> Result<(), TokenizerError> {
        self.save_for(folder, 512)
    }

    /// The same for a model that reads texts of up to `max_length` tokens, which the files say.
    pub fn save_for(&self, folder: &Path, max_length: usize) -> Result<(), TokenizerError> {
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|source| TokenizerError::Write { path, source })
        };
        std::fs::create_dir_all(folder)
            .map_err(|source| TokenizerError::Write { path: folder.to_owned(), source })?;
        write(VOCAB_FILE, self.vocabulary.to_text())?;
        write(TOKENIZER_FILE, self.to_json())?;
        let pretty = |value: serde_json::Value| format!("{value:#}\n");
        write(CONFIG_FILE, pretty(self.config_json(max_length)))?;
        let [pad, unk, cls, sep, mask] = SPECIAL_TOKENS;
        let names = json!({
            "cls_token": cls, "mask_token": mask, "pad_token": pad, "sep_token": sep, "unk_token": unk,
        });
        write(SPECIAL_TOKENS_FILE, pretty(names))
    }

    /// The text of `tokenizer.json`.
    pub fn to_json(&self) -> String {
        let mut text = self.library.to_string(true).expect("a tokenizer is plain data");
        text.push('\n');
        text
    }

    fn config_json(&self, max_length: usize) -> serde_json::Value {
        let [pad, unk, cls, sep, mask] = SPECIAL_TOKENS;
        let Settings { lowercase, strip_accents, clean_text, split_cjk, max_word_chars } = self.settings;
        let mut added: Vec<(u32, &str)> = self.special().all().into_iter().zip(SPECIAL_TOKENS).collect();
        added.sort_unstable();
        let added: serde_json::Map<_, _> = added
            .into_iter()
            .map(|(id, content)| {
                let token = json!({
                    "content": content, "lstrip": false, "normalized": false,
                    "rstrip": false, "single_word": false, "special": true,
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

fn from_vocab(vocab: &Path, config: Option<&Path>, cased: Option<bool>) -> Result<Tokenizer, TokenizerError> {
    let vocabulary = Vocabulary::read(vocab)?;
    let saved = match config {
        Some(path) if path.is_file() => {
            let text = std::fs::read_to_string(path)
                .map_err(|source| TokenizerError::Read { path: path.to_owned(), source })?;
            serde_json::from_str(&text).map_err(|error| malformed(path, error))?
        }
        _ => SavedConfig::default(),
    };
    let lowercase =
        saved.do_lower_case.or(cased.map(|cased| !cased)).unwrap_or_else(|| !vocabulary.looks_cased());
    let settings = Settings {
        lowercase,
        strip_accents: saved.strip_accents.unwrap_or(lowercase),
        split_cjk: saved.tokenize_chinese_chars.unwrap_or(true),
        max_word_chars: saved.max_input_chars_per_word.unwrap_or(Settings::UNCASED.max_word_chars),
        ..Settings::UNCASED
    };
    Ok(Tokenizer::new(vocabulary, settings))
}

fn from_json(path: &Path) -> Result<Tokenizer, TokenizerError> {
    let bytes =
        std::fs::read(path).map_err(|source| TokenizerError::Read { path: path.to_owned(), source })?;
    let found = tokenizers::Tokenizer::from_bytes(&bytes).map_err(|error| malformed(path, error))?;
    let other = |part: &'static str, found: String, expected: &str| TokenizerError::OtherKind {
        path: path.to_owned(),
        part,
        found,
        expected: expected.into(),
    };
    let ModelWrapper::WordPiece(model) = found.get_model() else {
        return Err(other("model", type_name(&found.get_model()), "WordPiece"));
    };
    let Some(NormalizerWrapper::BertNormalizer(normalizer)) = found.get_normalizer() else {
        return Err(other("normalizer", type_name(&found.get_normalizer()), "BertNormalizer"));
    };
    if !matches!(found.get_pre_tokenizer(), Some(PreTokenizerWrapper::BertPreTokenizer(_))) {
        return Err(other("pre-tokenizer", type_name(&found.get_pre_tokenizer()), "BertPreTokenizer"));
    }
    if model.unk_token != SPECIAL_TOKENS[1] {
        return Err(other("unknown token", model.unk_token.clone(), SPECIAL_TOKENS[1]));
    }
    if model.continuing_subword_prefix != CONTINUATION {
        let found = format!("{:?}", model.continuing_subword_prefix);
        return Err(other("prefix of continuing pieces", found, CONTINUATION));
    }
    for token in found.get_added_tokens_decoder().values() {
        if !SPECIAL_TOKENS.contains(&token.content.as_str()) {
            return Err(other(
                "list of added tokens",
                format!("one with {:?}", token.content),
                "the five special tokens alone",
            ));
        }
    }
    let vocabulary = Vocabulary::from_ids(model.get_vocab(), path)?;
    let settings = Settings {
        lowercase: normalizer.lowercase,
        strip_accents: normalizer.strip_accents.unwrap_or(normalizer.lowercase),
        clean_text: normalizer.clean_text,
        split_cjk: normalizer.handle_chinese_chars,
        max_word_chars: model.max_input_chars_per_word,
    };
    Ok(Tokenizer::new(vocabulary, settings))
}

fn malformed(path: &Path, error: impl std::fmt::Display) -> TokenizerError {
    TokenizerError::Malformed { path: path.to_owned(), what: error.to_string() }
}

/// The `"type"` that a part of a tokenizer is saved under.
fn type_name(part: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(part).unwrap_or_default();
    value.get("type").and_then(|name| name.as_str()).unwrap_or("none").to_owned()
}
