//! burn-train's dashboard, driven from our own step loop.

mod epochs;

use std::collections::HashMap;
use std::sync::Arc;

use burn_train::Interrupter;
use burn_train::logger::TrainingProgressLogger;
use burn_train::metric::{
    MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry, SerializedEntry,
};
use burn_train::renderer::tui::TuiMetricsRendererWrapper;
use burn_train::renderer::{MetricState, MetricsRenderer, MetricsRendererTraining};
use electra_pretrain::{Event, Monitor};
use electra_run::interrupt::Interrupt;
use electra_run::record::{EvalRecord, TrainRecord, duration, thousands};

pub use epochs::EpochDashboard;

/// Names of the plots, and whether higher is better.
const METRICS: &[(&str, bool)] = &[
    ("Loss", false),
    ("MLM loss", false),
    ("RTD loss", false),
    ("Learning rate", false),
    ("Gradient norm", false),
    ("Tokens/s", true),
    ("Peak %", true),
    ("RSS MB", false),
    ("ETA", false),
    ("MLM accuracy", true),
    ("Sampled accuracy", true),
    ("RTD accuracy", true),
    ("Fake rate", false),
    ("RTD AUC", true),
    ("RTD precision", true),
    ("RTD recall", true),
    ("RTD loss / H(q)", false),
    ("Prediction loss", false),
    ("Prediction accuracy", true),
];

/// A number on the dashboard: the curve's value and the text beside it.
struct Number {
    name: &'static str,
    value: f64,
    text: String,
}

/// Every number of the [line](electra_run::record::line) of an interval, as it is written there, and
/// the accuracies of its last step.
fn of_training(record: &TrainRecord, seconds_left: f64) -> Vec<Number> {
    let number = |name, value: f64, text: String| Some(Number { name, value, text });
    let share = |name, value: Option<f64>| value.and_then(|value| number(name, value, format!("{value:.3}")));
    [
        number("Loss", record.loss, format!("{:.2}", record.loss)),
        record.mlm_loss.and_then(|loss| number("MLM loss", loss, format!("{loss:.2}"))),
        record.rtd_loss.and_then(|loss| number("RTD loss", loss, format!("{loss:.3}"))),
        record.prediction_loss.and_then(|loss| number("Prediction loss", loss, format!("{loss:.2}"))),
        number("Learning rate", record.learning_rate, format!("{:.2e}", record.learning_rate)),
        number("Gradient norm", record.grad_norm, format!("{:.2}", record.grad_norm)),
        number("Tokens/s", record.tokens_per_second, thousands(record.tokens_per_second.round() as u64)),
        record.peak_fraction.and_then(|part| number("Peak %", 100.0 * part, format!("{:.0}", part * 100.0))),
        number("RSS MB", record.rss_mb, thousands(record.rss_mb.round() as u64)),
        number("ETA", seconds_left, duration(seconds_left)),
        share("MLM accuracy", record.mlm_accuracy),
        share("Sampled accuracy", record.sampled_accuracy),
        share("RTD accuracy", record.rtd_accuracy),
        share("Prediction accuracy", record.prediction_accuracy),
        share("Fake rate", record.fake_rate),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every number of the line of an evaluation.
fn of_evaluation(record: &EvalRecord) -> Vec<Number> {
    let number = |name, value: Option<f64>, digits: usize| {
        value.map(|value| Number { name, value, text: format!("{value:.digits$}") })
    };
    [
        number("Loss", Some(record.loss), 2),
        number("MLM loss", record.mlm_loss, 3),
        number("MLM accuracy", record.mlm_accuracy, 3),
        number("Sampled accuracy", record.sampled_accuracy, 3),
        number("RTD loss", record.rtd_loss, 4),
        number("RTD accuracy", record.rtd_accuracy, 3),
        number("RTD AUC", record.rtd_auc, 3),
        number("RTD precision", record.rtd_precision, 2),
        number("RTD recall", record.rtd_recall, 2),
        number("Prediction loss", record.prediction_loss, 3),
        number("Prediction accuracy", record.prediction_accuracy, 3),
        number("Fake rate", record.fake_rate, 3),
        number("RTD loss / H(q)", record.rtd_loss_over_entropy, 3),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// burn-train's screen with the curves of a run. Closing it asks the run to stop.
struct Screen {
    renderer: TuiMetricsRendererWrapper,
    interrupter: Interrupter,
    interrupt: Interrupt,
    ids: HashMap<&'static str, MetricId>,
}

impl Screen {
    /// Takes over the terminal.
    fn new(interrupt: Interrupt, metrics: &[(&'static str, bool)]) -> Self {
        let interrupter = Interrupter::new();
        let mut renderer = TuiMetricsRendererWrapper::new(interrupter.clone(), None);
        let mut ids = HashMap::new();
        for &(name, higher_is_better) in metrics {
            let id = MetricId::new(Arc::new(name.to_string()));
            renderer.register_metric(MetricDefinition {
                metric_id: id.clone(),
                name: Arc::new(name.to_string()),
                description: None,
                attributes: NumericAttributes { unit: None, higher_is_better }.into(),
            });
            ids.insert(name, id);
        }
        Self { renderer, interrupter, interrupt, ids }
    }

    fn pass_on_closing(&self) {
        if self.interrupter.should_stop() {
            self.interrupt.request();
        }
    }

    fn start(&mut self, step: u64, total_steps: u64) {
        self.renderer.start(1, 1, Some(total_steps as usize), Some("step"));
        self.renderer.start_split("train", total_steps as usize);
        self.renderer.update_split(step as usize);
    }

    fn step(&mut self, step: u64) {
        self.renderer.update_split(step as usize);
    }

    fn note(&mut self, message: String) {
        self.renderer.log_event_training(message);
    }

    fn show_training(&mut self, numbers: Vec<Number>) {
        for number in numbers {
            let state = self.state(number);
            self.renderer.update_train(state);
        }
    }

    fn show_held_out(&mut self, numbers: Vec<Number>) {
        for number in numbers {
            let state = self.state(number);
            self.renderer.update_valid(state);
        }
    }

    fn state(&self, Number { name, value, text }: Number) -> MetricState {
        let entry = SerializedEntry::new(text, value.to_string());
        MetricState::Numeric(
            MetricEntry::new(self.ids[name].clone(), entry),
            Some(NumericEntry::Value(value)),
        )
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.renderer.end_split();
        self.renderer.end();
    }
}

/// The dashboard of pretraining.
pub struct Dashboard(Screen);

impl Dashboard {
    /// Takes over the terminal.
    pub fn new(interrupt: Interrupt) -> Self {
        Self(Screen::new(interrupt, METRICS))
    }
}

impl electra_train::Monitor for Dashboard {
    fn stepped(&mut self, step: u64) {
        self.0.pass_on_closing();
        self.0.step(step);
    }

    fn saved(&mut self, _step: u64) {
        self.0.note("checkpoint".to_string());
    }

    fn note(&mut self, _step: u64, message: &str) {
        self.0.pass_on_closing();
        self.0.note(message.to_string());
    }
}

impl Monitor for Dashboard {
    fn on(&mut self, event: Event<'_>) {
        let screen = &mut self.0;
        screen.pass_on_closing();
        match event {
            Event::Started { step, total_steps, .. } => screen.start(step, total_steps),
            Event::Trained { record, seconds_left, .. } => {
                screen.show_training(of_training(record, seconds_left));
            }
            Event::Evaluated { record, .. } => screen.show_held_out(of_evaluation(record)),
            Event::Evaluating { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use electra_run::record::line;

    use super::*;
    use crate::watch::evaluation;

    /// The numbers of a line, the step left out, which the dashboard's progress bar shows.
    fn numbers(line: &str) -> Vec<String> {
        let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        let words = line.split([' ', '(', ')', '%']).filter(is_number);
        words.map(|word| word.trim_end_matches(',').to_owned()).collect()
    }

    #[track_caller]
    fn assert_shows(shown: &[Number], line: &str) {
        let words: Vec<&str> = shown.iter().flat_map(|number| number.text.split(' ')).collect();
        for number in numbers(line) {
            assert!(words.contains(&number.as_str()), "{number} of {line:?} is not among {words:?}");
        }
        for Number { name, .. } in shown {
            assert!(METRICS.iter().any(|metric| metric.0 == *name), "{name} is not registered");
        }
    }

    #[test]
    fn the_dashboard_shows_every_number_of_the_lines() {
        let record = TrainRecord {
            loss: 14.32,
            mlm_loss: Some(5.91),
            rtd_loss: Some(0.168),
            learning_rate: 4.8e-4,
            grad_norm: 0.93,
            tokens_per_second: 12_345.2,
            peak_fraction: Some(0.41),
            rss_mb: 1_812.4,
            ..TrainRecord::default()
        };
        let line = line(1_200, 10_000, &record, 3_780.0);
        let (_, behind_step) = line.split_once("  loss").unwrap();
        assert_eq!(numbers(behind_step).len(), 10, "{behind_step}");
        assert_shows(&of_training(&record, 3_780.0), behind_step);

        let record = EvalRecord {
            mlm_loss: Some(5.512),
            mlm_accuracy: Some(0.201),
            sampled_accuracy: Some(0.102),
            rtd_loss: Some(0.2103),
            rtd_auc: Some(0.814),
            rtd_precision: Some(0.71),
            rtd_recall: Some(0.32),
            fake_rate: Some(0.133),
            rtd_loss_over_entropy: Some(0.607),
            ..EvalRecord::default()
        };
        let line = evaluation(1_200, &record);
        let (_, behind_step) = line.split_once(": ").unwrap();
        assert_eq!(numbers(behind_step).len(), 9, "{behind_step}");
        assert_shows(&of_evaluation(&record), behind_step);
    }
}
