//! Ancestors of a model: the weights that its pretraining began with, and those that theirs began with.

use std::path::Path;

use electra_files::regular;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::layout::{HF_CONFIG, INIT};

/// More would be no lineage of a model but a mistake.
const MOST: usize = 64;

/// Weights that a pretraining began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ancestor {
    /// The folder of the model, as it was named then.
    pub model: String,
    /// BLAKE3 of its weights, as a file of ours has them.
    pub weights_hash: String,
}

/// The name by which others know the model in a folder: of a model of the Hub its name and commit, else the path.
#[must_use]
pub fn model_name(folder: &Path) -> String {
    match electra_hub::model_of_folder(folder) {
        Some((name, commit)) => format!("{name}@{commit}"),
        None => folder.display().to_string(),
    }
}

/// The ancestors of the model in a folder, the nearest first: of a run that began with weights, and of what was
/// exported or imported from one. Empty where nothing is said.
pub fn ancestors(folder: &Path) -> Vec<Ancestor> {
    let said_in = |file: &str| -> Option<Vec<Ancestor>> {
        let mut value: Value = serde_json::from_slice(&regular::read(&folder.join(file)).ok()?).ok()?;
        serde_json::from_value(value.get_mut(ANCESTORS)?.take()).ok()
    };
    let mut found = said_in(INIT).or_else(|| said_in(HF_CONFIG)).unwrap_or_default();
    found.truncate(MOST);
    found
}

/// Adds them to the content of a `config.json`, from where [`ancestors`] has them again.
pub fn add_ancestors(config: &mut Value, ancestors: &[Ancestor]) {
    if !ancestors.is_empty() {
        config[ANCESTORS] = json!(ancestors);
    }
}

/// The text of [`INIT`] beside weights that have no run around them.
pub fn ancestors_file(ancestors: &[Ancestor]) -> String {
    let text = serde_json::to_string_pretty(&json!({ ANCESTORS: ancestors }));
    text.expect("names and hashes are JSON") + "\n"
}

/// The key of the list, in [`INIT`] as in a `config.json`.
const ANCESTORS: &str = "ancestors";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_model_of_the_hub_is_known_by_its_name_and_commit_wherever_its_cache_is() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let folder = format!("/caches/hub/models--google--electra-small/snapshots/{commit}");
        assert_eq!(model_name(Path::new(&folder)), format!("google/electra-small@{commit}"));
        for folder in ["runs/tiny", "models--google--electra-small/snapshots", "models--a--b/snapshots/main"]
        {
            assert_eq!(model_name(Path::new(folder)), folder);
        }
    }

    #[test]
    fn what_leaves_a_run_keeps_its_ancestors() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ancestors(folder.path()), []);
        let there = [("runs/a", "1f"), ("released", "2e")]
            .map(|(model, hash)| Ancestor { model: model.into(), weights_hash: hash.into() });
        let mut config = json!({ "hidden_size": 8 });
        add_ancestors(&mut config, &[]);
        assert_eq!(config, json!({ "hidden_size": 8 }));
        add_ancestors(&mut config, &there);
        fs::write(folder.path().join(HF_CONFIG), config.to_string()).unwrap();
        assert_eq!(ancestors(folder.path()), there);
        fs::write(folder.path().join(INIT), ancestors_file(&there[1..])).unwrap();
        assert_eq!(ancestors(folder.path()), there[1..]);
        fs::write(folder.path().join(INIT), "{\"ancestors\": 5}").unwrap();
        assert_eq!(ancestors(folder.path()), there);
    }
}
