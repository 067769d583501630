//! Progress of a run that is scored after each epoch.

use serde::{Deserialize, Serialize};

use crate::snapshot::Progress;

/// Loss and score of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochScore {
    /// Mean training loss.
    pub loss: f64,
    /// Score on the development data, from 0 to 1: F1 of named entities, accuracy of a classification. Files
    /// call it `f1`, as the first task had it.
    #[serde(rename = "f1")]
    pub score: f64,
}

/// Progress of a run in epochs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochProgress {
    /// Optimizer steps done.
    pub step: u64,
    /// Loss and score of each finished epoch.
    pub epochs: Vec<EpochScore>,
    /// Sums over the epoch under way.
    pub open: UnfinishedEpoch,
}

/// Sums over the steps of an epoch that is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnfinishedEpoch {
    /// Sum of the losses, weighted.
    pub loss: f64,
    /// Sum of their weights.
    pub weight: f64,
    /// Sum of the norms of gradients.
    pub grad_norm: f64,
    /// Number of steps.
    pub steps: u64,
}

impl UnfinishedEpoch {
    /// Adds a step: the weighted sum of its losses, their weights, and the norm of its gradient.
    pub fn add(&mut self, loss: f64, weight: f64, grad_norm: f64) {
        self.loss += loss;
        self.weight += weight;
        self.grad_norm += grad_norm;
        self.steps += 1;
    }
}

impl Progress for EpochProgress {
    fn step(&self) -> u64 {
        self.step
    }

    fn advance(&mut self) {
        self.step += 1;
    }
}

impl EpochProgress {
    /// Refuses what no run in epochs of so many steps comes to.
    ///
    /// # Errors
    /// A sentence about what cannot be.
    pub fn check(&self, steps_per_epoch: u64, epochs: u64) -> Result<(), String> {
        let (step, refuse) = (self.step, |what: String| Err(what));
        let done = self.epochs.len() as u64;
        if done > epochs {
            return refuse(format!("{done} epochs are done, and the recipe has {epochs}"));
        }
        // An epoch is counted when it is scored, behind its last step.
        let begun = done.saturating_mul(steps_per_epoch);
        let open = step.checked_sub(begun).filter(|&open| open <= steps_per_epoch && open == self.open.steps);
        if open.is_none() {
            return refuse(format!(
                "{done} epochs of {steps_per_epoch} steps and {} of the next are not {step} steps",
                self.open.steps
            ));
        }
        let is_score = |score: &EpochScore| score.loss.is_finite() && (0.0..=1.0).contains(&score.score);
        match self.epochs.iter().position(|score| !is_score(score)) {
            Some(epoch) => {
                refuse(format!("the score of epoch {} is {}", epoch + 1, self.epochs[epoch].score))
            }
            None => Ok(()),
        }
    }

    /// The best epoch, from 0, with its F1: of equal ones the first.
    pub fn best(&self) -> Option<(usize, f64)> {
        let better = |best: Option<(usize, f64)>, (epoch, score): (usize, &EpochScore)| match best {
            Some((_, f1)) if f1 >= score.score => best,
            _ => Some((epoch, score.score)),
        };
        self.epochs.iter().enumerate().fold(None, better)
    }

    /// Epochs since the best. A run that has found nothing yet has no best epoch to wait behind.
    pub fn epochs_since_best(&self) -> usize {
        self.best().filter(|(_, f1)| *f1 > 0.0).map_or(0, |(epoch, _)| self.epochs.len() - 1 - epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_epoch_is_the_first_of_equals() {
        let epochs = |f1: &[f64]| EpochProgress {
            epochs: f1.iter().map(|&score| EpochScore { loss: 1.0, score }).collect(),
            ..EpochProgress::default()
        };
        assert_eq!((epochs(&[]).best(), epochs(&[]).epochs_since_best()), (None, 0));
        assert_eq!((epochs(&[0.0]).best(), epochs(&[0.0]).epochs_since_best()), (Some((0, 0.0)), 0));
        let progress = epochs(&[0.1, 0.6, 0.6, 0.5]);
        assert_eq!((progress.best(), progress.epochs_since_best()), (Some((1, 0.6)), 2));
    }

    #[test]
    fn progress_that_no_run_makes_is_refused() {
        let progress = |step: u64, f1: &[f64], open: u64| EpochProgress {
            step,
            epochs: f1.iter().map(|&score| EpochScore { loss: 1.0, score }).collect(),
            open: UnfinishedEpoch { steps: open, ..UnfinishedEpoch::default() },
        };
        for good in [
            progress(0, &[], 0),
            progress(7, &[], 7),
            progress(10, &[], 10),
            progress(20, &[0.0, 1.0], 0),
            progress(30, &[0.1, 0.2, 0.3], 0),
        ] {
            assert_eq!(good.check(10, 3), Ok(()));
        }
        for (bad, expected) in [
            (progress(40, &[0.1; 4], 0), "4 epochs are done, and the recipe has 3"),
            (progress(11, &[], 11), "are not 11 steps"),
            (progress(5, &[0.1], 5), "1 epochs of 10 steps and 5 of the next are not 5 steps"),
            (progress(u64::MAX, &[0.1], 3), "are not 18446744073709551615 steps"),
            (progress(20, &[0.1, 313.0], 0), "the score of epoch 2 is 313"),
        ] {
            let error = bad.check(10, 3).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn nobody_waits_for_a_better_score_before_there_is_one() {
        let epochs_since_best = |f1: &[f64]| {
            let epochs = f1.iter().map(|&score| EpochScore { loss: 1.0, score }).collect();
            EpochProgress { epochs, ..EpochProgress::default() }.epochs_since_best()
        };
        assert_eq!(epochs_since_best(&[0.0, 0.0, 0.0, 0.0]), 0);
        assert_eq!(epochs_since_best(&[0.0, 0.0, 0.1]), 0);
        assert_eq!(epochs_since_best(&[0.0, 0.0, 0.1, 0.0, 0.1]), 2);
    }
}
