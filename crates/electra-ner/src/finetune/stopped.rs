//! How a run was stopped before its end, and what to do about it.

use std::path::Path;

use electra_run::record::{Record, read_metrics};
use electra_train::recorder::{COLLAPSED, DIVERGED};

use crate::collapse_guard;
use crate::recipe::Recipe;

/// Advice for a diverged run.
const DIVERGENCE_REMEDY: &str = "lower schedule.learning_rate (half of it is a good try) or lengthen \
    schedule.warmup, and start in a new folder; with 16-bit precision, try train.precision = \"f32\" first";

/// How the run in a folder was stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It learned nothing.
    Collapsed,
    /// Its numbers went out of bounds.
    Diverged,
}

impl Stopped {
    /// Advice on a run of `recipe`, in its keys.
    #[must_use]
    pub fn remedy(self, recipe: &Recipe) -> String {
        match self {
            Self::Collapsed => collapse_guard::remedy(recipe),
            Self::Diverged => DIVERGENCE_REMEDY.to_owned(),
        }
    }
}

/// How the run in a folder was stopped, with the sentence that its log has about it; none if it was not.
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
