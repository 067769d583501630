//! The progress of a job: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

pub(in crate::commands) use electra_run::record::thousands as count;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;
use crate::watch::{self, Display, Heartbeat};

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A progress display on standard error.
pub(in crate::commands) struct Meter {
    verb: &'static str,
    bar: Option<ProgressBar>,
    /// During a stage that cannot be measured, where there is no terminal.
    heartbeat: Option<Heartbeat>,
    start: Instant,
    last_line: Instant,
}

impl Meter {
    pub(in crate::commands) fn new(verb: &'static str) -> Self {
        let bar = output::can_redraw(std::io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{prefix} {bar:30} {percent:>3} %  {msg}  {eta} left")
                .expect("the template is well-formed")
                .progress_chars("=> ");
            ProgressBar::new(0).with_style(style).with_prefix(verb)
        });
        Meter { verb, bar, heartbeat: None, start: Instant::now(), last_line: Instant::now() }
    }

    /// `done` of `total`; `detail` is built only if it is shown.
    pub(in crate::commands) fn show(&mut self, done: u64, total: u64, detail: impl FnOnce() -> String) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(detail());
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                let percent = 100.0 * done as f64 / total.max(1) as f64;
                let seconds = self.start.elapsed().as_secs();
                eprintln!("{}: {percent:.0} %, {}, {seconds} s", self.verb, detail());
            }
            None => {}
        }
    }

    /// A stage that cannot be measured.
    pub(in crate::commands) fn stage(&mut self, what: String) {
        match &self.bar {
            Some(bar) => {
                let spinner = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
                bar.set_style(spinner.expect("the template is well-formed"));
                bar.set_message(what);
                bar.enable_steady_tick(Duration::from_millis(120));
            }
            None => {
                eprintln!("{what}");
                self.heartbeat = watch::start_heartbeat(Display::Lines, &what);
            }
        }
    }

    /// Clears the display.
    pub(in crate::commands) fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Bytes as megabytes.
pub(in crate::commands) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
