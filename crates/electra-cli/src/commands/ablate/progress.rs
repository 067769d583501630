//! The progress of all runs, and when they will be done.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use electra_files::shown::on_terminal;
use electra_run::record::duration;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// A bar on a terminal, lines elsewhere.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    last_line: Instant,
}

/// The progress of an experiment.
pub(super) struct Status {
    /// Runs that are finished.
    pub(super) finished: usize,
    /// The number of all runs.
    pub(super) of: usize,
    /// The work that is done and that is left.
    pub(super) work: Work,
    /// The names of the stages that are running.
    pub(super) running: String,
}

/// The work of all runs together, done and to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Work {
    /// Floating-point operations of pretraining that are done, those of earlier commands included.
    pub(super) flops: f64,
    /// The floating-point operations of all pretraining.
    pub(super) total_flops: f64,
    /// Models that are fine-tuned.
    pub(super) probes: usize,
    /// The number of all models to be fine-tuned.
    pub(super) total_probes: usize,
    /// The work that this command has done.
    pub(super) spent: Spent,
    /// Processes at the same time.
    pub(super) jobs: usize,
}

/// The work done by the processes of this command, those that still run included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spent {
    /// Floating-point operations of pretraining.
    pub(super) flops: f64,
    /// Seconds of the processes that pretrain, added up.
    pub(super) pretraining: f64,
    /// Models that are fine-tuned.
    pub(super) probes: usize,
    /// Seconds of the processes that fine-tune, added up.
    pub(super) probing: f64,
}

impl Work {
    /// The share that is done, and the seconds that are left, if enough is known.
    fn outlook(&self) -> (f64, Option<f64>) {
        let Self { spent, .. } = *self;
        let flops_left = self.total_flops - self.flops;
        let probes_left = (self.total_probes - self.probes) as f64;
        let per_flop = (spent.flops > 0.0).then(|| spent.pretraining / spent.flops);
        // The first one that is under way is no measure yet, but a lower bound.
        let per_probe = (spent.probing > 0.0).then(|| spent.probing / spent.probes.max(1) as f64);
        let cost =
            |amount: f64, each: Option<f64>| if amount > 0.0 { Some(amount * each?) } else { Some(0.0) };
        let left = cost(flops_left, per_flop).zip(cost(probes_left, per_probe));
        let left = left.map(|(pretraining, probing)| pretraining + probing);
        let weigh =
            |flops: f64, probes: f64| per_flop.unwrap_or(1.0) * flops + per_probe.unwrap_or(0.0) * probes;
        let total = weigh(self.total_flops, self.total_probes as f64);
        let done = weigh(self.flops, self.probes as f64);
        (if total > 0.0 { done / total } else { 1.0 }, left.map(|seconds| seconds / self.jobs as f64))
    }
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = output::can_redraw(std::io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  {msg}");
            ProgressBar::new(1000)
                .with_style(style.expect("the template is well-formed").progress_chars("=> "))
        });
        Self { bar, last_line: Instant::now() }
    }

    /// Prints a line that stays on the screen.
    pub(super) fn tell(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(on_terminal(line)),
            None => eprintln!("{line}"),
        }
    }

    /// Shows the progress on a terminal, or in a line now and then.
    pub(super) fn show(&mut self, status: &Status) {
        let (share, left) = status.work.outlook();
        let left = left.map_or_else(|| "?".to_owned(), duration);
        let Status { finished, of, running, .. } = status;
        let line = format!("{finished}/{of} runs  {running}  ETA {left}");
        match &self.bar {
            Some(bar) => {
                bar.set_position((1000.0 * share) as u64);
                bar.set_message(line);
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                eprintln!("{:3.0} %  {line}", 100.0 * share);
            }
            None => {}
        }
    }

    /// Clears the display.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_by_what_this_command_has_done() {
        let spent = Spent { flops: 50.0, pretraining: 100.0, probes: 0, probing: 0.0 };
        let work = Work { flops: 150.0, total_flops: 400.0, probes: 0, total_probes: 0, spent, jobs: 2 };
        // 2 seconds each for the 250 that are left, in two processes.
        assert_eq!(work.outlook(), (0.375, Some(250.0)));
        assert_eq!(Work { spent: Spent::default(), ..work }.outlook().1, None);
    }

    #[test]
    fn fine_tuning_counts_by_the_time_that_it_has_taken() {
        let spent = Spent { flops: 100.0, pretraining: 100.0, probes: 2, probing: 60.0 };
        let work = Work { flops: 100.0, total_flops: 100.0, probes: 2, total_probes: 6, spent, jobs: 1 };
        // 100 seconds of pretraining and 2 of 6 half-minutes.
        assert_eq!(work.outlook(), (160.0 / 280.0, Some(120.0)));
        // As long as none has begun nobody knows what they cost.
        let before = Work { spent: Spent { probes: 0, probing: 0.0, ..spent }, probes: 0, ..work };
        assert_eq!(before.outlook(), (1.0, None));
        let done = Work { probes: 6, ..work };
        assert_eq!(done.outlook(), (1.0, Some(0.0)));
    }
}
