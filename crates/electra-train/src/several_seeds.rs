//! Several seeds of one recipe, one after the other.

use std::fmt::Display;
use std::path::PathBuf;

use crate::epoch_monitor::EpochMonitor;
use crate::epoch_run::RunEnd;
use crate::seeds::SeedsFolder;
use crate::stopped::Stopped;

/// The outcomes of several seeds.
#[derive(Debug)]
pub struct SeedOutcomes<O, E> {
    /// The outcomes of the seeds that came to their end.
    pub finished: Vec<O>,
    /// The seeds that learned nothing or diverged.
    pub stopped: Vec<SeedStop<E>>,
}

/// A seed that learned nothing or diverged.
#[derive(Debug)]
pub struct SeedStop<E> {
    /// The seed of the run.
    pub seed: u64,
    /// The folder of the run.
    pub run: PathBuf,
    /// The reason of the stop: collapse or divergence.
    pub stopped: Stopped,
    /// The error that stopped the run.
    pub error: E,
}

/// Runs the seeds that were `asked` for, one after the other below `folder`, by `run`; none if somebody
/// interrupts. A seed that learns nothing or diverges, as `stopped_by` says of its error, does not keep the
/// others from their end. `others` are seeds that stand finished in the folder, and are looked at first: one
/// that does not belong here is an error before anything is trained.
///
/// # Errors
/// What stopped a run for another reason, with its seed: those after it are not begun. Or why the first seed
/// stopped, if none came to its end.
pub fn run_seeds<O, E: Display>(
    folder: SeedsFolder<'_>,
    asked: &[u64],
    others: &[u64],
    monitor: &mut dyn EpochMonitor,
    mut run: impl FnMut(u64, PathBuf, &mut dyn EpochMonitor) -> Result<RunEnd<O>, E>,
    stopped_by: impl Fn(&E) -> Option<Stopped>,
) -> Result<Option<SeedOutcomes<O, E>>, (u64, E)> {
    let (mut finished, mut stopped) = (Vec::new(), Vec::new());
    for &seed in others {
        let path = folder.path.display();
        monitor.note(0, &format!("seed {seed} stands in {path} as well, and is summed up with the others"));
        match run(seed, folder.run_of(seed), monitor) {
            Ok(RunEnd::Finished(outcome)) => finished.push(*outcome),
            Ok(RunEnd::Interrupted) => return Ok(None),
            Err(error) => return Err((seed, error)),
        }
    }
    for (index, &seed) in asked.iter().enumerate() {
        match run(seed, folder.run_of(seed), monitor) {
            Ok(RunEnd::Finished(outcome)) => finished.push(*outcome),
            Ok(RunEnd::Interrupted) => return Ok(None),
            Err(error) => {
                let Some(how) = stopped_by(&error) else { return Err((seed, error)) };
                // Why is said at the end, in the summary or in the error.
                if let Some(next) = asked.get(index + 1) {
                    monitor.note(0, &format!("seed {seed} stopped, seed {next} is next"));
                }
                stopped.push(SeedStop { seed, run: folder.run_of(seed), stopped: how, error });
            }
        }
    }
    if finished.is_empty() && !stopped.is_empty() {
        for SeedStop { seed, error, .. } in &stopped[1..] {
            monitor.note(0, &format!("seed {seed} stopped as well: {error}"));
        }
        let SeedStop { seed, error, .. } = stopped.swap_remove(0);
        return Err((seed, error));
    }
    Ok(Some(SeedOutcomes { finished, stopped }))
}
