//! State in which a run begins or goes on.

use std::path::Path;

use burn::module::Module;
use electra_run::checkpoint::{Checkpoint, Found};

use crate::error::RunError;
use crate::snapshot::{Progress, Snapshot, SnapshotError};

/// The snapshot in the last intact checkpoint of `folder`, read by `load`, or what `start` makes where no
/// checkpoint was ever saved.
///
/// # Errors
/// [`RunError::Lost`] if there are checkpoints and none is intact, so that nothing is trained anew in silence;
/// otherwise those of `load` and `start`.
pub fn resume<M: Module, P: Progress, E: From<RunError>>(
    found: &Found,
    folder: &Path,
    load: impl FnOnce(&Checkpoint) -> Result<Snapshot<M, P>, SnapshotError>,
    start: impl FnOnce() -> Result<Snapshot<M, P>, E>,
) -> Result<Snapshot<M, P>, E> {
    match &found.checkpoint {
        Some(checkpoint) => Ok(load(checkpoint).map_err(RunError::from)?),
        None if found.passed_over.is_empty() => start(),
        None => Err(RunError::Lost { path: folder.to_owned(), damage: found.passed_over.clone() }.into()),
    }
}

/// A sentence for each checkpoint that was passed over because it is damaged.
pub fn skipped_checkpoints(found: &Found) -> Vec<String> {
    found.passed_over.iter().map(|damage| format!("passed over a damaged checkpoint: {damage}")).collect()
}
