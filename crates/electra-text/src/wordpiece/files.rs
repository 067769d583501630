//! The files of a tokenizer, written so that transformers reads them.

use std::path::Path;

use electra_files::staged;
use serde_json::json;
use tokenizers::tokenizer::AddedToken;

use super::error::TokenizerError;
use super::settings::Settings;
use super::tokenizer::Tokenizer;
use crate::vocab::SPECIAL_TOKENS;

pub(super) const VOCAB_FILE: &str = "vocab.txt";
pub(super) const TOKENIZER_FILE: &str = "tokenizer.json";
pub(super) const CONFIG_FILE: &str = "tokenizer_config.json";
pub(super) const SPECIAL_TOKENS_FILE: &str = "special_tokens_map.json";

/// The files that [`Tokenizer::save`] writes.
pub const SAVED_FILES: [&str; 4] = [VOCAB_FILE, TOKENIZER_FILE, CONFIG_FILE, SPECIAL_TOKENS_FILE];

impl Tokenizer {
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
