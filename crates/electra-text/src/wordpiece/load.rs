//! A tokenizer read from whatever is given: a folder, a `tokenizer.json` or a bare `vocab.txt`.

use std::path::PathBuf;

use super::error::TokenizerError;
use super::folder::{read_folder, read_library};
use super::settings::Settings;
use super::tokenizer::Tokenizer;
use crate::vocab::Vocabulary;

impl Tokenizer {
    /// Reads what `tokenizer` of a data folder, a `vocab.txt` or a `tokenizer.json` says; see
    /// [`Tokenizer::load_with`].
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, TokenizerError> {
        Tokenizer::load_with(path, None)
    }

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
}
