//! `[data]` of a recipe.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The data to train on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Folder that `electra data build` wrote. Empty where `sources` name several.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub path: PathBuf,
    /// Tokens of a row, special tokens included; that of the folder.
    pub sequence_length: usize,
    /// The folders of a mixture, in place of `path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceConfig>,
}

/// A folder of a mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Folder that `electra data build` wrote.
    pub path: PathBuf,
    /// The rows that are read of this folder, relative to the weights of the others.
    pub weight: f64,
}

impl DataConfig {
    /// The data folders with their weights.
    pub fn folders(&self) -> Vec<(&Path, f64)> {
        match &self.sources[..] {
            [] => vec![(&self.path, 1.0)],
            sources => sources.iter().map(|source| (source.path.as_path(), source.weight)).collect(),
        }
    }

    /// The first data folder that is trained on: its tokenizer is that of all.
    pub fn first_folder(&self) -> &Path {
        let folders = self.folders();
        folders.iter().find(|(_, weight)| *weight > 0.0).unwrap_or(&folders[0]).0
    }
}

/// Whether a folder is not named.
pub(super) fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}
