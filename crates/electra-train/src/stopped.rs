//! The reason why a run was stopped before its end, by its log.

use std::path::Path;

use electra_run::record::{Record, read_metrics};

use crate::recorder::{COLLAPSED, DIVERGED};

/// The reason why a run was stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The run learned nothing.
    Collapsed,
    /// The run diverged: its loss or its gradients went out of bounds.
    Diverged,
}

impl Stopped {
    /// `reason` in the last line of the log.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Collapsed => COLLAPSED,
            Self::Diverged => DIVERGED,
        }
    }
}

/// The reason why the run in a folder was stopped, with the sentence that its log has about it; `None` if it
/// was not.
#[must_use]
pub fn stopped_by(run: &Path) -> Option<(Stopped, String)> {
    let records = read_metrics(&run.join("metrics.jsonl")).ok()?;
    let [.., event, end] = records.as_slice() else { return None };
    let text = |record: &Record, field: &str| Some(record.fields.get(field)?.as_str()?.to_owned());
    let stopped = match text(end, "reason")?.as_str() {
        COLLAPSED => Stopped::Collapsed,
        DIVERGED => Stopped::Diverged,
        _ => return None,
    };
    Some((stopped, text(event, "message")?))
}
