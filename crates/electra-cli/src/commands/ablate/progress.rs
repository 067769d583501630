//! How far all runs have come, and when they will be done.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use electra_run::record::duration;
use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// A bar on a terminal, lines elsewhere.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    last_line: Instant,
    start: Instant,
    /// Arithmetic that was done when this process began.
    first: Option<f64>,
}

/// How things stand.
pub(super) struct Standing {
    /// Runs that are finished.
    pub(super) finished: usize,
    /// Of how many.
    pub(super) of: usize,
    /// Floating-point operations that are done.
    pub(super) flops: f64,
    /// Of how many.
    pub(super) total_flops: f64,
    /// What is running, in words.
    pub(super) running: String,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  {msg}");
            ProgressBar::new(1000)
                .with_style(style.expect("the template is well-formed").progress_chars("=> "))
        });
        Self { bar, last_line: Instant::now(), start: Instant::now(), first: None }
    }

    /// Something that should stay readable.
    pub(super) fn tell(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// How things stand now.
    pub(super) fn show(&mut self, standing: &Standing) {
        let first = *self.first.get_or_insert(standing.flops);
        let share = standing.flops / standing.total_flops.max(1.0);
        let done = standing.flops - first;
        let left = match done > 0.0 {
            true => {
                duration(self.start.elapsed().as_secs_f64() * (standing.total_flops - standing.flops) / done)
            }
            false => "?".to_owned(),
        };
        let Standing { finished, of, running, .. } = standing;
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
