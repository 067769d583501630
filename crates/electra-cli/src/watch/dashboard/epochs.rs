//! The dashboard of fine-tuning: a point for each epoch.

use electra_ner::{EpochRecord, Event, Monitor};
use electra_run::interrupt::Interrupt;
use electra_run::record::{duration, thousands};

use super::{Number, Screen};

/// Names of the plots, and whether higher is better.
const METRICS: &[(&str, bool)] = &[
    ("Loss", false),
    ("F1", true),
    ("Precision", true),
    ("Recall", true),
    ("Token accuracy", true),
    ("Learning rate", false),
    ("Gradient norm", false),
    ("Words/s", true),
    ("ETA", false),
];

/// The dashboard. Seeds follow one another on it.
pub struct EpochDashboard(Screen);

impl EpochDashboard {
    /// Takes over the terminal.
    pub fn new(interrupt: Interrupt) -> Self {
        Self(Screen::new(interrupt, METRICS))
    }
}

impl electra_train::Monitor for EpochDashboard {
    fn stepped(&mut self, step: u64) {
        self.0.pass_on_closing();
        self.0.step(step);
    }

    fn note(&mut self, _step: u64, message: &str) {
        self.0.pass_on_closing();
        self.0.note(message.to_owned());
    }
}

impl Monitor for EpochDashboard {
    fn on(&mut self, event: Event<'_>) {
        let screen = &mut self.0;
        screen.pass_on_closing();
        match event {
            Event::Started { seed, step, steps_per_epoch, epochs } => {
                screen.start(step, steps_per_epoch * epochs as u64);
                screen.note(format!("seed {seed}"));
            }
            Event::Epoch { record, seconds_left, .. } => {
                screen.show_training(of_training(record, seconds_left));
                screen.show_held_out(of_evaluation(record));
            }
            Event::Evaluating { .. } => {}
        }
    }
}

/// Every number of the line of an epoch that is about training.
fn of_training(record: &EpochRecord, seconds_left: f64) -> Vec<Number> {
    let number = |name, value: f64, text: String| Number { name, value, text };
    let mut numbers = vec![
        number("Loss", record.loss, format!("{:.4}", record.loss)),
        number("Learning rate", record.learning_rate, format!("{:.2e}", record.learning_rate)),
        number("Gradient norm", record.grad_norm, format!("{:.2}", record.grad_norm)),
        number("ETA", seconds_left, duration(seconds_left)),
    ];
    let words = record.words_per_second;
    numbers.extend(words.map(|words| number("Words/s", words, thousands(words as u64))));
    numbers
}

/// Every number of the line of an epoch that is about the development data.
fn of_evaluation(record: &EpochRecord) -> Vec<Number> {
    [
        ("F1", record.dev_f1),
        ("Precision", record.dev_precision),
        ("Recall", record.dev_recall),
        ("Token accuracy", record.dev_token_accuracy),
    ]
    .into_iter()
    .map(|(name, share)| Number { name, value: 100.0 * share, text: format!("{:.2}", 100.0 * share) })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::epochs::epoch_line;

    #[test]
    fn the_dashboard_shows_every_number_of_the_line() {
        let record = EpochRecord {
            epoch: 3,
            loss: 0.1234,
            dev_precision: 0.61,
            dev_recall: 0.581,
            dev_f1: 0.595,
            dev_token_accuracy: 0.93,
            is_best: true,
            learning_rate: 8e-4,
            grad_norm: 1.5,
            words_per_second: Some(12_345.6),
            dev_seconds: 0.5,
            rss_mb: None,
        };
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
            assert!(METRICS.iter().any(|metric| metric.0 == name), "{name} is not registered");
        }
    }
}
