//! The display of fine-tuning: a line for each epoch, and one at least every ten seconds.

use std::time::{Duration, Instant};

use electra_run::interrupt::Interrupt;
use electra_run::metric::phrases;
use electra_run::record::{duration, thousands};
use electra_train::{EpochEvent, EpochMonitor, EpochRecord};

use super::heartbeat::MAX_SILENCE;
use super::pace::Pace;
use super::printer::{LinePrinter, Sink, note, standard_error};

/// One line for each epoch and note, and what goes on between them, on standard error. When nobody
/// reads them any more the run is asked to save and end.
pub struct EpochLines {
    printer: LinePrinter,
    clock: Instant,
    pace: Option<Pace>,
}

impl EpochLines {
    /// Lines of a run that this interrupt ends.
    pub fn new(interrupt: &Interrupt) -> Self {
        Self::to(standard_error(interrupt), MAX_SILENCE)
    }

    fn to(sink: Sink, silence: Duration) -> Self {
        Self {
            printer: LinePrinter::new(sink, "preparing the data", silence),
            clock: Instant::now(),
            pace: None,
        }
    }

    fn print(&self, line: &str) {
        self.printer.print(line);
    }

    fn progress(&self, what: &str) {
        let eta = self.pace.as_ref().map(|pace| (pace.place(), pace.eta(self.clock.elapsed().as_secs_f64())));
        self.printer.heartbeat.progress(match eta {
            Some((place, eta)) => format!("{place}  {what}  {eta}"),
            None => what.to_owned(),
        });
    }
}

impl electra_train::Monitor for EpochLines {
    fn step_done(&mut self, step: u64) {
        let Some(pace) = &mut self.pace else { return };
        pace.step_done(step, self.clock.elapsed().as_secs_f64());
        let what = format!("step {}/{}", thousands(pace.step_of_epoch()), thousands(pace.steps_per_epoch()));
        self.progress(&what);
    }

    fn note(&mut self, step: u64, message: &str) {
        self.print(&note(step, message));
    }
}

impl EpochMonitor for EpochLines {
    fn on(&mut self, event: EpochEvent<'_>) {
        let now = self.clock.elapsed().as_secs_f64();
        match event {
            EpochEvent::Started { seed, step, steps_per_epoch, epochs } => {
                let from = if step > 0 { format!(" from step {}", thousands(step)) } else { String::new() };
                self.print(&format!(
                    "seed {seed}: {epochs} epochs of {} steps{from}",
                    thousands(steps_per_epoch)
                ));
                self.pace = Some(Pace::new(step, steps_per_epoch, epochs, now));
                self.printer.heartbeat.stage("the first step");
            }
            EpochEvent::Evaluating { split, done, total } => {
                let count = format!("window {}/{}", thousands(done as u64), thousands(total as u64));
                match &mut self.pace {
                    Some(pace) if !pace.is_trained() => {
                        pace.evaluating(done as f64 / total.max(1) as f64);
                        self.progress(&format!("evaluating {split}, {count}"));
                    }
                    // All epochs are done, and how long the rest takes was not foretold.
                    _ => self.printer.heartbeat.progress(format!("scoring {split}, {count}")),
                }
            }
            EpochEvent::Epoch { record, epochs, seconds_left } => {
                if let Some(pace) = &mut self.pace {
                    pace.evaluated(record.epoch, now);
                }
                self.print(&epoch_line(record, epochs, seconds_left));
                let is_last = record.epoch == epochs;
                self.printer.heartbeat.stage(if is_last {
                    "scoring the best epoch"
                } else {
                    "saving the epoch"
                });
            }
        }
    }
}

/// ```text
/// epoch  3/10 *  loss 0.1234  dev P 61.23  R 58.10  F1 59.62  lr 8.00e-4  12,345 words/s  ETA 20 s
/// ```
/// The star marks an epoch that is better than all before it.
pub fn epoch_line(record: &EpochRecord, epochs: usize, seconds_left: f64) -> String {
    format!(
        "epoch {:>width$}/{epochs} {}  {}  ETA {}",
        record.epoch,
        if record.is_best { '*' } else { ' ' },
        phrases(record.scalars.iter().copied(), |metric| metric.in_training.or(metric.in_evaluation), ", "),
        duration(seconds_left),
        width = epochs.to_string().len(),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn lines_come_within_an_epoch_during_its_evaluation_and_before_the_first_step() {
        let (say, said) = mpsc::channel();
        let say = Mutex::new(say);
        let sink: Sink = Arc::new(move |line| say.lock().unwrap().send(line.to_owned()).unwrap());
        let mut lines = EpochLines::to(sink, Duration::from_millis(10));
        // Nothing but the clock makes the run speak: each part of it lasts until it was heard of.
        let hear = |part: &str| {
            let patience = Duration::from_secs(60);
            while !said.recv_timeout(patience).expect("a line").contains(part) {}
        };
        hear("preparing the data, ");
        lines.on(EpochEvent::Started { seed: 1, step: 0, steps_per_epoch: 10, epochs: 2 });
        hear("the first step, ");
        electra_train::Monitor::step_done(&mut lines, 3);
        hear("epoch 1/2  step 3/10  ETA over ");
        lines.on(EpochEvent::Evaluating { split: "dev", done: 4, total: 1_000 });
        hear("epoch 1/2  evaluating dev, window 4/1,000  ETA ");
    }
}
