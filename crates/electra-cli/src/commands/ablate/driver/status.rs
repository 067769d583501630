//! How far an experiment has come: for the line of progress and its estimate.

use std::collections::HashSet;

use electra_ablate::plan::Job;
use electra_ablate::run::last_step;
use electra_run::record::thousands;

use super::super::progress::{Spent, Status, Work};
use super::super::stage::Stage;
use super::Driver;

impl Driver<'_> {
    /// The state of the experiment for its progress line: runs finished, work done and left, runs under way.
    pub(super) fn status(&mut self) -> Status {
        let work = self.work();
        let plan = &self.setup.plan;
        let running = self.running.iter().map(|running| {
            let job = &plan.jobs[running.index];
            let name = self.setup.name_of(job);
            match running.stage {
                Stage::Pretrain => {
                    let steps = plan.arm_of(job).facts.steps;
                    format!("{name} {}/{}", thousands(self.step(job)), thousands(steps))
                }
                Stage::Probe => format!("{name} fine-tuning"),
                Stage::Judge(_) => format!("{name} judging"),
            }
        });
        Status {
            finished: self.finished.len(),
            of: self.ended.of,
            work,
            running: running.collect::<Vec<_>>().join(", "),
        }
    }

    /// The last step that a run has logged.
    fn step(&self, job: &Job) -> u64 {
        last_step(&self.setup.run_of(job)).min(self.setup.plan.arm_of(job).facts.steps)
    }

    fn work(&mut self) -> Work {
        let plan = &self.setup.plan;
        let under_way = self.running.iter().map(|running| running.index);
        let open = under_way.chain(self.waiting.iter().map(|(index, _)| *index));
        let open: Vec<usize> = open.filter(|index| !self.finished.contains(index)).collect();
        // Arms that differ in the probe alone share what is pretrained.
        let mut seen = HashSet::new();
        let (mut flops, mut total_flops) = (0.0, 0.0);
        for &index in open.iter().chain(&self.finished) {
            let job = &plan.jobs[index];
            if seen.insert(&job.hash) {
                let arm = plan.arm_of(job);
                let steps = if self.finished.contains(&index) { arm.facts.steps } else { self.step(job) };
                flops += steps as f64 * arm.facts.flops_per_step;
                total_flops += arm.flops();
            }
        }
        let has_probe = !self.setup.probes.is_empty();
        let count = |runs: usize| if has_probe { runs } else { 0 };
        let first = *self.first_flops.get_or_insert(flops);
        let seconds = |stage: Stage| -> f64 {
            let running = self.running.iter().filter(|running| running.stage == stage);
            running.map(|running| running.since.elapsed().as_secs_f64()).sum()
        };
        let spent = Spent {
            flops: flops - first,
            pretraining: self.ended_stages.pretraining + seconds(Stage::Pretrain),
            probes: self.ended_stages.probes,
            probing: self.ended_stages.probing + seconds(Stage::Probe),
        };
        let (probes, total_probes) = (count(self.finished.len()), count(self.finished.len() + open.len()));
        Work { flops, total_flops, probes, total_probes, spent, jobs: self.jobs }
    }
}
