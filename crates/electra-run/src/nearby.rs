//! The folder that was meant, where the one above it was given.

use std::fs;
use std::path::{Path, PathBuf};

/// The tagger of the best seed among several.
const BEST: &str = "best";

/// Folders directly in `folder` that hold a file of one of these names: `best` first, the others
/// sorted. None if the folder cannot be read.
#[must_use]
pub fn folders_with(folder: &Path, files: &[&str]) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_meant = |path: &PathBuf| files.iter().any(|file| path.join(file).is_file());
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_meant).collect();
    found.sort_by_key(|path| (path.file_name().is_none_or(|name| name != BEST), path.clone()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_seed_comes_first_and_folders_without_a_model_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["seed-2", "best", "alpha", "empty"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for name in ["seed-2", "best", "alpha"] {
            fs::write(folder.path().join(name).join("config.json"), "{}").unwrap();
        }
        let found = folders_with(folder.path(), &["model.json", "config.json"]);
        let expected = ["best", "alpha", "seed-2"].map(|name| folder.path().join(name));
        assert_eq!(found, expected);
        assert!(folders_with(&folder.path().join("gone"), &["config.json"]).is_empty());
    }
}
