//! Where a run of an experiment lies, by which commands it comes about, and whether it is finished.

use std::fs;
use std::path::{Path, PathBuf};

use electra_ablate::experiment::{ExperimentFile, Seeds};
use electra_ablate::plan::{Job, Plan, PlannedArm};
use electra_ablate::record::{
    self, Origin, ProbeScores, ResultError, ResultRecord, check_belongs, read_folder,
};
use electra_ablate::run::{self, FinishedRun};
use electra_files::{disk, regular};
use electra_ner::finetune::SCORES;
use electra_ner::seeds::SUMMARY;
use electra_pretrain::data::open_data;
use electra_run::lock::{Lock, LockError};
use electra_run::run_folder::check_final_weights;
use electra_text::Split;
use serde_json::{Map, Value};

use super::probe::ProbePlan;
use super::recipes::Recipes;
use super::ruler::{Ruler, Rulers};
use crate::device::DeviceName;
use crate::failure::{self, Failure};

/// An experiment, planned, and the folders of its runs.
pub(super) struct Setup {
    pub(super) file: ExperimentFile,
    pub(super) plan: Plan,
    pub(super) recipes: Recipes,
    /// One for each arm, or none.
    pub(super) probes: Vec<ProbePlan>,
    pub(super) rulers: Rulers,
    /// Folder of runs, probes and logs.
    pub(super) out: PathBuf,
    /// CPU threads of a run.
    pub(super) threads: usize,
    pub(super) device: DeviceName,
}

/// What a run needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// `electra pretrain`.
    Pretrain,
    /// `electra finetune ner`.
    Probe,
    /// `electra eval detection`.
    Judge(Ruler),
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
        let file = ExperimentFile::load(path).map_err(failure::recipe)?;
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
        let rulers = Rulers::new(&file, &plan, &recipes)?;
        let out = out.unwrap_or_else(|| Path::new("runs").join(&name));
        Ok(Self { plan, recipes, probes, rulers, out, threads, device, file })
    }

    /// Looks whether the data of every arm is there and fits.
    ///
    /// # Errors
    /// For the first that does not.
    pub(super) fn check_data(&self) -> Result<(), Failure> {
        for arm in &self.plan.arms {
            let recipe = self.recipes.load(&arm.overrides).map_err(failure::recipe)?;
            let data = open_data(&recipe.value).map_err(|error| failure::training(error.into()))?;
            if data.split(Split::HeldOut).is_empty() {
                let folder = recipe.value.data.path.display();
                let message = format!("{folder} has no held-out rows, and arms are compared by them");
                return Err(Failure::new(message, "build it again with --heldout FILE"));
            }
        }
        Ok(())
    }

    /// The results that are there already. Where the data of an arm is not there, they are believed to
    /// be of it: nothing can be run before it is.
    ///
    /// # Errors
    /// If one of them belongs to another experiment, arm or recipe.
    pub(super) fn check_results(&self) -> Result<Vec<ResultRecord>, Failure> {
        let results = read_folder(&self.file.results())?;
        let arms: Vec<&str> = self.plan.arms.iter().map(|arm| arm.name.as_str()).collect();
        check_belongs(&results, &self.plan.experiment, &arms)?;
        for (path, result) in &results {
            let is_it = |job: &&Job| self.plan.arm_of(job).name == result.arm && job.seed == result.seed;
            if let Some(job) = self.plan.jobs.iter().find(is_it)
                && self.plan.arm_of(job).facts.data_hash.is_some()
                && job.hash != result.hash
            {
                let [found, expected] = [&result.hash, &job.hash].map(|hash| record::short(hash));
                return Err(ResultError::OtherRecipe { path: path.clone(), found, expected }.into());
            }
        }
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }

    /// Arm and seed in words.
    pub(super) fn name_of(&self, job: &Job) -> String {
        format!("{} seed {}", self.plan.arm_of(job).name, job.seed)
    }

    /// Folder of the pretraining run.
    pub(super) fn run_of(&self, job: &Job) -> PathBuf {
        self.out.join("runs").join(&job.hash[..16])
    }

    /// What the processes of a run have said.
    pub(super) fn log_of(&self, job: &Job) -> PathBuf {
        self.out.join("logs").join(format!("{}.log", &job.hash[..16]))
    }

    fn probe(&self, job: &Job) -> Option<&ProbePlan> {
        self.probes.get(job.arm)
    }

    fn probe_of(&self, probe: &ProbePlan, job: &Job) -> PathBuf {
        self.out.join("probes").join(&probe.hash_for(job)[..16])
    }

    /// Folders that its processes write to, and those below OUT that they lie in.
    pub(super) fn folders_of(&self, job: &Job) -> Vec<PathBuf> {
        let probe = self.probe(job).map(|probe| self.probe_of(probe, job));
        let own = [Some(self.run_of(job)), probe].into_iter().flatten();
        let mut folders: Vec<PathBuf> =
            own.flat_map(|folder| [disk::parent(&folder).to_owned(), folder]).collect();
        folders.push(self.common_folder());
        folders
    }

    /// Whether a result says all that is asked of the run.
    pub(super) fn is_answered(&self, job: &Job, results: &[ResultRecord]) -> bool {
        results.iter().any(|result| {
            let probed = self.probe(job).is_none_or(|plan| {
                result.probe.as_ref().is_some_and(|scores| {
                    scores.hash == plan.hash_for(job) && scores.scores.len() as u64 >= plan.probe.seeds
                })
            });
            result.hash == job.hash && probed && self.has_figures(job, result)
        })
    }

    /// Who else is at work on the run, if anybody is.
    ///
    /// # Errors
    /// If a lock cannot be read.
    pub(super) fn holder(&self, job: &Job) -> Result<Option<String>, LockError> {
        let mut locks = vec![self.run_of(job).join("lock")];
        if let Some(plan) = self.probe(job) {
            let folder = self.probe_of(plan, job);
            // Seeds that are not begun have no folder, and so no lock.
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            locks.extend(
                entries.map(|entry| entry.path()).filter(|path| path.is_dir()).map(|seed| seed.join("lock")),
            );
        }
        for lock in locks {
            if let Some(holder) = Lock::holder(&lock)? {
                return Ok(Some(holder));
            }
        }
        Ok(None)
    }

    /// What the run needs next; none if it is done.
    ///
    /// # Errors
    /// If its folder is damaged.
    pub(super) fn next(&self, job: &Job) -> Result<Option<Stage>, Failure> {
        if run::read(&self.run_of(job))?.is_none() {
            return Ok(Some(Stage::Pretrain));
        }
        match self.probe(job) {
            Some(plan) if self.scores(plan, job).is_none() => {
                // Pretraining writes weights that are damaged again, from its last checkpoint.
                let is_whole = check_final_weights(&self.run_of(job)).is_ok();
                Ok(Some(if is_whole { Stage::Probe } else { Stage::Pretrain }))
            }
            _ => Ok(None),
        }
    }

    /// Writes the result of a run that needs nothing more.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub(super) fn record(&self, job: &Job) -> Result<ResultRecord, Failure> {
        let run = self.run_of(job);
        let finished: FinishedRun = run::read(&run)?.ok_or_else(|| {
            Failure::new(
                format!("{} is not finished", run.display()),
                "the same command again goes on with it",
            )
        })?;
        let arm = self.plan.arm_of(job);
        let value = |value: &toml::Value| serde_json::to_value(value).expect("a recipe's value is JSON");
        let differences: Map<String, Value> =
            arm.differences.iter().map(|(key, found)| (key.clone(), value(found))).collect();
        let origin = Origin {
            experiment: self.plan.experiment.clone(),
            arm: arm.name.clone(),
            differences,
            hash: job.hash.clone(),
        };
        let probe = self.probe(job).and_then(|plan| self.scores(plan, job));
        let result = ResultRecord { common: self.common(job), ..ResultRecord::new(origin, finished, probe) };
        result.write(&self.file.results())?;
        Ok(result)
    }

    /// Seeds of fine-tuning that have no scores yet.
    pub(super) fn probe_seeds_left(&self, job: &Job) -> u64 {
        let Some(plan) = self.probe(job) else { return 0 };
        let seeds = fs::read_dir(self.probe_of(plan, job)).into_iter().flatten().flatten();
        let done = seeds.filter(|seed| seed.path().join(SCORES).exists()).count() as u64;
        plan.probe.seeds.saturating_sub(done)
    }

    /// The scores of fine-tuning; none if seeds are missing.
    fn scores(&self, plan: &ProbePlan, job: &Job) -> Option<ProbeScores> {
        let text = regular::read(&self.probe_of(plan, job).join(SUMMARY)).ok()?;
        let wanted = usize::try_from(plan.probe.seeds).ok()?;
        // What cannot be is no score: the seeds are scored again.
        ProbeScores::of_summary(&text, wanted, plan.hash_for(job))
    }

    /// Arguments of the process that does a stage.
    pub(super) fn arguments(&self, job: &Job, stage: Stage) -> Vec<String> {
        if let Stage::Judge(ruler) = stage {
            return self.judging(ruler, job);
        }
        let text = |path: &Path| path.display().to_string();
        let mut arguments: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| arguments.extend(words.iter().map(ToString::to_string));
        match (stage, self.probe(job)) {
            (Stage::Probe, Some(plan)) => {
                let probe = &plan.probe;
                add(&["finetune", "ner"]);
                if let Some(recipe) = &plan.recipe {
                    add(&[&text(recipe)]);
                }
                add(&["--model", &text(&self.run_of(job)), "--out", &text(&self.probe_of(plan, job))]);
                add(&["--train", &text(&probe.train), "--dev", &text(&probe.dev)]);
                if let Some(test) = &probe.test {
                    add(&["--test", &text(test)]);
                }
                add(&["--seeds", &probe.seeds.to_string()]);
                plan.overrides.iter().for_each(|set| add(&["--set", set]));
            }
            _ => {
                add(&["pretrain", &text(&self.file.base()), "--run", &text(&self.run_of(job)), "--no-plan"]);
                job.overrides.iter().for_each(|set| add(&["--set", set]));
                add(&["--set", &format!("name={}", Value::from(self.plan.arm_of(job).name.as_str()))]);
            }
        }
        let (threads, device) = (self.threads.to_string(), self.device.to_string());
        add(&["--display", "lines", "--threads", &threads, "--device", &device]);
        arguments
    }
}
