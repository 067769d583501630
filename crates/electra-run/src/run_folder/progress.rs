//! The progress of the pretraining from which the weights in a folder come.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checkpoint::CheckpointStore;
use crate::record::thousands;
use electra_files::regular;

/// Steps of a pretraining, done and planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunProgress {
    /// The step after which the weights were saved.
    #[serde(rename = "pretraining_step")]
    pub step: u64,
    /// The steps of the recipe.
    #[serde(rename = "pretraining_planned_steps")]
    pub planned: u64,
}

impl RunProgress {
    /// The progress behind the weights in a folder: a run (its final weights, or its last intact checkpoint),
    /// or what was exported or imported from one. None where nobody has said how many steps there should be.
    #[must_use]
    pub fn read(folder: &Path) -> Option<Self> {
        let of_run = || {
            let planned = planned_steps(&regular::read_to_string(&folder.join("recipe.toml")).ok()?)?;
            if folder.join("model.safetensors").is_file() {
                return Some(Self { step: planned, planned });
            }
            let checkpoints = CheckpointStore::reading(folder.join("checkpoints"));
            let step = checkpoints.latest_valid().ok()?.checkpoint?.step;
            Some(Self { step, planned })
        };
        let said_in = |file: &str| serde_json::from_slice(&regular::read(&folder.join(file)).ok()?).ok();
        of_run().or_else(|| said_in(PROGRESS)).or_else(|| said_in("config.json"))
    }

    /// The text of [`PROGRESS`], which lies beside weights that have no run around them.
    #[must_use]
    pub fn file(self) -> String {
        serde_json::to_string_pretty(&self).expect("two numbers are JSON") + "\n"
    }

    /// Adds it to the content of a `config.json`, from where [`read`](Self::read) has it again.
    pub fn add_to(self, config: &mut Value) {
        config["pretraining_step"] = self.step.into();
        config["pretraining_planned_steps"] = self.planned.into();
    }

    /// Whether steps are left to do.
    #[must_use]
    pub fn is_unfinished(self) -> bool {
        self.step < self.planned
    }
}

/// "step 275 of 100,000"
impl fmt::Display for RunProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {} of {}", thousands(self.step), thousands(self.planned))
    }
}

/// File of the progress where there is no run.
pub const PROGRESS: &str = "progress.json";

/// The steps that a pretraining recipe plans.
#[must_use]
pub fn planned_steps(recipe: &str) -> Option<u64> {
    let steps = recipe.parse::<toml::Table>().ok()?.get("train")?.get("steps")?.as_integer()?;
    u64::try_from(steps).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn weights_are_those_of_the_last_checkpoint_until_the_run_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        assert_eq!(RunProgress::read(run), None);
        fs::write(run.join("recipe.toml"), "name = \"a\"\n[train]\nsteps = 100000\n").unwrap();
        assert_eq!(RunProgress::read(run), None, "there are no weights yet");
        let store = CheckpointStore::open(run.join("checkpoints"), 2).unwrap();
        for step in [250, 275] {
            store.save(step, &[("model.safetensors", b"weights")], None).unwrap();
        }
        let found = RunProgress::read(run).unwrap();
        assert_eq!((found.to_string().as_str(), found.is_unfinished()), ("step 275 of 100,000", true));
        // What is damaged is not what is read.
        fs::write(run.join("checkpoints/step-0000000275/model.safetensors"), "").unwrap();
        assert_eq!(RunProgress::read(run).unwrap().step, 250);
        fs::write(run.join("model.safetensors"), "").unwrap();
        let found = RunProgress::read(run).unwrap();
        assert!(found.step == 100_000 && !found.is_unfinished());
    }

    #[test]
    fn what_leaves_a_run_keeps_its_steps() {
        let progress = RunProgress { step: 275, planned: 100_000 };
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(PROGRESS), progress.file()).unwrap();
        assert_eq!(RunProgress::read(folder.path()), Some(progress));
        let folder = tempfile::tempdir().unwrap();
        let mut config = serde_json::json!({ "hidden_size": 8 });
        fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        assert_eq!(RunProgress::read(folder.path()), None);
        progress.add_to(&mut config);
        fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        assert_eq!(RunProgress::read(folder.path()), Some(progress));
    }

    #[test]
    fn a_recipe_of_fine_tuning_plans_no_steps() {
        assert_eq!(planned_steps("[train]\nepochs = 3\n"), None);
        assert_eq!(planned_steps("no recipe"), None);
    }
}
