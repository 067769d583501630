//! The experiment that several end-to-end tests run: two arms whose generators differ in width.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Workbench, json, labelled};

/// The command that runs the experiment.
pub const COMMAND: &str = "ablate exp/experiment.toml --jobs 2 --threads 1";

/// The base recipe of the experiment: 40 steps of a few milliseconds.
pub const BASE: &str = "recipe_version = 1
extends = \"../recipe.toml\"
train.steps = 40
log.every_steps = 1
evaluate.every_steps = 10
checkpoint.every_steps = 5
";

/// The file of the experiment: two arms times two seeds.
pub const EXPERIMENT: &str = "recipe_version = 1
question = \"Does a wider generator help?\"
prediction = \"No.\"
base = \"base.toml\"
base_arm = \"half\"
budget = \"steps\"
metric = \"rtd-auc\"
seeds = \"1..2\"

[[arm]]
name = \"half\"

[[arm]]
name = \"whole\"
set = { \"model.generator.width\" = 1.0 }
";

impl Workbench {
    /// Data, and an experiment in `exp` with this base recipe and this file.
    pub fn with_experiment(base: &str, experiment: &str) -> Self {
        let bench = Self::with_data();
        std::fs::create_dir(bench.path("exp")).expect("the workbench can be written");
        bench.write("exp/base.toml", base);
        bench.write("exp/experiment.toml", experiment);
        bench
    }

    /// The experiment with one seed and a probe of `seeds` short fine-tunings whose recipe also has `set`.
    pub fn with_probe(&self, seeds: u64, set: &str) -> String {
        self.write("train.conll", labelled(0..60));
        self.write("dev.conll", labelled(60..80));
        let probe = format!(
            "[probe]\ntrain = \"train.conll\"\ndev = \"dev.conll\"\nseeds = {seeds}\n\
             set = {{ \"input.window\" = 32, \"train.epochs\" = 2, {set} }}\n"
        );
        EXPERIMENT.replace("rtd-auc", "probe-f1").replace("1..2", "1") + &probe
    }

    /// The results of the experiment by name, without the time that they took.
    pub fn results(&self) -> BTreeMap<String, Value> {
        if !self.path("exp/results").exists() {
            return BTreeMap::new();
        }
        let names = self.names("exp/results").into_iter().filter(|name| name.ends_with(".json"));
        let read = |name: String| {
            let mut result = json(&self.read(&format!("exp/results/{name}")));
            // A run that failed has none.
            result.as_object_mut().expect("a result is an object").remove("seconds");
            (name, result)
        };
        names.map(read).collect()
    }

    /// Folders of its pretraining runs.
    pub fn runs(&self) -> Vec<String> {
        if !self.path("runs/exp/runs").exists() {
            return Vec::new();
        }
        self.names("runs/exp/runs").into_iter().map(|name| format!("runs/exp/runs/{name}")).collect()
    }
}
