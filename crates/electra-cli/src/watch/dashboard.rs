//! burn-train's dashboard, driven from our own step loop.

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

/// Names of the plots, and whether higher is better.
const METRICS: &[(&str, bool)] = &[
    ("Loss", false),
    ("MLM loss", false),
    ("RTD loss", false),
    ("Learning rate", false),
    ("Gradient norm", false),
    ("Tokens/s", true),
    ("RTD AUC", true),
    ("RTD recall", true),
    ("RTD loss / H(q)", false),
];

/// The dashboard. Closing it asks the run to stop.
pub struct Dashboard {
    renderer: TuiMetricsRendererWrapper,
    interrupter: Interrupter,
    interrupt: Interrupt,
    ids: HashMap<&'static str, MetricId>,
}

impl Dashboard {
    /// Takes over the terminal.
    pub fn new(interrupt: Interrupt) -> Self {
        let interrupter = Interrupter::new();
        let mut renderer = TuiMetricsRendererWrapper::new(interrupter.clone(), None);
        let mut ids = HashMap::new();
        for &(name, higher_is_better) in METRICS {
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

    fn state(&self, name: &'static str, value: f64) -> MetricState {
        let text =
            if value != 0.0 && value.abs() < 1e-2 { format!("{value:.3e}") } else { format!("{value:.4}") };
        let entry = SerializedEntry::new(text, value.to_string());
        MetricState::Numeric(
            MetricEntry::new(self.ids[name].clone(), entry),
            Some(NumericEntry::Value(value)),
        )
    }
}

impl Monitor for Dashboard {
    fn on(&mut self, event: Event<'_>) {
        if self.interrupter.should_stop() {
            self.interrupt.request();
        }
        match event {
            Event::Started { step, total_steps, .. } => {
                self.renderer.start(1, 1, Some(total_steps as usize), Some("step"));
                self.renderer.start_split("train", total_steps as usize);
                self.renderer.update_split(step as usize);
            }
            Event::Stepped { step } => self.renderer.update_split(step as usize),
            Event::Trained { record, .. } => {
                for (name, value) in [
                    ("Loss", record.loss),
                    ("MLM loss", record.mlm_loss),
                    ("RTD loss", record.rtd_loss),
                    ("Learning rate", record.learning_rate),
                    ("Gradient norm", record.grad_norm),
                    ("Tokens/s", record.tokens_per_second),
                ] {
                    let state = self.state(name, value);
                    self.renderer.update_train(state);
                }
            }
            Event::Evaluated { record, .. } => {
                for (name, value) in [
                    ("Loss", record.loss),
                    ("MLM loss", record.mlm_loss),
                    ("RTD loss", record.rtd_loss),
                    ("RTD AUC", record.rtd_auc),
                    ("RTD recall", record.rtd_recall),
                    ("RTD loss / H(q)", record.rtd_loss_over_entropy),
                ] {
                    let state = self.state(name, value);
                    self.renderer.update_valid(state);
                }
            }
            Event::Note { message, .. } => self.renderer.log_event_training(message.to_string()),
            Event::Saved { .. } => self.renderer.log_event_training("checkpoint".to_string()),
        }
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.renderer.end_split();
        self.renderer.end();
    }
}
