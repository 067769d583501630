//! The dashboard of fine-tuning: a point for each epoch.

use electra_run::interrupt::Interrupt;
use electra_run::metric::Metric;
use electra_run::record::duration;
use electra_train::{EpochEvent, EpochMonitor, EpochRecord};

use super::{ETA, Number, Screen, of_scalars, plots};

/// The dashboard. Seeds follow one another on it.
pub struct EpochDashboard(Screen);

impl EpochDashboard {
    /// Takes over the terminal.
    pub fn new(interrupt: Interrupt, metrics: &'static [Metric]) -> Self {
        Self(Screen::new(interrupt, &plots(metrics)))
    }
}

impl electra_train::Monitor for EpochDashboard {
    fn step_done(&mut self, step: u64) {
        self.0.pass_on_closing();
        self.0.step(step);
    }

    fn note(&mut self, _step: u64, message: &str) {
        self.0.pass_on_closing();
        self.0.note(message.to_owned());
    }
}

impl EpochMonitor for EpochDashboard {
    fn on(&mut self, event: EpochEvent<'_>) {
        let screen = &mut self.0;
        screen.pass_on_closing();
        match event {
            EpochEvent::Started { seed, step, steps_per_epoch, epochs } => {
                screen.start(step, steps_per_epoch * epochs as u64);
                screen.note(format!("seed {seed}"));
            }
            EpochEvent::Epoch { record, seconds_left, .. } => {
                screen.show_training(of_training(record, seconds_left));
                screen.show_held_out(of_evaluation(record));
            }
            EpochEvent::Evaluating { .. } => {}
        }
    }
}

/// Every number of the line of an epoch that is about training, and the others that were measured.
fn of_training(record: &EpochRecord, seconds_left: f64) -> Vec<Number> {
    let own = record.scalars.iter().copied().filter(|(metric, _)| metric.is_trained());
    let mut numbers = of_scalars(own, |metric| metric.in_training);
    numbers.push(Number { name: ETA, value: seconds_left, text: duration(seconds_left) });
    numbers
}

/// Every number of the line of an epoch that is about the development data, and the others.
fn of_evaluation(record: &EpochRecord) -> Vec<Number> {
    let own = record.scalars.iter().copied().filter(|(metric, _)| metric.is_evaluated());
    of_scalars(own, |metric| metric.in_evaluation)
}

#[cfg(test)]
mod tests {
    use electra_ner::{METRICS, TaggerMetrics};
    use electra_run::metric::Scalars;

    use super::*;
    use crate::watch::epochs::epoch_line;

    #[test]
    fn the_dashboard_shows_every_number_of_the_line() {
        let scalars = Scalars::<TaggerMetrics>::default()
            .with("loss", 0.1234)
            .with("dev_precision", 0.61)
            .with("dev_recall", 0.581)
            .with("dev_f1", 0.595)
            .with("dev_token_accuracy", 0.93)
            .with("learning_rate", 8e-4)
            .with("grad_norm", 1.5)
            .with("words_per_second", 12_345.6)
            .with("dev_seconds", 0.5)
            .with("rss_mb", f64::NAN);
        let record = EpochRecord::new(3, true, &scalars);
        let shown: Vec<Number> =
            of_training(&record, 20.0).into_iter().chain(of_evaluation(&record)).collect();
        let line = epoch_line(&record, 10, 20.0);
        let (_, behind_epoch) = line.split_once("loss").unwrap();
        let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        let words: Vec<&str> = shown.iter().flat_map(|number| number.text.split(' ')).collect();
        let numbers: Vec<&str> = behind_epoch.split(' ').filter(is_number).collect();
        assert_eq!(numbers.len(), 7, "{behind_epoch}");
        for number in numbers {
            assert!(words.contains(&number), "{number} of {line:?} is not among {words:?}");
        }
        for Number { name, .. } in shown {
            assert!(plots(METRICS).iter().any(|plot| plot.0 == name), "{name} is not registered");
        }
    }
}
