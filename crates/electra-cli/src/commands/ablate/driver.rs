//! The loop that starts processes, waits for them, and writes down what they came to.

mod status;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use electra_ablate::metric::Metric;
use electra_ablate::plan::Job;
use electra_ablate::record::ResultRecord;
use electra_ablate::table::with_noun;
use electra_files::disk::{create_own_folder, refuse_link};
use electra_run::interrupt::Interrupt;
use electra_run::record::duration;

use super::child::Running;
use super::progress::{Progress, Spent};
use super::replacement_source::ReplacementSource;
use super::setup::Setup;
use super::stage::Stage;
use crate::commands::metrics::catalogue;
use crate::failure::{self, Failure};

/// Between two looks at the processes.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Between two looks at their logs.
const SHOW_EVERY: Duration = Duration::from_secs(2);

/// Failures one after the other, each within [`AT_ONCE`] of its start, after which no other run begins: a full disk
/// or data that cannot be read ends them all.
const MAX_FAILURES_AT_ONCE: usize = 3;
/// Seconds in which a run that fails has hardly begun.
const AT_ONCE: f64 = 10.0;

/// Runs an experiment.
pub(super) struct Driver<'a> {
    setup: &'a Setup,
    interrupt: &'a Interrupt,
    /// Processes at the same time.
    jobs: usize,
    fail_fast: bool,
    /// Runs in a row that failed as soon as they were started.
    failed_at_once: usize,
    /// Numbers of the runs that wait, with what is to be done of them, the next one first.
    waiting: VecDeque<(usize, Aim)>,
    running: Vec<Running>,
    finished: Vec<usize>,
    /// Runs whose judgement waits, runs or has ended: none is tried twice.
    judged: HashSet<usize>,
    ended: Ended,
    /// Runs whose other process has been told of.
    told_of: Vec<usize>,
    stopping: bool,
    /// Floating-point operations that were done when this command began.
    first_flops: Option<f64>,
    /// The work of the processes that have ended; operations are counted elsewhere.
    ended_stages: Spent,
    progress: Progress,
}

/// The thing to be done of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// Its result: pretraining and fine-tuning.
    Result,
    /// The figures of its discriminator on common text, for a result that is there.
    Judgement,
}

impl Aim {
    fn of(stage: Stage) -> Self {
        match stage {
            Stage::Pretrain | Stage::Probe => Self::Result,
            Stage::Judge(_) => Self::Judgement,
        }
    }
}

/// The result of driving all runs of an experiment.
#[derive(Default)]
pub(super) struct Ended {
    /// The number of runs that were to be done.
    pub(super) of: usize,
    pub(super) failed: Vec<Failed>,
    pub(super) interrupted: bool,
}

/// A run that failed.
pub(super) struct Failed {
    /// The arm and the seed of the run.
    pub(super) name: String,
    /// The last message of its process.
    pub(super) error: String,
    /// The log of its process.
    pub(super) log: PathBuf,
}

impl<'a> Driver<'a> {
    /// A driver of the runs with these numbers; `found` are the results that are there already.
    pub(super) fn new(
        setup: &'a Setup,
        interrupt: &'a Interrupt,
        jobs: usize,
        fail_fast: bool,
        indices: Vec<usize>,
        found: &[ResultRecord],
    ) -> Self {
        let of = indices.len();
        let (finished, waiting): (Vec<usize>, Vec<usize>) =
            indices.into_iter().partition(|index| setup.is_answered(&setup.plan.jobs[*index], found));
        Self {
            setup,
            interrupt,
            jobs,
            fail_fast,
            failed_at_once: 0,
            waiting: waiting.into_iter().map(|index| (index, Aim::Result)).collect(),
            running: Vec::new(),
            finished,
            judged: HashSet::new(),
            ended: Ended { of, ..Ended::default() },
            told_of: Vec::new(),
            stopping: false,
            first_flops: None,
            ended_stages: Spent::default(),
            progress: Progress::new(),
        }
    }

    /// Runs everything that is not finished.
    ///
    /// # Errors
    /// If results cannot be written, or processes not started. Those that run are told to save.
    pub(super) fn run(mut self) -> Result<Ended, Failure> {
        let skipped = self.finished.len();
        if skipped > 0 {
            let verb = if self.ended.of == 1 { "is" } else { "are" };
            let of = with_noun(self.ended.of, "run");
            self.progress.tell(&format!("{skipped} of {of} {verb} finished already"));
        }
        let seeds: BTreeSet<u64> =
            self.finished.iter().map(|index| self.setup.plan.jobs[*index].seed).collect();
        seeds.into_iter().for_each(|seed| self.judge_seed(seed));
        let outcome = self.until_the_end();
        if outcome.is_err() {
            self.stop();
            for running in &mut self.running {
                while running.ended().is_ok_and(|ended| ended.is_none()) {
                    std::thread::sleep(LOOK_EVERY);
                }
            }
        }
        self.progress.finish();
        outcome.map(|()| self.ended)
    }

    fn until_the_end(&mut self) -> Result<(), Failure> {
        let mut last_shown: Option<Instant> = None;
        loop {
            if self.interrupt.is_requested() && !self.ended.interrupted {
                self.ended.interrupted = true;
                self.stop();
            }
            self.collect()?;
            if !self.stopping {
                self.fill()?;
            }
            if self.running.is_empty() && (self.stopping || self.waiting.is_empty()) {
                return Ok(());
            }
            if last_shown.is_none_or(|last| last.elapsed() >= SHOW_EVERY) {
                last_shown = Some(Instant::now());
                let status = self.status();
                self.progress.show(&status);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// No run begins any more, and those under way save.
    fn stop(&mut self) {
        if !self.stopping {
            self.stopping = true;
            self.running.iter().for_each(Running::stop);
        }
    }

    /// Has the finished runs of a seed judged on common text, before any other run begins: what is finished is
    /// complete then, however long the experiment goes on. Samples come from the base arm's generator of that
    /// seed, for whose run they wait.
    fn judge_seed(&mut self, seed: u64) {
        let jobs = &self.setup.plan.jobs;
        let base = jobs.iter().find(|job| job.arm == self.setup.sources.base && job.seed == seed);
        let waits = |base: &Job| {
            self.waiting.contains(&(base.index, Aim::Result))
                || self.running.iter().any(|r| r.index == base.index && Aim::of(r.stage) == Aim::Result)
        };
        if base.is_some_and(waits) {
            return;
        }
        for &index in &self.finished {
            let job = &jobs[index];
            if job.seed == seed && self.setup.next_source(job).is_some() && self.judged.insert(index) {
                self.waiting.push_front((index, Aim::Judgement));
            }
        }
    }

    /// Starts as many runs as there is room for. One that another process is at work on, as the
    /// last driver may have left it, waits behind the others.
    fn fill(&mut self) -> Result<(), Failure> {
        for _ in 0..self.waiting.len() {
            if self.running.len() >= self.jobs || self.stopping {
                return Ok(());
            }
            let Some((index, aim)) = self.waiting.pop_front() else { return Ok(()) };
            let job = &self.setup.plan.jobs[index];
            // Arms that differ in the probe alone have one run folder.
            let jobs = &self.setup.plan.jobs;
            let is_at_it =
                |running: &Running| running.stage != Stage::Probe && jobs[running.index].hash == job.hash;
            if self.running.iter().any(is_at_it) {
                self.waiting.push_back((index, aim));
            } else if let Some(holder) = self.setup.holder(job)? {
                if !self.told_of.contains(&index) {
                    self.told_of.push(index);
                    let name = self.setup.name_of(job);
                    self.progress.tell(&format!("{name}: {holder} is at work on it; waiting until it ends"));
                }
                self.waiting.push_back((index, aim));
            } else {
                self.advance(index, aim);
            }
        }
        Ok(())
    }

    /// Starts the next stage of a run, or writes its result. What keeps it from that is a failure
    /// of this run and of no other.
    fn advance(&mut self, index: usize, aim: Aim) {
        if let Err(failure) = self.try_to_advance(index, aim) {
            let job = &self.setup.plan.jobs[index];
            self.fail(job, aim, &failure.in_one_line(), format!("  {}", failure.in_one_line()));
        }
    }

    fn try_to_advance(&mut self, index: usize, aim: Aim) -> Result<(), Failure> {
        let job = &self.setup.plan.jobs[index];
        let Some(stage) = self.next(job, aim)? else { return self.record(index, aim) };
        let log = self.setup.log_of(job);
        for folder in self.setup.folders_of(job) {
            refuse_link(&folder).map_err(|error| Failure::of_file("write", &folder, &error))?;
        }
        if let Stage::Judge(_) = stage {
            let folder = self.setup.common_folder();
            create_own_folder(&folder).map_err(|error| Failure::of_file("create", &folder, &error))?;
        }
        let running = Running::start(index, stage, &self.setup.arguments(job, stage), &log)
            .map_err(Failure::of_system)?;
        let verb = match stage {
            Stage::Pretrain => "pretraining",
            Stage::Probe => "fine-tuning",
            Stage::Judge(ReplacementSource::Base) => "judging samples of the base arm's generator",
            Stage::Judge(ReplacementSource::Unigram) => "judging samples from the frequencies of words",
        };
        self.progress.tell(&format!("{}: {verb}", self.setup.name_of(job)));
        self.running.push(running);
        Ok(())
    }

    /// The next stage of a run; `None` if what was to be done is done.
    fn next(&self, job: &Job, aim: Aim) -> Result<Option<Stage>, Failure> {
        match aim {
            Aim::Judgement => Ok(self.setup.next_source(job).map(Stage::Judge)),
            Aim::Result => self.setup.next(job),
        }
    }

    fn record(&mut self, index: usize, aim: Aim) -> Result<(), Failure> {
        let job = &self.setup.plan.jobs[index];
        let result = self.setup.record(job)?;
        if aim == Aim::Judgement {
            let shown = [Metric::COMMON_AUC, Metric::UNIGRAM_AUC].into_iter().filter_map(|metric| {
                Some(format!("{} {:.*}", metric.title(), metric.decimals(), metric.of(&result)?))
            });
            let shown: Vec<String> = shown.collect();
            self.progress.tell(&format!("{}: {}", self.setup.name_of(job), shown.join(", ")));
            return Ok(());
        }
        self.finished.push(index);
        let shown = ["probe-f1", "rtd-auc", "loss"].into_iter().filter_map(|name| {
            let metric = catalogue().get(name)?;
            Some(format!("{} {:.*}", metric.title(), metric.decimals(), metric.of(&result)?))
        });
        let nothing = result.probe.as_ref().filter(|probe| probe.found_nothing() > 0).map(|probe| {
            let of = with_noun(probe.scores.len(), "fine-tuning run");
            format!("{} of {of} found nothing", probe.found_nothing())
        });
        self.progress.tell(&format!(
            "{}: finished, {} ({}/{})",
            self.setup.name_of(job),
            shown.chain(nothing).collect::<Vec<_>>().join(", "),
            self.finished.len(),
            self.ended.of,
        ));
        self.judge_seed(job.seed);
        Ok(())
    }

    /// Looks which processes have ended.
    fn collect(&mut self) -> Result<(), Failure> {
        let mut at = 0;
        while at < self.running.len() {
            match self.running[at].ended().map_err(Failure::of_system)? {
                None => at += 1,
                Some(status) => {
                    let running = self.running.remove(at);
                    self.settle(&running, status)?;
                }
            }
        }
        Ok(())
    }

    fn settle(&mut self, running: &Running, status: ExitStatus) -> Result<(), Failure> {
        let index = running.index;
        let seconds = running.since.elapsed().as_secs_f64();
        match running.stage {
            Stage::Pretrain => self.ended_stages.pretraining += seconds,
            Stage::Probe => {
                self.ended_stages.probing += seconds;
                self.ended_stages.probes += usize::from(status.success());
            }
            Stage::Judge(_) => {}
        }
        let aim = Aim::of(running.stage);
        let job = &self.setup.plan.jobs[index];
        // A run that cannot be read is told of when it should go on.
        let next = self.next(job, aim).unwrap_or(None);
        if status.success() && next != Some(running.stage) {
            self.failed_at_once = 0;
            if !self.stopping || next.is_none() {
                self.advance(index, aim);
            }
            return Ok(());
        }
        let is_stopped = status.code().is_none_or(|code| code == i32::from(failure::INTERRUPTED));
        if self.stopping && is_stopped {
            return Ok(());
        }
        if self.setup.holder(job)?.is_some() {
            // Somebody else came first.
            self.waiting.push_back((index, aim));
            return Ok(());
        }
        if status.code() == Some(i32::from(failure::DIVERGED))
            && let Err(failure) = self.setup.record_failure(job, running.stage)
        {
            self.progress.tell(&format!("{}: {}", self.setup.name_of(job), failure.in_one_line()));
        }
        let is_diverged = status.code() == Some(i32::from(failure::DIVERGED));
        self.failed_at_once = if is_diverged || seconds > AT_ONCE { 0 } else { self.failed_at_once + 1 };
        let how = match status.code() {
            Some(0) => "ended without what the next step needs".to_owned(),
            Some(code) if code == i32::from(failure::DIVERGED) => "diverged".to_owned(),
            Some(code) => format!("failed with exit code {code}"),
            None => format!("was ended by a signal ({status})"),
        };
        let how = format!("{how} after {}", duration(seconds));
        let error = match running.last_error() {
            words if words.is_empty() => format!("  it {how} and said nothing"),
            words => words,
        };
        self.fail(job, aim, &how, error);
        Ok(())
    }

    fn fail(&mut self, job: &Job, aim: Aim, how: &str, error: String) {
        let name = self.setup.name_of(job);
        self.progress.tell(&format!("{name}: {how}"));
        self.ended.failed.push(Failed { name, error, log: self.setup.log_of(job) });
        if self.failed_at_once >= MAX_FAILURES_AT_ONCE && !self.stopping {
            let runs = with_noun(self.failed_at_once, "run");
            self.progress
                .tell(&format!("{runs} in a row failed as soon as they were started: no other begins"));
        }
        if self.fail_fast || self.failed_at_once >= MAX_FAILURES_AT_ONCE {
            self.stop();
        }
        if aim == Aim::Result {
            // Runs that waited for this one are judged without it.
            self.judge_seed(job.seed);
        }
    }
}
