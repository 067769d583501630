//! Who watches fine-tuning: a line for each epoch, and one at least every ten seconds.

use std::time::{Duration, Instant};

use electra_ner::{Event, Monitor};
use electra_run::interrupt::Interrupt;
use electra_run::record::{duration, thousands};

use super::pace::Pace;
use super::pulse::SILENCE;
use super::sayer::{Sayer, Sink, note, standard_error};

/// One line for each epoch and note, and what goes on between them, on standard error. When nobody
/// reads them any more the run is asked to save and end.
pub struct EpochLines {
    sayer: Sayer,
    clock: Instant,
    pace: Option<Pace>,
}

impl EpochLines {
    /// Lines of a run that this interrupt ends.
    pub fn new(interrupt: &Interrupt) -> Self {
        Self::to(standard_error(interrupt), SILENCE)
    }

    fn to(sink: Sink, silence: Duration) -> Self {
        Self { sayer: Sayer::new(sink, "preparing the data", silence), clock: Instant::now(), pace: None }
    }

    fn say(&self, line: &str) {
        self.sayer.say(line);
    }

    fn progress(&self, what: &str) {
        let eta = self.pace.as_ref().map(|pace| (pace.place(), pace.eta(self.clock.elapsed().as_secs_f64())));
        self.sayer.pulse.progress(match eta {
            Some((place, eta)) => format!("{place}  {what}  {eta}"),
            None => what.to_owned(),
        });
    }
}

impl electra_train::Monitor for EpochLines {
    fn stepped(&mut self, step: u64) {
        let Some(pace) = &mut self.pace else { return };
        pace.stepped(step, self.clock.elapsed().as_secs_f64());
        let what = format!("step {}/{}", thousands(pace.step_of_epoch()), thousands(pace.steps_per_epoch()));
        self.progress(&what);
    }

    fn note(&mut self, step: u64, message: &str) {
        self.say(&note(step, message));
    }
}

impl Monitor for EpochLines {
    fn on(&mut self, event: Event<'_>) {
        let now = self.clock.elapsed().as_secs_f64();
        match event {
            Event::Started { seed, step, steps_per_epoch, epochs } => {
                let from = if step > 0 { format!(" from step {}", thousands(step)) } else { String::new() };
                self.say(&format!(
                    "seed {seed}: {epochs} epochs of {} steps{from}",
                    thousands(steps_per_epoch)
                ));
                self.pace = Some(Pace::new(step, steps_per_epoch, epochs, now));
                self.sayer.pulse.stage("the first step");
            }
            Event::Evaluating { split, done, total } => {
                let count = format!("window {}/{}", thousands(done as u64), thousands(total as u64));
                match &mut self.pace {
                    Some(pace) if !pace.is_trained() => {
                        pace.evaluating(done as f64 / total.max(1) as f64);
                        self.progress(&format!("evaluating {split}, {count}"));
                    }
                    // All epochs are done, and how long the rest takes was not foretold.
                    _ => self.sayer.pulse.progress(format!("scoring {split}, {count}")),
                }
            }
            Event::Epoch { record, epochs, seconds_left } => {
                if let Some(pace) = &mut self.pace {
                    pace.evaluated(record.epoch, now);
                }
                self.say(&epoch_line(record, epochs, seconds_left));
                let is_last = record.epoch == epochs;
                self.sayer.pulse.stage(if is_last { "scoring the best epoch" } else { "saving the epoch" });
            }
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
        lines.on(Event::Started { seed: 1, step: 0, steps_per_epoch: 10, epochs: 2 });
        hear("the first step, ");
        electra_train::Monitor::stepped(&mut lines, 3);
        hear("epoch 1/2  step 3/10  ETA over ");
        lines.on(Event::Evaluating { split: "dev", done: 4, total: 1_000 });
        hear("epoch 1/2  evaluating dev, window 4/1,000  ETA ");
    }
}
