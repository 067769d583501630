//! The speed of fine-tuning, and the time that is left.

use electra_run::record::duration;

/// The times that training and evaluation have taken. Times are seconds from any beginning.
#[derive(Clone, Debug)]
pub struct Pace {
    steps_per_epoch: u64,
    epochs: usize,
    /// Steps done, those of earlier processes included.
    step: u64,
    /// Epochs that are evaluated.
    evaluated: usize,
    /// Steps of this process, and how long they took.
    steps: u64,
    training: f64,
    /// Evaluations of this process, and how long they took.
    evaluations: u64,
    evaluation: f64,
    /// When the evaluation under way began, and how much of it is done.
    open: Option<(f64, f64)>,
    /// When something was counted last.
    last: f64,
}

impl Pace {
    /// A run that has done `step` steps, at the time `now`.
    pub fn new(step: u64, steps_per_epoch: u64, epochs: usize, now: f64) -> Self {
        Self {
            steps_per_epoch,
            epochs,
            step,
            // A checkpoint behind the last step of an epoch is saved when the epoch is evaluated.
            evaluated: (step / steps_per_epoch.max(1)) as usize,
            steps: 0,
            training: 0.0,
            evaluations: 0,
            evaluation: 0.0,
            open: None,
            last: now,
        }
    }

    /// A step is done.
    pub fn step_done(&mut self, step: u64, now: f64) {
        self.step = step;
        self.steps += 1;
        self.training += now - self.last;
        self.last = now;
    }

    /// A share of an evaluation is done.
    pub fn evaluating(&mut self, share: f64) {
        let (begun, _) = self.open.unwrap_or((self.last, 0.0));
        self.open = Some((begun, share));
    }

    /// An epoch is evaluated.
    pub fn evaluated(&mut self, epochs: usize, now: f64) {
        self.evaluated = epochs;
        self.evaluations += 1;
        self.evaluation += now - self.last;
        self.open = None;
        self.last = now;
    }

    /// The epoch that the run is in.
    pub fn place(&self) -> String {
        let epoch = (self.evaluated + 1).min(self.epochs);
        let width = self.epochs.to_string().len();
        format!("epoch {epoch:>width$}/{}", self.epochs)
    }

    /// Steps of the epoch under way that are done.
    pub fn step_of_epoch(&self) -> u64 {
        self.step.saturating_sub(self.evaluated as u64 * self.steps_per_epoch)
    }

    /// Steps of an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// Whether every epoch is evaluated.
    pub fn is_trained(&self) -> bool {
        self.evaluated >= self.epochs
    }

    /// When it will be done, as far as that can be known.
    pub fn eta(&self, now: f64) -> String {
        let steps_left = (self.epochs as u64 * self.steps_per_epoch).saturating_sub(self.step);
        let per_step = (self.steps > 0).then(|| self.training / self.steps as f64);
        let under_way = self.open.filter(|(_, share)| *share > 0.0);
        let per_evaluation = match (self.evaluations, under_way) {
            (0, None) => None,
            (0, Some((begun, share))) => Some((now - begun) / share),
            (count, _) => Some(self.evaluation / count as f64),
        };
        let evaluations_left =
            (self.epochs - self.evaluated) as f64 - self.open.map_or(0.0, |(_, share)| share);
        let training = match (steps_left, per_step) {
            (0, _) => 0.0,
            (left, Some(each)) => left as f64 * each,
            (_, None) => return "ETA ?".to_owned(),
        };
        match per_evaluation {
            Some(each) => format!("ETA {}", duration(training + evaluations_left.max(0.0) * each)),
            None => format!("ETA over {}", duration(training)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_steps_and_evaluations_at_the_pace_of_those_that_are_done() {
        let mut pace = Pace::new(0, 10, 3, 100.0);
        assert_eq!(pace.eta(100.0), "ETA ?");
        for step in 1..=10 {
            pace.step_done(step, 100.0 + 2.0 * step as f64);
        }
        // Twenty steps of 2 s; nobody knows yet what an evaluation takes.
        assert_eq!((pace.place().as_str(), pace.step_of_epoch()), ("epoch 1/3", 10));
        assert_eq!(pace.eta(120.0), "ETA over 40 s");
        pace.evaluating(0.0);
        pace.evaluating(0.5);
        // Half of one in 3 s: 3 s more, and two of 6 s.
        assert_eq!(pace.eta(123.0), "ETA 55 s");
        pace.evaluated(1, 128.0);
        // Two of 8 s.
        assert_eq!((pace.place().as_str(), pace.step_of_epoch()), ("epoch 2/3", 0));
        assert_eq!(pace.eta(128.0), "ETA 56 s");
    }

    #[test]
    fn a_run_that_goes_on_counts_from_where_it_stands() {
        let mut pace = Pace::new(14, 10, 3, 0.0);
        assert_eq!((pace.place().as_str(), pace.step_of_epoch()), ("epoch 2/3", 4));
        pace.step_done(15, 2.0);
        assert_eq!(pace.eta(2.0), "ETA over 30 s");
        let at_an_end = Pace::new(20, 10, 3, 0.0);
        assert_eq!((at_an_end.place().as_str(), at_an_end.step_of_epoch()), ("epoch 3/3", 0));
    }
}
