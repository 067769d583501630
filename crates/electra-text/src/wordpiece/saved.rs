//! A folder that was written here, every file of it.
//!
//! Of a tokenizer's files each says what another says too, for programs that read no other. Which of
//! them counts here is decided in [`super::folder`]; a folder of which two disagree is damaged.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use super::error::TokenizerError;
use super::files::{CONFIG_FILE, SAVED_FILES, SPECIAL_TOKENS_FILE, TOKENIZER_FILE, VOCAB_FILE};
use super::folder::{SPECIAL_KEYS, content};
use super::json::read_json;
use super::library_file::read_library_file;
use super::settings::Settings;
use super::tokenizer::Tokenizer;
use crate::read_once;
use crate::vocab::{MAX_FILE_BYTES, SPECIAL_TOKENS, Vocabulary};

impl Tokenizer {
    /// Reads a folder that [`Tokenizer::save`] wrote.
    ///
    /// # Errors
    /// As [`Tokenizer::load`], and if a file says otherwise than the others.
    pub fn load_saved(folder: &Path) -> Result<Self, TokenizerError> {
        let tokenizer = Tokenizer::load(folder)?;
        tokenizer.check_files(folder)?;
        Ok(tokenizer)
    }

    /// Reads a tokenizer that a user names, as [`Tokenizer::load_with`]. A folder with all of
    /// [`SAVED_FILES`] is taken for one that [`Tokenizer::save`] wrote; others are read as transformers
    /// reads them, whatever their files say of each other.
    ///
    /// # Errors
    /// As [`Tokenizer::load_with`], and if a file of such a folder says otherwise than the others.
    pub fn load_named(path: &Path, cased: Option<bool>) -> Result<Self, TokenizerError> {
        let tokenizer = Tokenizer::load_with(path, cased)?;
        if SAVED_FILES.iter().all(|name| path.join(name).is_file()) {
            tokenizer.check_files(path)?;
        }
        Ok(tokenizer)
    }

    /// Refuses files of the folder that say otherwise than this tokenizer, which was read from it.
    fn check_files(&self, folder: &Path) -> Result<(), TokenizerError> {
        let path = folder.join(VOCAB_FILE);
        if let Some(text) = text_of(&path)? {
            check_vocabulary(&path, &text, self.vocabulary())?;
        }
        let path = folder.join(SPECIAL_TOKENS_FILE);
        if let Some(text) = text_of(&path)? {
            check_names(&path, &text)?;
        }
        let path = folder.join(TOKENIZER_FILE);
        if path.is_file() {
            check_settings(&folder.join(CONFIG_FILE), &self.settings(), &read_library_file(&path)?.settings)?;
        }
        Ok(())
    }
}

/// The text of the file, or `None` if there is no file.
fn text_of(path: &Path) -> Result<Option<String>, TokenizerError> {
    match read_once::read_regular(path, MAX_FILE_BYTES).and_then(read_once::utf8) {
        Ok(text) => Ok(Some(text)),
        Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TokenizerError::Read { path: path.to_owned(), source }),
    }
}

fn check_vocabulary(path: &Path, text: &str, expected: &Vocabulary) -> Result<(), TokenizerError> {
    // White space at the end of a piece is lost where the text is read, not where it is compared.
    if text == expected.to_text() {
        return Ok(());
    }
    let found = Vocabulary::of_text(text, path)?;
    if found.pieces() == expected.pieces() {
        return Ok(());
    }
    let (found, expected) = (found.pieces(), expected.pieces());
    let what = match found.iter().zip(expected).position(|(found, expected)| found != expected) {
        Some(at) => format!("its line {} is {:?}, expected {:?}", at + 1, found[at], expected[at]),
        None => format!("it has {} pieces, expected {}", found.len(), expected.len()),
    };
    Err(TokenizerError::Disagreement { path: path.to_owned(), what })
}

/// Compares what `tokenizer_config.json` says of case and accents with `tokenizer.json`.
fn check_settings(path: &Path, found: &Settings, expected: &Settings) -> Result<(), TokenizerError> {
    let of = |settings: &Settings| {
        let Settings { lowercase, strip_accents, split_cjk, .. } = *settings;
        [
            ("do_lower_case", lowercase),
            ("strip_accents", strip_accents),
            ("tokenize_chinese_chars", split_cjk),
        ]
    };
    for ((key, found), (_, expected)) in of(found).into_iter().zip(of(expected)) {
        if found != expected {
            let by = if path.exists() { "by it" } else { "without it" };
            let what = format!("{by} {key} is {found}, expected {expected} as in {TOKENIZER_FILE}");
            return Err(TokenizerError::Disagreement { path: path.to_owned(), what });
        }
    }
    Ok(())
}

fn check_names(path: &Path, text: &str) -> Result<(), TokenizerError> {
    let names: Value = read_json(path, text.as_bytes())?;
    for (key, expected) in SPECIAL_KEYS.into_iter().zip(SPECIAL_TOKENS) {
        let found = names.get(key).and_then(content);
        if found != Some(expected) {
            let what = format!("its {key} is {found:?}, expected {expected:?}");
            return Err(TokenizerError::Disagreement { path: path.to_owned(), what });
        }
    }
    Ok(())
}
