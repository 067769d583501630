//! The progress of a download, on standard error.

use std::io::IsTerminal;
use std::time::Duration;

use electra_hub::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// Bytes below which a file is not worth a line.
const SMALL: u64 = 1_000_000;

/// A bar on a terminal, a line for each large file elsewhere.
pub(super) struct Bar {
    bar: Option<ProgressBar>,
    is_terminal: bool,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self { bar: None, is_terminal: output::can_redraw(std::io::stderr().is_terminal()) }
    }
}

impl Progress for Bar {
    fn begin(&mut self, file: &str, bytes: u64, there: u64) {
        if bytes < SMALL {
            return;
        }
        if self.is_terminal {
            let template = "{prefix} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
            let style = ProgressStyle::with_template(template).expect("the template is well-formed");
            let bar =
                ProgressBar::new(bytes).with_style(style.progress_chars("=> ")).with_prefix(file.to_owned());
            bar.set_position(there);
            bar.reset_eta();
            self.bar = Some(bar);
        } else {
            let from =
                if there > 0 { format!(", from {:.1} MB on", there as f64 / 1e6) } else { String::new() };
            eprintln!("downloading {file} ({:.1} MB{from})", bytes as f64 / 1e6);
        }
    }

    fn advance(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    fn retry(&mut self, why: &str, pause: Duration) {
        let line = format!("{why}; again in {:.1} s", pause.as_secs_f64());
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}
