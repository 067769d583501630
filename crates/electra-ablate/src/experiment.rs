//! The file of an experiment: a question, a prediction, and arms that differ from a base recipe.
//!
//! ```toml
//! recipe_version = 1
//! question = "How large should the generator be?"
//! prediction = "A quarter to a half of the discriminator's width is best."
//! base = "recipe.toml"              # relative to this file
//! base_arm = "width=0.5"            # what the others are compared with
//! budget = "steps"                  # or "flops": as much arithmetic as the base arm
//! metric = "rtd-auc"                # what the verdict is about
//! margin = 0.01                     # optional: a smaller difference is none, stated before
//! word_frequency_loss = 6.7         # optional: the MLM loss of a generator that knows no context
//! seeds = "1..5"
//! contrasts = [                     # optional: tests beside those against the base arm
//!     { arm = "width=1.0", against = "width=0.25" },
//! ]
//!
//! [[arm]]                           # a named difference from the base recipe
//! name = "small-and-slow"
//! set = { "model.generator.width" = 0.25, "schedule.learning_rate" = 5e-4 }
//!
//! [grid]                            # an arm for each combination
//! "model.generator.width" = [0.25, 0.5, 1.0]
//!
//! [probe]                           # what each pretrained model is fine-tuned on
//! train = "data/train.conll"        # like data.path of a recipe, from where the command runs
//! dev = "data/dev.conll"
//! seeds = 3
//! ```
//!
//! A key below `probe.`, such as `"probe.labels.scheme"`, is one of the recipe of fine-tuning. Arms
//! that differ in such keys alone share their pretrained models.

mod seeds;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use electra_run::recipe::{RecipeError, Resolved, load};
use serde::{Deserialize, Serialize};

use crate::metric::{Catalogue, MAX_LOSS, Metric};

pub use seeds::{Seeds, SeedsError};

/// The most arms times seeds of an experiment: beyond it, a grid was not meant.
pub const MAX_JOBS: usize = 10_000;

/// An experiment as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The question of the experiment.
    pub question: String,
    /// The prediction, written before the start.
    pub prediction: String,
    /// The recipe that arms differ from, relative to the file.
    pub base: PathBuf,
    /// Name of the arm that the others are compared with.
    pub base_arm: String,
    /// The budget that arms have in common.
    pub budget: Budget,
    /// Name of the number that the verdict is about.
    pub metric: String,
    /// Equivalence margin in units of the metric, stated before the start. Absent: arms are
    /// not tested for equivalence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// Loss of masked language modelling that the frequencies of words alone achieve: a generator at or
    /// above it has learned nothing else. Absent: those are not set apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word_frequency_loss: Option<f64>,
    /// Seeds of every arm.
    pub seeds: Seeds,
    /// Pairs of arms that are tested beside those with the base arm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contrasts: Vec<Contrast>,
    /// Named differences.
    #[serde(default, rename = "arm", skip_serializing_if = "Vec::is_empty")]
    pub arms: Vec<ArmEntry>,
    /// Keys of the recipe with the values that each takes; an arm for each combination.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grid: BTreeMap<String, toml::Value>,
    /// Fine-tuning of every pretrained model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

/// The budget that arms have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// Each arm trains for the steps of its recipe.
    Steps,
    /// Each arm trains for as many steps as make its floating-point operations those of the base
    /// arm; warmup takes the same share of them.
    Flops,
}

/// An arm as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmEntry {
    /// The name of the arm.
    pub name: String,
    /// Keys of the recipe with other values; none for the base recipe itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, toml::Value>,
}

/// A planned comparison of two arms neither of which is the base arm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrast {
    /// The arm whose numbers the others are taken from.
    pub arm: String,
    /// The arm that it is held against.
    pub against: String,
}

/// Fine-tuning of every pretrained model, as `electra finetune ner` does it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Recipe of fine-tuning, relative to the file; absent: the built-in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<PathBuf>,
    /// Keys of that recipe with other values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, toml::Value>,
    /// Labelled sentences to learn from.
    pub train: PathBuf,
    /// Labelled sentences to choose the epoch by.
    pub dev: PathBuf,
    /// Labelled sentences to report on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// Fine-tuning runs of each pretrained model, with seeds from the recipe's on.
    pub seeds: u64,
}

/// An experiment and where it lies.
#[derive(Clone, Debug)]
pub struct ExperimentFile {
    /// The path of the file.
    pub path: PathBuf,
    /// The experiment with the places of its values in the file.
    pub resolved: Resolved<Experiment>,
    /// The number that the verdict is about.
    pub metric: Metric,
}

impl ExperimentFile {
    /// Reads a file, and looks whether the files that it names are there. `metrics` are the numbers that its
    /// verdict may be about.
    ///
    /// # Errors
    /// With the place in the file.
    pub fn load(path: &Path, metrics: &Catalogue) -> Result<Self, RecipeError> {
        let file = Self::read(path, metrics)?;
        let base = file.base();
        if !base.is_file() {
            let message = format!("there is no recipe {}", base.display());
            return Err(file.resolved.error_at(
                "base",
                message,
                "the path is relative to the folder of this file",
            ));
        }
        if let Some(probe) = &file.experiment().probe {
            file.check_probe(probe)?;
        }
        Ok(file)
    }

    /// Reads a file without a look at the files that it names: enough to compare its results.
    ///
    /// # Errors
    /// With the place in the file.
    pub fn read(path: &Path, metrics: &Catalogue) -> Result<Self, RecipeError> {
        let resolved: Resolved<Experiment> = load(path, &[])?;
        let experiment = &resolved.value;
        for (key, text) in [("question", &experiment.question), ("prediction", &experiment.prediction)] {
            if text.trim().is_empty() {
                let help = "an experiment begins with a question and a written prediction";
                return Err(resolved.error_at(key, format!("the {key} is empty"), help));
            }
        }
        let Some(metric) = metrics.get(&experiment.metric) else {
            let message = format!("`{}` is no number that arms can be compared by", experiment.metric);
            return Err(resolved.error_at("metric", message, format!("expected one of {}", metrics.names())));
        };
        if metric == Metric::PROBE_F1 && experiment.probe.is_none() {
            let help = "add [probe], or compare by rtd-auc";
            return Err(resolved.error_at("metric", "probe-f1 without a [probe]", help));
        }
        if let Some(margin) = experiment.margin {
            resolved.above("margin", margin, 0.0, metric.greatest_difference())?;
        }
        if let Some(loss) = experiment.word_frequency_loss {
            resolved.above("word_frequency_loss", loss, 0.0, MAX_LOSS)?;
        }
        Ok(Self { path: path.to_owned(), resolved, metric })
    }

    /// The experiment that the file states.
    #[must_use]
    pub fn experiment(&self) -> &Experiment {
        &self.resolved.value
    }

    /// Name of the experiment: that of its folder, or of the file if that is not `experiment.toml`.
    #[must_use]
    pub fn name(&self) -> String {
        let whole = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let folder = whole.parent().and_then(Path::file_name);
        let named = if whole.ends_with(EXPERIMENT) { folder } else { whole.file_stem() };
        named.map_or_else(|| "experiment".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// The folder of the file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// The base recipe.
    #[must_use]
    pub fn base(&self) -> PathBuf {
        self.resolve(&self.experiment().base)
    }

    /// A path of the file that is relative to it.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        match self.path.parent() {
            Some(folder) => folder.join(path),
            None => path.to_owned(),
        }
    }

    /// Folder of the results.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.folder().join("results")
    }

    fn check_probe(&self, probe: &Probe) -> Result<(), RecipeError> {
        let fail = |key: &str, message: String, help: &str| {
            Err(self.resolved.error_at(&format!("probe.{key}"), message, help))
        };
        let recipe = probe.recipe.as_ref().map(|recipe| self.resolve(recipe));
        if let Some(recipe) = recipe.filter(|recipe| !recipe.is_file()) {
            let message = format!("there is no recipe {}", recipe.display());
            return fail("recipe", message, "the path is relative to the folder of this file");
        }
        let files = [("train", Some(&probe.train)), ("dev", Some(&probe.dev)), ("test", probe.test.as_ref())];
        for (key, path) in files {
            if let Some(path) = path.filter(|path| !path.is_file()) {
                let message = format!("there is no file {}", path.display());
                return fail(key, message, "the path is relative to the folder where the command runs");
            }
        }
        if !(1..=1000).contains(&probe.seeds) {
            let message = format!("{} seeds of fine-tuning", probe.seeds);
            return fail("seeds", message, "expected a number from 1 to 1000");
        }
        Ok(())
    }
}

/// The usual name of an experiment's file.
pub const EXPERIMENT: &str = "experiment.toml";

#[cfg(test)]
mod tests;
