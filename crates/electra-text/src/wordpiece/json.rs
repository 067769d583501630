//! A tokenizer's files of JSON, read with a bound on what they take in memory.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::error::TokenizerError;
use crate::vocab::MAX_VOCAB_SIZE;

/// Commas of a file of JSON: a piece has one, and an added token a few.
const MAX_VALUES: usize = 4 * MAX_VOCAB_SIZE;

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
