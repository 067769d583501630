//! The folders of a run of an experiment, the commands that make it, and the check whether it is finished.

use std::fs;
use std::path::{Path, PathBuf};

use electra_ablate::failed::{Failed, FailedRun, Reason};
use electra_ablate::plan::Job;
use electra_ablate::record::{ProbeScores, ResultRecord, RunOrigin};
use electra_ablate::run::{self, FinishedRun};
use electra_files::{disk, regular};
use electra_ner::{SCORES, SUMMARY};
use electra_pretrain::code;
use electra_run::code::CodeDifference;
use electra_run::lock::{Lock, LockError};
use electra_run::record::read_metrics;
use electra_run::run_folder::check_final_weights;
use electra_train::layout::AVERAGE_FOLDER;
use serde_json::Value;

use super::probe::ProbePlan;
use super::setup::{Setup, differences};
use super::stage::Stage;
use crate::failure::Failure;

impl Setup {
    /// Arm and seed in words.
    pub(super) fn name_of(&self, job: &Job) -> String {
        format!("{} seed {}", self.plan.arm_of(job).name, job.seed)
    }

    /// Folder of the pretraining run.
    pub(super) fn run_of(&self, job: &Job) -> PathBuf {
        self.out.join("runs").join(&job.hash[..16])
    }

    /// Folder of the model that is measured of a run: the average of its weights, if it keeps one, or the run itself.
    pub(super) fn model_of(&self, job: &Job) -> PathBuf {
        let run = self.run_of(job);
        if self.plan.arm_of(job).facts.keeps_average { run.join(AVERAGE_FOLDER) } else { run }
    }

    /// The log file of the processes of a run.
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
        self.numbers_of(job, results).is_some_and(|result| self.has_figures(job, result))
    }

    /// The result of a run that is trained and fine-tuned, whether it was judged on common text or not.
    pub(super) fn numbers_of<'a>(&self, job: &Job, results: &'a [ResultRecord]) -> Option<&'a ResultRecord> {
        results.iter().find(|result| {
            let probed = self.probe(job).is_none_or(|plan| {
                result.probe.as_ref().is_some_and(|scores| {
                    scores.hash == plan.hash_for(job) && scores.scores.len() as u64 >= plan.probe.seeds
                })
            });
            result.hash == job.hash && probed
        })
    }

    /// The process that holds the run's locks, if there is one.
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

    /// The next stage of the run; `None` if it is done.
    ///
    /// # Errors
    /// If its folder is damaged.
    pub(super) fn next(&self, job: &Job) -> Result<Option<Stage>, Failure> {
        self.check_code(job)?;
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

    /// Refuses a folder in which code of another version has trained: what goes on there is no run of this
    /// program, and what is finished there is not what it would come to.
    fn check_code(&self, job: &Job) -> Result<(), Failure> {
        let run = self.run_of(job);
        let Some(there) = run::code_of(&run)? else { return Ok(()) };
        let differences = there.differences(&code::versions());
        if differences.is_empty() {
            return Ok(());
        }
        let parts: Vec<String> = differences.iter().map(CodeDifference::in_short).collect();
        let message = format!("{} was trained by other code: {}", run.display(), parts.join(", "));
        Err(Failure::new(message, "remove the folder, and the same command trains it anew"))
    }

    /// Writes down that a run came to nothing, if its logs say so.
    ///
    /// # Errors
    /// If they cannot be read, or the file not written.
    pub(super) fn record_failure(&self, job: &Job, stage: Stage) -> Result<(), Failure> {
        let run = self.run_of(job);
        let failed = match stage {
            Stage::Pretrain => run::read_diverged(&run)?.map(|run| run.into_failed(self.origin(job))),
            Stage::Probe => run::read(&run)?.map(|run| {
                let (step, reason) = (run.described.steps, self.reason_of_probe(job));
                FailedRun::new(self.origin(job), run.described, Failed { step, reason })
            }),
            // The run is finished, whatever became of its judgement.
            Stage::Judge(_) => None,
        };
        if let Some(failed) = failed {
            failed.write(&self.file.results())?;
        }
        Ok(())
    }

    /// The reason why fine-tuning ended, by its logs.
    fn reason_of_probe(&self, job: &Job) -> Reason {
        let seeds = self.probe(job).map(|plan| fs::read_dir(self.probe_of(plan, job)));
        let mut seeds = seeds.into_iter().flatten().flatten().flatten();
        let ends_dead = |seed: fs::DirEntry| {
            let records = read_metrics(&seed.path().join("metrics.jsonl")).unwrap_or_default();
            records
                .last()
                .is_some_and(|last| last.fields.get("reason").is_some_and(|reason| reason == "dead"))
        };
        if seeds.any(ends_dead) { Reason::FineTuningCollapsed } else { Reason::FineTuningDiverged }
    }

    /// Whose run it is.
    fn origin(&self, job: &Job) -> RunOrigin {
        let arm = self.plan.arm_of(job);
        RunOrigin {
            experiment: self.plan.experiment.clone(),
            arm: arm.name.clone(),
            differences: differences(arm),
            hash: job.hash.clone(),
            recipe: Some(arm.facts.arm_hash.clone()),
            quantities: arm.facts.quantities.clone(),
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
        let probe = self.probe(job).and_then(|plan| self.scores(plan, job));
        let result =
            ResultRecord { common: self.common(job), ..ResultRecord::new(self.origin(job), finished, probe) };
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
        let scores = ProbeScores::of_summary(&text, wanted, plan.hash_for(job))?;
        Some(ProbeScores { recipe: Some(plan.recipe_hash.clone()), ..scores })
    }

    /// Arguments of the process that does a stage.
    pub(super) fn arguments(&self, job: &Job, stage: Stage) -> Vec<String> {
        if let Stage::Judge(source) = stage {
            return self.judging(source, job);
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
                add(&["--model", &text(&self.model_of(job)), "--out", &text(&self.probe_of(plan, job))]);
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
