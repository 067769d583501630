//! A `tokenizer.json`, the file of the `tokenizers` library, if it holds BERT's WordPiece.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::tokenizer::{AddedToken, Model};

use super::error::TokenizerError;
use super::json::{malformed, read_json};
use super::settings::{MAX_WORD_CHARS, Settings};
use crate::read_once;
use crate::vocab::{CONTINUATION, MAX_FILE_BYTES, SPECIAL_TOKENS, Vocabulary};

/// The contents of a `tokenizer.json`.
pub(super) struct LibraryFile {
    pub path: PathBuf,
    pub vocabulary: Vocabulary,
    pub settings: Settings,
    /// Added tokens in the order of their ids.
    pub added: Vec<(u32, AddedToken)>,
}

impl LibraryFile {
    /// Refuses what `BertTokenizer` has otherwise whatever the file says, though older versions of
    /// transformers took it from the file. `config` is the file that would say so.
    pub(super) fn check_settings_that_bert_ignores(&self, config: &Path) -> Result<(), TokenizerError> {
        let Settings { clean_text, max_word_chars, .. } = self.settings;
        let (key, found) = if max_word_chars != Settings::UNCASED.max_word_chars {
            ("max_input_chars_per_word", max_word_chars.to_string())
        } else if clean_text != Settings::UNCASED.clean_text {
            ("clean_text", clean_text.to_string())
        } else {
            return Ok(());
        };
        Err(TokenizerError::Setting {
            path: self.path.clone(),
            key,
            found,
            expected: format!("what BertTokenizer has, the class that {} names or means", config.display()),
            remedy: "write \"tokenizer_class\": \"PreTrainedTokenizerFast\" there, so that transformers reads \
                     tokenizer.json as it is",
        })
    }
}

pub(super) fn read_library_file(path: &Path) -> Result<LibraryFile, TokenizerError> {
    let bytes = read_once::read(path, MAX_FILE_BYTES)
        .map_err(|source| TokenizerError::Read { path: path.to_owned(), source })?;
    let mut json: Value = read_json(path, &bytes)?;
    let other = |part: &'static str, found: String, expected: &str| TokenizerError::OtherKind {
        path: path.to_owned(),
        part,
        found,
        expected: expected.into(),
    };
    // The library builds whatever it knows before it can be asked what it is.
    for (key, part, expected) in [
        ("model", "model", "WordPiece"),
        ("normalizer", "normalizer", "BertNormalizer"),
        ("pre_tokenizer", "pre-tokenizer", "BertPreTokenizer"),
    ] {
        if let Some(found) = json[key]["type"].as_str()
            && found != expected
        {
            return Err(other(part, found.to_owned(), expected));
        }
        if let Some(fields) = json.get_mut(key).and_then(Value::as_object_mut) {
            fields.insert("type".into(), expected.into());
        }
    }
    // Of the rest nothing is read: BERT's own is put in its place.
    if let Some(keys) = json.as_object_mut() {
        for key in ["truncation", "padding", "post_processor", "decoder"] {
            keys.insert(key.into(), Value::Null);
        }
    }
    let found: tokenizers::Tokenizer =
        serde_json::from_value(json).map_err(|error| malformed(path, error))?;
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
    let longest = model.max_input_chars_per_word;
    if !(1..=MAX_WORD_CHARS).contains(&longest) {
        return Err(TokenizerError::Setting {
            path: path.to_owned(),
            key: "max_input_chars_per_word",
            found: longest.to_string(),
            expected: format!("1 to {MAX_WORD_CHARS}"),
            remedy: "give the tokenizer of a BERT or ELECTRA model",
        });
    }
    let mut added: Vec<(u32, AddedToken)> = found.get_added_tokens_decoder().into_iter().collect();
    added.sort_unstable_by_key(|(id, _)| *id);
    Ok(LibraryFile {
        path: path.to_owned(),
        vocabulary: Vocabulary::from_ids(model.get_vocab(), path)?,
        settings: Settings {
            lowercase: normalizer.lowercase,
            strip_accents: normalizer.strip_accents.unwrap_or(normalizer.lowercase),
            clean_text: normalizer.clean_text,
            split_cjk: normalizer.handle_chinese_chars,
            max_word_chars: model.max_input_chars_per_word,
        },
        added,
    })
}

/// The `"type"` that a part of a tokenizer is saved under.
fn type_name(part: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(part).unwrap_or_default();
    value.get("type").and_then(|name| name.as_str()).unwrap_or("none").to_owned()
}
