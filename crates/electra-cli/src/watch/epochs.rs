//! Who watches fine-tuning: a line for each epoch.

use electra_ner::{Event, Monitor};
use electra_run::interrupt::Interrupt;
use electra_run::record::{duration, thousands};

use crate::output;

/// One line for each epoch and note, on standard error. When nobody reads them any more the run is
/// asked to save and end.
#[derive(Debug)]
pub struct EpochLines {
    interrupt: Interrupt,
}

impl EpochLines {
    /// Lines of a run that this interrupt ends.
    pub fn new(interrupt: &Interrupt) -> Self {
        Self { interrupt: interrupt.clone() }
    }

    fn say(&self, line: &str) {
        if output::is_closed(&output::tell(format_args!("{line}"))) {
            self.interrupt.request();
        }
    }
}

impl Monitor for EpochLines {
    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::Started { seed, step, steps_per_epoch, epochs } => {
                let from = if step > 0 { format!(" from step {}", thousands(step)) } else { String::new() };
                self.say(&format!(
                    "seed {seed}: {epochs} epochs of {} steps{from}",
                    thousands(steps_per_epoch)
                ));
            }
            Event::Epoch { record, epochs, seconds_left } => {
                self.say(&epoch_line(record, epochs, seconds_left));
            }
            Event::Note { step: 0, message } => self.say(&format!("note: {message}")),
            Event::Note { step, message } => self.say(&format!("step {}: note: {message}", thousands(step))),
            Event::Stepped { .. } => {}
        }
    }
}

/// ```text
/// epoch  3/10  loss 0.1234  dev P 61.23 R 58.10 F1 59.62 *  lr 8.00e-4  12,345 words/s  ETA 20 s
/// ```
/// The star marks an epoch that is better than all before it.
pub fn epoch_line(record: &electra_ner::EpochRecord, epochs: usize, seconds_left: f64) -> String {
    let width = epochs.to_string().len();
    let speed = record
        .words_per_second
        .map_or(String::new(), |speed| format!("  {} words/s", thousands(speed as u64)));
    format!(
        "epoch {:>width$}/{epochs}  loss {:.4}  dev P {:.2} R {:.2} F1 {:.2} {}  lr {:.2e}{speed}  ETA {}",
        record.epoch,
        record.loss,
        100.0 * record.dev_precision,
        100.0 * record.dev_recall,
        100.0 * record.dev_f1,
        if record.is_best { '*' } else { ' ' },
        record.learning_rate,
        duration(seconds_left),
    )
}
