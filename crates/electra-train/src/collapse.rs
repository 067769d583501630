//! Collapse guard: stops a fine-tuning run that learns nothing.
//!
//! Fine-tuning ELECTRA now and then collapses: the network predicts the majority class and stays there. After
//! [`GuardConfig::epochs`] epochs of at least [`GuardConfig::steps`] steps a run counts as collapsed if
//!
//! - no epoch has scored above 0 on the development data, or
//! - its loss has fallen by less than a twentieth since its first epoch, no epoch was better than
//!   the first, and that one scored little. A run that goes on from a good network has a flat loss
//!   as well, but a high score.

use serde::{Deserialize, Serialize};

use crate::epochs::EpochScore;

/// Share of the first epoch's loss above which a loss counts as flat.
const FLAT: f64 = 0.95;
/// Score below which a flat loss is no success. Random weights can reach .2 where names are dense.
const LITTLE: f64 = 0.5;

/// Settings of the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardConfig {
    /// Epochs that a run has to show something, at least 1.
    pub epochs: usize,
    /// Steps that it has at least, for data of few steps an epoch.
    pub steps: u64,
}

/// Reason why a run counts as collapsed. A task words it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Collapse {
    /// No epoch has scored above 0.
    Nothing {
        /// The number of epochs done.
        epochs: usize,
        /// The number of steps done.
        steps: u64,
        /// Loss of the last epoch.
        loss: f64,
    },
    /// The loss does not move.
    Flat {
        /// Loss of the first epoch.
        first: f64,
        /// Loss of the last epoch.
        last: f64,
        /// The number of epochs done.
        epochs: usize,
        /// The number of steps done.
        steps: u64,
        /// The best score so far.
        best: f64,
    },
}

/// Looks a run over after an epoch; `steps` in all are done.
///
/// # Errors
/// If it has collapsed.
pub fn check(guard: GuardConfig, epochs: &[EpochScore], steps: u64) -> Result<(), Collapse> {
    let done = epochs.len();
    let (Some(first), Some(last)) = (epochs.first(), epochs.last()) else { return Ok(()) };
    if done < guard.epochs || steps < guard.steps {
        return Ok(());
    }
    let best = epochs.iter().map(|epoch| epoch.score).fold(0.0, f64::max);
    if best == 0.0 {
        return Err(Collapse::Nothing { epochs: done, steps, loss: last.loss });
    }
    // One epoch alone cannot be told from itself.
    if done > 1 && last.loss > FLAT * first.loss && best <= first.score && best < LITTLE {
        return Err(Collapse::Flat { first: first.loss, last: last.loss, epochs: done, steps, best });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUARD: GuardConfig = GuardConfig { epochs: 3, steps: 100 };

    fn epochs(losses_and_f1: &[(f64, f64)]) -> Vec<EpochScore> {
        losses_and_f1.iter().map(|&(loss, score)| EpochScore { loss, score }).collect()
    }

    #[test]
    fn a_run_has_its_epochs_and_its_steps_before_it_is_judged() {
        let nothing = epochs(&[(0.5, 0.0), (0.4, 0.0), (0.4, 0.0)]);
        assert_eq!(check(GUARD, &nothing[..2], 200), Ok(()));
        assert_eq!(check(GUARD, &nothing, 99), Ok(()));
        assert_eq!(check(GUARD, &nothing, 100), Err(Collapse::Nothing { epochs: 3, steps: 100, loss: 0.4 }));
        assert_eq!(check(GUARD, &[], 100), Ok(()));
    }

    #[test]
    fn a_score_at_any_time_is_a_sign_of_life() {
        let some = epochs(&[(0.5, 0.01), (0.4, 0.0), (0.3, 0.0)]);
        assert_eq!(check(GUARD, &some, 500), Ok(()));
    }

    #[test]
    fn a_flat_loss_is_death_only_where_next_to_nothing_is_found() {
        let flat = epochs(&[(2.0, 0.02), (1.99, 0.02), (1.98, 0.02)]);
        assert!(matches!(check(GUARD, &flat, 500), Err(Collapse::Flat { first: 2.0, last: 1.98, .. })));
        let good = epochs(&[(0.02, 0.9), (0.02, 0.9), (0.02, 0.9)]);
        assert_eq!(check(GUARD, &good, 500), Ok(()));
    }
}
