//! The files of a model that are read, and which of them a repository has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use electra_files::regular;
use serde::Deserialize;

use crate::error::HubError;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    /// Sizes, weights and tokenizer.
    Model,
    /// The tokenizer alone.
    Tokenizer,
}

/// What is known of a file of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileState {
    Present,
    Absent,
    Unknown,
}

pub(crate) const CONFIG: &str = "config.json";
/// Of which one has to be there.
const TOKENIZER: [&str; 2] = ["tokenizer.json", "vocab.txt"];
/// Files that decide how a tokenizer divides text.
const BESIDE_TOKENIZER: [&str; 3] = ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"];
/// Files that a tagger of this program has beside.
const BESIDE_TAGGER: [&str; 3] = ["tagger.json", "calibration.json", "crf.safetensors"];
/// Weights, in the order in which they are read: of the first that is there.
const WEIGHTS: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];
/// Bytes of an index at most.
const MAX_INDEX: u64 = 64 << 20;

/// The files of a commit that are read, as far as is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Files that are there; the weights last.
    pub(crate) present: Vec<&'static str>,
    /// Files that the commit does not have.
    pub(crate) absent: Vec<&'static str>,
    /// Files that it may have.
    pub(crate) unknown: Vec<&'static str>,
    /// What nothing can be done without, in words.
    pub(crate) missing: Vec<&'static str>,
    /// The index of the weights, if they are in shards.
    pub(crate) index: Option<&'static str>,
}

impl Selection {
    /// Chooses the files of a commit, given what is known of each.
    ///
    /// # Errors
    /// That of `state`.
    pub(crate) fn of(
        parts: Parts,
        mut state: impl FnMut(&'static str) -> Result<FileState, HubError>,
    ) -> Result<Self, HubError> {
        let mut found = Self::default();
        if !found.take(CONFIG, &mut state)? && parts == Parts::Model {
            found.missing.push(CONFIG);
        }
        let mut has_tokenizer = false;
        for file in TOKENIZER {
            has_tokenizer |= found.take(file, &mut state)?;
        }
        if !has_tokenizer {
            found.missing.push("tokenizer (tokenizer.json or vocab.txt)");
        }
        for file in BESIDE_TOKENIZER {
            found.take(file, &mut state)?;
        }
        if parts == Parts::Tokenizer {
            return Ok(found);
        }
        for file in BESIDE_TAGGER {
            found.take(file, &mut state)?;
        }
        for file in WEIGHTS {
            if found.take(file, &mut state)? {
                found.index = Some(file).filter(|file| file.ends_with(".index.json"));
                return Ok(found);
            }
        }
        found.missing.push("weights (model.safetensors or pytorch_model.bin, whole or in shards)");
        Ok(found)
    }

    fn take(
        &mut self,
        file: &'static str,
        state: &mut impl FnMut(&'static str) -> Result<FileState, HubError>,
    ) -> Result<bool, HubError> {
        let state = state(file)?;
        match state {
            FileState::Present => self.present.push(file),
            FileState::Absent => self.absent.push(file),
            FileState::Unknown => self.unknown.push(file),
        }
        Ok(state == FileState::Present)
    }
}

/// The shards that the index at `path` names, which lie beside it and nowhere else.
///
/// # Errors
/// A file that is no index, or names files elsewhere.
pub(crate) fn shards(path: &Path) -> Result<BTreeSet<String>, HubError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let wrong = |what: String| HubError::Index { path: path.into(), what };
    let bytes = regular::read_at_most(path, MAX_INDEX)
        .map_err(|source| HubError::Read { path: path.into(), source })?;
    let Index { weight_map } = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    let names: BTreeSet<String> = weight_map.into_values().collect();
    let is_shard = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            && !name.starts_with('.')
            && (name.ends_with(".safetensors") || name.ends_with(".bin"))
    };
    match names.iter().find(|name| !is_shard(name)) {
        Some(name) => Err(wrong(format!("{name:?} is no name of a shard"))),
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(parts: Parts, there: &[&str], absent: &[&str]) -> Selection {
        let state = |file: &'static str| {
            Ok(match file {
                file if there.contains(&file) => FileState::Present,
                file if absent.contains(&file) || absent.contains(&"*") => FileState::Absent,
                _ => FileState::Unknown,
            })
        };
        Selection::of(parts, state).unwrap()
    }

    #[test]
    fn the_first_form_of_weights_is_taken_and_no_other_asked_for() {
        let whole = ["config.json", "vocab.txt", "pytorch_model.bin", "model.safetensors"];
        let found = select(Parts::Model, &whole, &["*"]);
        assert_eq!(found.present, ["config.json", "vocab.txt", "model.safetensors"]);
        assert!(found.missing.is_empty() && found.unknown.is_empty() && found.index.is_none());
        let shards = ["config.json", "vocab.txt", "pytorch_model.bin", "model.safetensors.index.json"];
        assert_eq!(select(Parts::Model, &shards, &["*"]).index, Some("model.safetensors.index.json"));
        // Nobody has said that there are no safetensors.
        let found = select(Parts::Model, &["config.json", "vocab.txt", "pytorch_model.bin"], &[]);
        assert!(found.missing.is_empty() && found.unknown.contains(&"model.safetensors"), "{found:?}");
        assert!(!found.unknown.contains(&"pytorch_model.bin.index.json"));
    }

    #[test]
    fn what_nothing_can_be_done_without_is_missing() {
        let found = select(Parts::Model, &["README.md"], &["*"]);
        assert_eq!(found.missing.len(), 3, "{found:?}");
        let found = select(Parts::Tokenizer, &["vocab.txt"], &["*"]);
        assert_eq!((found.present, found.missing), (vec!["vocab.txt"], vec![]));
    }

    #[test]
    fn shards_lie_beside_their_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.json");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            shards(&path).map_err(|error| error.to_string())
        };
        let two = r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}"#;
        assert_eq!(read(two).unwrap().len(), 2);
        for name in ["../model.safetensors", "a/b.bin", "config.json", ".x.bin", ""] {
            let error = read(&format!(r#"{{"weight_map": {{"a": "{name}"}}}}"#)).unwrap_err();
            assert!(error.contains(&format!("{name:?} is no name of a shard")), "{error}");
        }
        assert!(read("[]").is_err());
    }
}
