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
use electra_pretrain::metrics::table::{Better, Format, METRICS, Metric, Phrase};
use electra_pretrain::metrics::{EvalRecord, TrainRecord};
use electra_pretrain::{Event, Monitor};
use electra_run::interrupt::Interrupt;
use electra_run::record::duration;

pub use epochs::EpochDashboard;

/// The time that is left, which is no metric of the table.
const ETA: &str = "ETA";

/// Names of the plots, and whether higher is better.
fn plots(metrics: &'static [Metric]) -> Vec<(&'static str, bool)> {
    let of_table = metrics.iter().map(|metric| (metric.title, metric.better == Better::Higher));
    of_table.chain([(ETA, false)]).collect()
}

/// A number on the dashboard: the curve's value and the text beside it.
struct Number {
    name: &'static str,
    value: f64,
    text: String,
}

/// Every number of the [line](electra_pretrain::progress::line) of an interval, as it is written there, and
/// the others that were measured.
fn of_training(record: &TrainRecord, seconds_left: f64) -> Vec<Number> {
    let mut numbers = of_scalars(record.scalars.iter(), |metric| metric.in_training);
    numbers.push(Number { name: ETA, value: seconds_left, text: duration(seconds_left) });
    numbers
}

/// Every number of the line of an evaluation, and the others that were measured.
fn of_evaluation(record: &EvalRecord) -> Vec<Number> {
    of_scalars(record.scalars.iter(), |metric| metric.in_evaluation)
}

fn of_scalars(
    scalars: impl Iterator<Item = (&'static Metric, f64)>,
    phrase: impl Fn(&Metric) -> Option<Phrase>,
) -> Vec<Number> {
    let number = |(metric, value): (&'static Metric, f64)| {
        let format = phrase(metric).map_or(metric.format, |phrase| phrase.format);
        format.can_write(value).then(|| {
            let plotted = if matches!(format, Format::Percent(_)) { 100.0 * value } else { value };
            Number { name: metric.title, value: plotted, text: format.write(value) }
        })
    };
    scalars.filter_map(number).collect()
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
        Self(Screen::new(interrupt, &plots(METRICS)))
    }
}

impl electra_train::Monitor for Dashboard {
    fn step_done(&mut self, step: u64) {
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
    use electra_pretrain::metrics::Scalars;
    use electra_pretrain::progress::{evaluation, line};

    use super::*;

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
            assert!(plots(METRICS).iter().any(|plot| plot.0 == *name), "{name} is not registered");
        }
    }

    #[test]
    fn the_dashboard_shows_every_number_of_the_lines() {
        let scalars = Scalars::default()
            .with("loss", 14.32)
            .with("mlm_loss", 5.91)
            .with("rtd_loss", 0.168)
            .with("learning_rate", 4.8e-4)
            .with("grad_norm", 0.93)
            .with("tokens_per_second", 12_345.2)
            .with("peak_fraction", 0.41)
            .with("rss_mb", 1_812.4);
        let record = TrainRecord { scalars, ..TrainRecord::default() };
        let line = line(1_200, 10_000, &record, 3_780.0);
        let (_, behind_step) = line.split_once("  loss").unwrap();
        assert_eq!(numbers(behind_step).len(), 10, "{behind_step}");
        assert_shows(&of_training(&record, 3_780.0), behind_step);

        let scalars = Scalars::default()
            .with("mlm_loss", 5.512)
            .with("mlm_accuracy", 0.201)
            .with("sampled_accuracy", 0.102)
            .with("rtd_loss", 0.2103)
            .with("rtd_auc", 0.814)
            .with("rtd_precision", 0.71)
            .with("rtd_recall", 0.32)
            .with("fake_rate", 0.133)
            .with("rtd_loss_over_entropy", 0.607);
        let record = EvalRecord { scalars, ..EvalRecord::default() };
        let line = evaluation(1_200, &record);
        let (_, behind_step) = line.split_once(": ").unwrap();
        assert_eq!(numbers(behind_step).len(), 9, "{behind_step}");
        assert_shows(&of_evaluation(&record), behind_step);
    }
}
