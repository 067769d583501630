//! Fine-tuning of what an experiment pretrains: what decides its scores.

use std::path::PathBuf;

use electra_ablate::arms::{Setting, settings};
use electra_ablate::experiment::{ExperimentFile, Probe};
use electra_ablate::plan::{Job, PlannedArm, error_in};
use electra_annotations::{ReadOptions, Split, Splits, WordDivision};
use electra_files::regular;
use electra_ner::{FINE_TUNING_VERSION, Recipe};
use electra_run::recipe::Resolved;

use crate::commands::finetune::{load_ner_recipe, read_splits};
use crate::failure::{self, Failure};

/// Fine-tuning, with everything that decides its scores.
pub(super) struct ProbePlan {
    pub(super) probe: Probe,
    pub(super) recipe: Option<PathBuf>,
    pub(super) overrides: Vec<String>,
    /// The hash of the recipe, and of the code where its version is not the first.
    pub(super) recipe_hash: String,
    /// The hash of the recipe and the labelled files.
    pub(super) hash: String,
}

/// The recipe of a probe and how it comes about.
struct ProbeRecipe {
    path: Option<PathBuf>,
    overrides: Vec<String>,
    hash: String,
}

/// Hash of the recipe of an arm's probe, as results have it.
///
/// # Errors
/// If it cannot be read.
pub(in crate::commands) fn recipe_hash(
    file: &ExperimentFile,
    probe: &Probe,
    arm: &PlannedArm,
) -> Result<String, Failure> {
    Ok(ProbeRecipe::load(file, probe, arm)?.hash)
}

impl ProbeRecipe {
    fn load(file: &ExperimentFile, probe: &Probe, arm: &PlannedArm) -> Result<Self, Failure> {
        let at = ["probe".to_owned(), "set".to_owned()];
        let settings = [settings(&probe.set, &at), arm.probe.clone()].concat();
        let mut overrides: Vec<String> = settings.iter().map(Setting::to_override).collect();
        let recipe = probe.recipe.as_ref().map(|recipe| file.resolve(recipe));
        let load = |overrides: &[String]| {
            Recipe::load(recipe.as_deref(), overrides).map_err(|error| {
                let what = format!("the probe of arm `{}`", arm.name);
                failure::recipe(error_in(&file.resolved, &what, &settings, error))
            })
        };
        let mut resolved = load(&overrides)?;
        let epochs = resolved.value.train.epochs;
        if resolved.value.guard.epochs <= epochs {
            // A network that has learned nothing is a result, and its F1 of 0 a measurement: stopping
            // it would leave the survivors alone in the comparison.
            overrides.push(format!("guard.epochs={}", epochs + 1));
            resolved = load(&overrides)?;
        }
        let hash = match FINE_TUNING_VERSION {
            1 => resolved.hash,
            version => {
                let identity = format!("{} fine-tuning {version}", resolved.hash);
                blake3::hash(identity.as_bytes()).to_hex().to_string()
            }
        };
        Ok(Self { path: recipe, overrides, hash })
    }
}

impl ProbePlan {
    pub(super) fn new(file: &ExperimentFile, probe: &Probe, arm: &PlannedArm) -> Result<Self, Failure> {
        let ProbeRecipe { path: recipe, overrides, hash: recipe_hash } = ProbeRecipe::load(file, probe, arm)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(recipe_hash.as_bytes());
        for path in [Some(&probe.train), Some(&probe.dev), probe.test.as_ref()].into_iter().flatten() {
            let content = regular::open(path)
                .and_then(|file| Ok(blake3::Hasher::new().update_reader(file)?.finalize()))
                .map_err(|e| Failure::of_file("read", path, &e))?;
            hasher.update(content.as_bytes());
        }
        let hash = hasher.finalize().to_hex().to_string();
        Ok(Self { probe: probe.clone(), recipe, overrides, recipe_hash, hash })
    }

    /// The hash of this fine-tuning and the pretrained run.
    pub(super) fn hash_for(&self, job: &Job) -> String {
        blake3::hash(format!("{} {}", job.hash, self.hash).as_bytes()).to_hex().to_string()
    }

    /// The labelled sentences.
    ///
    /// # Errors
    /// As `electra finetune ner` would have them.
    pub(super) fn splits(&self) -> Result<Splits, Failure> {
        let Probe { train, dev, test, .. } = &self.probe;
        let options = ReadOptions { words: self.words()?, ..ReadOptions::default() };
        Ok(read_splits(train, dev, test.as_deref(), &options, Split::read)?)
    }

    /// The division into words that the recipe asks for.
    ///
    /// # Errors
    /// With the place of the culprit.
    pub(super) fn words(&self) -> Result<Option<WordDivision>, Failure> {
        Ok(load_ner_recipe(self.recipe.as_deref(), &self.overrides)?.value.input.words)
    }

    /// The recipe for a model of so many positions.
    ///
    /// # Errors
    /// With the place of the offending text.
    pub(super) fn recipe_for(&self, positions: usize) -> Result<Resolved<Recipe>, Failure> {
        let path = self.recipe.as_deref();
        let mut resolved = load_ner_recipe(path, &self.overrides)?;
        if let Some(window) = Recipe::shorter_window(path, &resolved, positions) {
            resolved.value.input.window = window;
        }
        Ok(resolved)
    }
}
