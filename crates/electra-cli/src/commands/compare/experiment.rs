//! An experiment as it stands: its results, held against its file and its recipe, and what is known of its
//! arms beside them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use electra_ablate::arms::{Arm, arms};
use electra_ablate::comparison::Subject;
use electra_ablate::experiment::{EXPERIMENT, ExperimentFile};
use electra_ablate::failed::Results;
use electra_ablate::identity::{CurrentArm, PlannedNumbers, ProbeIdentity, check_results_current};
use electra_ablate::plan::{Plan, PlannedArm};
use electra_ablate::record::{ResultRecord, read_folder};
use electra_ablate::standing::ArmContext;
use electra_files::regular;
use electra_run::recipe::RecipeError;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::commands::ablate::{Recipes, recipe_hash};
use crate::commands::metrics::catalogue;
use crate::commands::quantities;
use crate::failure::{self, Failure};

/// Results that were held against their experiment, its arms, and what its recipe comes to if that can be read.
struct Standing {
    arms: Vec<Arm>,
    plan: Option<Plan>,
    results: Results,
}

impl Standing {
    /// The standing of an experiment.
    ///
    /// # Errors
    /// If a result cannot be read or is not one of the experiment as it stands.
    fn of(file: &ExperimentFile) -> Result<Self, Failure> {
        let arms = arms(&file.resolved).map_err(failure::recipe)?;
        let results = read_folder(&file.results())?;
        let plan = plan_of(file);
        if let (Err(error), false) = (&plan, results.is_empty()) {
            eprintln!("WARNING: {}: what its recipe comes to is not known: {error}", file.name());
        }
        let plan = plan.ok();
        let planned = |name: &str| plan.as_ref()?.arms.iter().find(|arm| arm.name == name);
        let standing: Vec<CurrentArm> =
            arms.iter().map(|arm| as_it_stands(file, arm, planned(&arm.name))).collect();
        check_results_current(&results, &standing)?;
        results.check_arms()?;
        Ok(Self { arms, plan, results })
    }
}

/// The experiment that a folder holds, or that a file is.
pub(super) fn experiment_in(input: &Path) -> Result<Option<ExperimentFile>, Failure> {
    let is_file = input.extension().is_some_and(|extension| extension == "toml") && input.is_file();
    let path = if is_file { input.to_owned() } else { input.join(EXPERIMENT) };
    if !path.is_file() {
        return Ok(None);
    }
    ExperimentFile::read(&path, catalogue()).map(Some).map_err(failure::recipe)
}

/// The results of an experiment, held against it.
///
/// # Errors
/// If one cannot be read or is not one of the experiment as it stands.
pub(super) fn results_of(file: &ExperimentFile) -> Result<Results, Failure> {
    Ok(Standing::of(file)?.results)
}

/// The subject of an experiment's comparison, and its results.
///
/// # Errors
/// If a result cannot be read or is not one of the experiment as it stands.
pub(super) fn subject_of(file: &ExperimentFile) -> Result<(Subject, Vec<ResultRecord>), Failure> {
    let experiment = file.experiment();
    let Standing { arms, plan, results } = Standing::of(file)?;
    let quantities = plan.iter().flat_map(|plan| &plan.arms);
    let same_runs = same_runs(file, &results);
    let (finished, failed) = results.into_parts();
    let known = ArmContext {
        seeds: experiment.seeds.list().to_vec(),
        budget: Some(experiment.budget),
        failed,
        table: quantities::TABLE,
        quantities: quantities.map(|arm| (arm.name.clone(), arm.facts.quantities.clone())).collect(),
        same_runs,
    };
    let subject = Subject {
        name: file.name(),
        question: experiment.question.trim().to_owned(),
        prediction: experiment.prediction.trim().to_owned(),
        metric: file.metric,
        metrics: catalogue().all().to_vec(),
        margin: experiment.margin,
        base_arm: experiment.base_arm.clone(),
        arms: arms.into_iter().map(|arm| arm.name).collect(),
        contrasts: experiment.contrasts.clone(),
        word_frequency_loss: experiment.word_frequency_loss,
        known,
    };
    Ok((subject, finished))
}

/// The plan of an experiment whose recipe is there. Its data need not be.
fn plan_of(file: &ExperimentFile) -> Result<Plan, RecipeError> {
    let recipes = Recipes::new(file.base());
    Plan::new(&file.resolved, &file.name(), &file.experiment().seeds, &|overrides| recipes.facts(overrides))
}

fn as_it_stands(file: &ExperimentFile, arm: &Arm, planned: Option<&PlannedArm>) -> CurrentArm {
    let value = |value: &toml::Value| serde_json::to_value(value).expect("a recipe's value is JSON");
    let differences: Map<String, Value> =
        arm.settings.iter().map(|setting| (setting.key.clone(), value(&setting.value))).collect();
    // Whether the recipe can be read is asked where fine-tuning is planned.
    let probe = file.experiment().probe.as_ref().map(|probe| ProbeIdentity {
        recipe: planned.and_then(|arm| recipe_hash(file, probe, arm).ok()),
        seeds: probe.seeds,
    });
    CurrentArm { name: arm.name.clone(), differences, planned: planned.map(PlannedNumbers::of), probe }
}

/// The fields that are read from a result of another experiment.
#[derive(Deserialize)]
struct Other {
    arm: String,
    seed: u64,
    hash: String,
}

/// The runs of each arm that experiments beside this one have as well, by their hashes: "001-generator-size:
/// width=1.0, seeds 1 to 6". Results there that cannot be read are their own experiment's concern.
fn same_runs(file: &ExperimentFile, results: &Results) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, BTreeMap<(String, String), Vec<u64>>> = BTreeMap::new();
    for (name, others) in beside(file) {
        for (_, own) in &results.finished {
            for other in others.iter().filter(|other| other.hash == own.hash) {
                let with = found.entry(own.arm.clone()).or_default();
                with.entry((name.clone(), other.arm.clone())).or_default().push(other.seed);
            }
        }
    }
    let in_words = |((name, arm), mut seeds): ((String, String), Vec<u64>)| {
        seeds.sort_unstable();
        let text = format!("{name}: {arm}, {}", in_words(&seeds));
        text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
    };
    found.into_iter().map(|(arm, with)| (arm, with.into_iter().map(in_words).collect())).collect()
}

/// Experiments that lie beside one, by the names of their folders, with what they have.
fn beside(file: &ExperimentFile) -> Vec<(String, Vec<Other>)> {
    let Ok(own) = file.folder().canonicalize() else { return Vec::new() };
    let Some(around) = own.parent() else { return Vec::new() };
    let in_folder = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let is_other = |folder: &PathBuf| *folder != own && folder.join(EXPERIMENT).is_file();
    let read = |path: PathBuf| -> Option<Other> {
        path.extension().filter(|extension| *extension == "json")?;
        serde_json::from_slice(&regular::read(&path).ok()?).ok()
    };
    let others = in_folder(around).into_iter().filter(is_other);
    others
        .filter_map(|folder| {
            let name = folder.file_name()?.to_string_lossy().into_owned();
            Some((name, in_folder(&folder.join("results")).into_iter().filter_map(read).collect()))
        })
        .collect()
}

fn in_words(seeds: &[u64]) -> String {
    let is_row = seeds.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    match seeds {
        [seed] => format!("seed {seed}"),
        [first, .., last] if is_row => format!("seeds {first} to {last}"),
        _ => format!("seeds {}", seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_said_as_a_row_where_they_are_one() {
        assert_eq!(
            [in_words(&[3]), in_words(&[1, 2, 3]), in_words(&[1, 3])],
            ["seed 3", "seeds 1 to 3", "seeds 1, 3"]
        );
    }
}
