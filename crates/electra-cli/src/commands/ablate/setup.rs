//! An experiment, planned, with what is there of it: its data, its probes and its results.

use std::path::{Path, PathBuf};

use electra_ablate::experiment::{ExperimentFile, Seeds};
use electra_ablate::failed::FailedRun;
use electra_ablate::identity::{CurrentArm, PlannedNumbers, check_results_current};
use electra_ablate::plan::{Job, Plan, PlannedArm};
use electra_ablate::record::{self, ResultError, ResultRecord, read_folder};
use electra_pretrain::data::open_data;
use electra_text::Split;
use serde_json::{Map, Value};

use super::probe::ProbePlan;
use super::recipes::Recipes;
use super::replacement_source::ReplacementSources;
use crate::commands::metrics::catalogue;
use crate::device::DeviceName;
use crate::failure::{self, Failure};

/// An experiment, planned, and the folders of its runs.
pub(super) struct Setup {
    pub(super) file: ExperimentFile,
    pub(super) plan: Plan,
    pub(super) recipes: Recipes,
    /// One for each arm, or none.
    pub(super) probes: Vec<ProbePlan>,
    pub(super) sources: ReplacementSources,
    /// Folder of runs, probes and logs.
    pub(super) out: PathBuf,
    /// CPU threads of a run.
    pub(super) threads: usize,
    pub(super) device: DeviceName,
}

impl Setup {
    /// Reads and plans an experiment.
    ///
    /// # Errors
    /// With the place in the file.
    pub(super) fn load(
        path: &Path,
        seeds: Option<&Seeds>,
        out: Option<PathBuf>,
        threads: usize,
        device: DeviceName,
    ) -> Result<Self, Failure> {
        let file = ExperimentFile::load(path, catalogue()).map_err(failure::recipe)?;
        let name = file.name();
        let recipes = Recipes::new(file.base());
        let seeds = seeds.unwrap_or(&file.experiment().seeds);
        let read = |overrides: &[String]| recipes.facts(overrides);
        let plan = Plan::new(&file.resolved, &name, seeds, &read).map_err(failure::recipe)?;
        let probes = match &file.experiment().probe {
            None => Vec::new(),
            Some(probe) => {
                let plan_of = |arm: &PlannedArm| ProbePlan::new(&file, probe, arm);
                plan.arms.iter().map(plan_of).collect::<Result<_, _>>()?
            }
        };
        let sources = ReplacementSources::new(&file, &plan, &recipes)?;
        let out = out.unwrap_or_else(|| Path::new("runs").join(&name));
        let setup = Self { plan, recipes, probes, sources, out, threads, device, file };
        setup.check_metric()?;
        Ok(setup)
    }

    /// Looks whether the data of every arm is there and fits.
    ///
    /// # Errors
    /// For the first that does not.
    pub(super) fn check_data(&self) -> Result<(), Failure> {
        for arm in &self.plan.arms {
            let recipe = self.recipes.load(&arm.overrides).map_err(failure::recipe)?;
            let data = open_data(&recipe.value).map_err(|error| failure::training(error.into()))?;
            if data.rows(Split::HeldOut) == 0 {
                let folder = data.first().folder().display();
                let message = format!("{folder} has no held-out rows, and arms are compared by them");
                return Err(Failure::new(message, "build it again with --heldout FILE"));
            }
        }
        Ok(())
    }

    /// The results that are there already. Where the data of an arm is not there, they are believed to
    /// be of it: nothing can be run before it is. What they were called is no matter: an experiment may be
    /// renamed. Runs that failed are no results, whatever they were: they are tried again.
    ///
    /// # Errors
    /// If one of them is of another arm, recipe, data or code.
    pub(super) fn check_results(&self) -> Result<Vec<ResultRecord>, Failure> {
        let mut results = read_folder(&self.file.results())?;
        results.failed.clear();
        let stands = |arm: &PlannedArm| CurrentArm {
            name: arm.name.clone(),
            differences: differences(arm),
            planned: Some(PlannedNumbers::of(arm)),
            // Scores of another probe are none: the runs are fine-tuned again.
            probe: None,
        };
        check_results_current(&results, &self.plan.arms.iter().map(stands).collect::<Vec<_>>())?;
        for (path, result) in &results.finished {
            let is_it = |job: &&Job| self.plan.arm_of(job).name == result.arm && job.seed == result.seed;
            if let Some(job) = self.plan.jobs.iter().find(is_it)
                && self.plan.arm_of(job).facts.data_hash.is_some()
                && job.hash != result.hash
            {
                let [found, expected] = [&result.hash, &job.hash].map(|hash| record::short(hash));
                return Err(ResultError::OtherRecipe { path: path.clone(), found, expected }.into());
            }
        }
        results.check_arms()?;
        Ok(results.into_parts().0)
    }

    /// Runs that failed, by arm.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(super) fn failed_results(&self) -> Result<Vec<FailedRun>, Failure> {
        Ok(read_folder(&self.file.results())?.into_parts().1)
    }
}

/// The changes that an arm makes to the base recipe, in the form of the results.
pub(super) fn differences(arm: &PlannedArm) -> Map<String, Value> {
    let value = |value: &toml::Value| serde_json::to_value(value).expect("a recipe's value is JSON");
    arm.differences.iter().map(|(key, found)| (key.clone(), value(found))).collect()
}
