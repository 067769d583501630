//! Collapse guard: stops a fine-tuning run that learns nothing, and says what to do about it.
//!
//! Fine-tuning ELECTRA now and then collapses: the network calls every word `O` and stays there.
//! After [`GuardConfig::epochs`] epochs of at least [`GuardConfig::steps`] steps a run counts as collapsed if
//!
//! - it has not found a single entity of the development data so far, or
//! - its loss has fallen by less than a twentieth since its first epoch, no epoch was better than
//!   the first, and that one found little. A run that goes on from a good tagger has a flat loss
//!   as well, but a high F1.

use thiserror::Error;

use crate::recipe::GuardConfig;

/// Of the first epoch's loss, what a run may keep that is not flat.
const FLAT: f64 = 0.95;
/// F1 below which a flat loss is no success. Random weights can reach .2 where names are dense.
const LITTLE: f64 = 0.5;

/// Advice for a collapsed run.
///
/// `docs/recipes.md` has what was measured, under `[guard]` and `[loss]`: three or four times the steps
/// helped most, a rate half or four times as high not at all, and weights of types cost F1 once there
/// is some.
pub const REMEDY: &str = "train longer (train.epochs, and guard.epochs or guard.steps where the guard has \
    stopped it) or in smaller batches (train.batch_size = 8), as steps are what such a run lacks most often; or try \
    twice the schedule.learning_rate, rates.layer_decay = { kind = \"none\" } for a network of few layers, another \
    seed; loss.class_weights lift a run from 0 and lower the F1 of one that has left it: leave them for the last";

/// Loss and F1 of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EpochScore {
    /// Mean training loss of its words.
    pub loss: f64,
    /// Micro F1 on the development data behind it, by the rules of conlleval.
    pub f1: f64,
}

/// Reason why a run counts as collapsed.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum Collapse {
    /// Nothing was found, or nothing of it was right.
    #[error(
        "no entity of the development data was found correctly in {epochs} epochs ({steps} steps in all), \
         the loss is {loss:.4}"
    )]
    Nothing {
        /// Epochs done.
        epochs: usize,
        /// Steps done.
        steps: u64,
        /// Loss of the last epoch.
        loss: f64,
    },
    /// The loss does not move.
    #[error(
        "the loss was {first:.4} in the first epoch and is {last:.4} after {epochs} epochs ({steps} steps), \
         and the best F1 is {:.2}", 100.0 * best_f1
    )]
    Flat {
        /// Loss of the first epoch.
        first: f64,
        /// Loss of the last epoch.
        last: f64,
        /// Epochs done.
        epochs: usize,
        /// Steps done.
        steps: u64,
        /// The best F1 so far.
        best_f1: f64,
    },
}

/// Looks a run over after an epoch; `steps` in all are done.
///
/// # Errors
/// If it is dead.
pub fn check(guard: GuardConfig, epochs: &[EpochScore], steps: u64) -> Result<(), Collapse> {
    let done = epochs.len();
    let (Some(first), Some(last)) = (epochs.first(), epochs.last()) else { return Ok(()) };
    if done < guard.epochs || steps < guard.steps {
        return Ok(());
    }
    let best_f1 = epochs.iter().map(|epoch| epoch.f1).fold(0.0, f64::max);
    if best_f1 == 0.0 {
        return Err(Collapse::Nothing { epochs: done, steps, loss: last.loss });
    }
    // One epoch alone cannot be told from itself.
    if done > 1 && last.loss > FLAT * first.loss && best_f1 <= first.f1 && best_f1 < LITTLE {
        return Err(Collapse::Flat { first: first.loss, last: last.loss, epochs: done, steps, best_f1 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUARD: GuardConfig = GuardConfig { epochs: 3, steps: 100 };

    fn epochs(losses_and_f1: &[(f64, f64)]) -> Vec<EpochScore> {
        losses_and_f1.iter().map(|&(loss, f1)| EpochScore { loss, f1 }).collect()
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
    fn the_remedy_begins_with_what_helps_and_does_not_send_to_what_costs() {
        let at = |part: &str| REMEDY.find(part).unwrap_or_else(|| panic!("{part} is not in {REMEDY}"));
        assert!(at("train.epochs") < at("train.batch_size") && at("train.batch_size") < at("learning_rate"));
        assert!(!REMEDY.contains("inverse-frequency") && !REMEDY.contains("half"), "{REMEDY}");
    }

    #[test]
    fn one_entity_found_at_any_time_is_a_sign_of_life() {
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
