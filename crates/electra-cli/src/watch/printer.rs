//! The lines of a run on standard error, and what it is busy with between them.

use std::sync::Arc;
use std::time::Duration;

use electra_run::interrupt::Interrupt;
use electra_run::recipe::plain;
use electra_run::record::thousands;

use super::heartbeat::Heartbeat;
use crate::output;

/// The receiver of a run's lines.
pub(super) type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// Standard error. When nobody reads it any more the run is asked to save and end.
pub(super) fn standard_error(interrupt: &Interrupt) -> Sink {
    let interrupt = interrupt.clone();
    Arc::new(move |line| {
        if output::is_closed(&output::try_line_err(format_args!("{line}"))) {
            interrupt.request();
        }
    })
}

/// Writes the lines of a run, and what it is busy with when there is none for a while.
pub(super) struct LinePrinter {
    sink: Sink,
    pub(super) heartbeat: Heartbeat,
}

impl LinePrinter {
    /// Begins with what the run is busy with before its first event.
    pub(super) fn new(sink: Sink, what: &str, silence: Duration) -> Self {
        let of_heartbeat = Arc::clone(&sink);
        Self { sink, heartbeat: Heartbeat::start(what, silence, move |line| of_heartbeat(line)) }
    }

    pub(super) fn print(&self, line: &str) {
        (self.sink)(line);
        self.heartbeat.reset();
    }
}

/// The line of a note after `step` steps.
pub(super) fn note(step: u64, message: &str) -> String {
    match step {
        0 => format!("note: {}", plain(message)),
        _ => format!("step {}: note: {}", thousands(step), plain(message)),
    }
}
