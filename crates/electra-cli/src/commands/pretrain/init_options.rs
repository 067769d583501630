//! Options about the weights that a pretraining begins with, and the recipes that leave their sizes to them.

use std::path::{Path, PathBuf};

use clap::Args;
use electra_files::regular;
use electra_pretrain::InitialWeights;
use electra_pretrain::initial_weights::{InitFile, model_of_run};
use electra_pretrain::recipe::{Recipe, check};
use electra_run::recipe::{RecipeError, Resolved, attribute_to_override, load_over};
use electra_train::layout::INIT;

use crate::commands::detect::warn_if_unfinished;
use crate::failure::{self, Failure};
use crate::hub;

/// The weights to begin with.
#[derive(Args)]
pub struct InitOptions {
    /// Begin with these weights: a run, or a folder of transformers or a name on the Hub, of a discriminator or an
    /// encoder
    #[arg(long, value_name = "DIR|NAME")]
    init: Option<PathBuf>,
    /// Generator to begin with [default: that of the run, or a fresh one]
    #[arg(long, value_name = "DIR|NAME", requires = "init")]
    init_generator: Option<PathBuf>,
}

impl InitOptions {
    /// The weights, if any are named.
    ///
    /// # Errors
    /// Folders that hold no such networks.
    pub fn open(&self) -> Result<Option<InitialWeights>, Failure> {
        let Some(init) = &self.init else { return Ok(None) };
        let init = hub::model_folder(init)?;
        let generator = self.init_generator.as_deref().map(hub::model_folder).transpose()?;
        let weights = InitialWeights::open(&init, generator.as_deref())?;
        for model in [Some(init), generator].into_iter().flatten() {
            warn_if_unfinished(&model);
        }
        Ok(Some(weights))
    }
}

impl InitOptions {
    /// As [`open`](Self::open), for a command that may go on with the run in the folder `run`, or in that of the
    /// recipe's name: weights that are not there any more are not needed by the run that began with them.
    ///
    /// # Errors
    /// As there.
    pub fn open_for_run(&self, run: Option<&Path>, recipe: &Path) -> Result<Option<InitialWeights>, Failure> {
        let opened = self.open();
        let named = [self.init.as_deref(), self.init_generator.as_deref()];
        let gone = named.into_iter().flatten().find(|folder| !folder.exists());
        let (Err(_), Some(gone)) = (&opened, gone) else { return opened };
        let run = run.map(Path::to_owned).or_else(|| Some(run_of(&name_of(recipe)?)));
        let began = run.as_deref().filter(|run| run.join("run.json").exists());
        let file = began.and_then(|run| InitFile::read(run).ok().flatten());
        let is_same = file.is_some_and(|file| {
            let of_run = [Some(file.discriminator.path), file.generator.map(|generator| generator.path)];
            named.into_iter().zip(&of_run).all(|(named, of_run)| match (named, of_run) {
                (Some(named), Some(of_run)) => hub::stands_for(named, of_run),
                (named, of_run) => named.is_none() && of_run.is_none(),
            })
        });
        let Some(run) = run.filter(|_| is_same) else { return opened };
        let (gone, run) = (gone.display(), run.display());
        eprintln!(
            "note: {gone} is not there any more, and was not compared: {run} goes on from its own checkpoints"
        );
        Ok(None)
    }
}

/// The name that a recipe gives its run, if it can be read.
fn name_of(recipe: &Path) -> Option<String> {
    let table: toml::Table = regular::read_to_string(recipe).ok()?.parse().ok()?;
    Some(table.get("name")?.as_str()?.to_owned())
}

/// Loads and checks a recipe whose `[model]` may be left to `weights`, or to those that the run in its folder began
/// with: `run`, or the one that the recipe names.
///
/// # Errors
/// With the caret under the culprit.
pub fn load_recipe_on(
    path: &Path,
    overrides: &[String],
    weights: Option<&InitialWeights>,
    run: Option<&Path>,
) -> Result<Resolved<Recipe>, Failure> {
    let read = |overrides: &[String]| {
        let resolved: Resolved<Recipe> = load_over(path, overrides, |stated| match weights {
            Some(weights) => weights.beneath(stated),
            None => {
                let named = stated.get("name").and_then(toml::Value::as_str);
                let run = run.map(Path::to_owned).or_else(|| Some(run_of(named?)))?;
                (!stated.contains_key("model") && run.join(INIT).exists()).then(|| model_of_run(&run))?
            }
        })?;
        check(&resolved)?;
        Ok(resolved)
    };
    attribute_to_override(overrides, read).map_err(|error| {
        // Other sizes than those of the weights are the cause of much that is wrong with a recipe.
        let unchecked = weights.and_then(|weights| {
            let resolved: Resolved<Recipe> =
                load_over(path, overrides, |stated| weights.beneath(stated)).ok()?;
            weights.check_sizes(&resolved.value).err()
        });
        match unchecked {
            Some(misfit) => misfit.into(),
            None => failure::recipe(with_init_help(error, weights.is_some())),
        }
    })
}

/// The folder of a run that nobody has named.
pub fn run_of(name: &str) -> PathBuf {
    Path::new("runs").join(name)
}

/// The error, with what may stand in the place of `[model]`.
fn with_init_help(error: RecipeError, has_weights: bool) -> RecipeError {
    if has_weights || !error.message.starts_with("missing field `model` in the recipe") {
        return error;
    }
    let help = "add a table [model], or begin with weights, which have the sizes: --init DIR";
    RecipeError { help: Some(help.to_owned()), ..error }
}
