//! Who watches fine-tuning: a line for each epoch.

use electra_ner::{Event, Monitor};
use electra_run::record::{duration, thousands};

/// One line for each epoch and note, on standard error.
#[derive(Debug, Default)]
pub struct EpochLines;

impl Monitor for EpochLines {
    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::Started { seed, step, steps_per_epoch, epochs } => {
                let from = if step > 0 { format!(" from step {}", thousands(step)) } else { String::new() };
                eprintln!("seed {seed}: {epochs} epochs of {} steps{from}", thousands(steps_per_epoch));
            }
            Event::Epoch { record, epochs, seconds_left } => {
                eprintln!("{}", epoch_line(record, epochs, seconds_left))
            }
            Event::Note { step: 0, message } => eprintln!("note: {message}"),
            Event::Note { step, message } => eprintln!("step {}: note: {message}", thousands(step)),
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
