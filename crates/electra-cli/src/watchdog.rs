//! A thread that says when no batch of this process moves any more.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use electra_kernels::{Pass, Passes, is_in_loop, passes};
use electra_run::record::Seconds;
use electra_run::stall::{Batches, Observation, Stall, StallWatch};

/// Bytes that a line has room for.
const LINE: usize = 512;
/// The time from one look to the next.
const EVERY: Duration = Duration::from_millis(500);
/// The most that one look after the other counts for. Between two that are further apart the whole process
/// stood still: it was stopped from outside (Ctrl-Z, SIGSTOP), which is no stall.
const AT_MOST: Duration = Duration::from_secs(2);

/// Starts the thread, which ends with the process.
///
/// # Errors
/// If the system refuses a thread.
pub fn start() -> io::Result<()> {
    let thread = std::thread::Builder::new().name("watchdog".into());
    thread.spawn(|| {
        let (mut last, mut awake, mut watch) = (Instant::now(), Duration::ZERO, StallWatch::default());
        loop {
            std::thread::sleep(EVERY);
            awake += last.elapsed().min(AT_MOST);
            last = Instant::now();
            if let Some(stall) = watch.observe(awake, &observe()) {
                // Nobody can be told where standard error is closed.
                let _ = write_unallocated(&StallMessage(stall));
            }
        }
    })?;
    Ok(())
}

fn observe() -> Observation<{ Pass::ALL.len() }> {
    let batches = Pass::ALL.map(|pass| {
        let Passes { begun, ended } = passes(pass);
        Batches { begun, ended }
    });
    Observation { batches, in_loop: is_in_loop() }
}

/// Writes a line to standard error without asking for memory: a thread that stands still may have the
/// allocator's lock.
fn write_unallocated(message: &StallMessage) -> io::Result<()> {
    let mut line = [0; LINE];
    let mut rest = &mut line[..];
    writeln!(rest, "{message}")?;
    let length = LINE - rest.len();
    io::stderr().lock().write_all(&line[..length])
}

/// A stall, as it is told.
struct StallMessage(Stall);

impl fmt::Display for StallMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stall { kind, ended, since, usual, in_batch } = self.0;
        let name = match Pass::ALL[kind] {
            Pass::Training => "training step",
            Pass::Evaluation => "batch of the evaluation",
            Pass::Prediction => "batch of the prediction",
            Pass::Detection => "window of the detection",
        };
        let since = Seconds(since.as_secs_f64());
        if in_batch {
            write!(f, "nothing moves: {name} {} has been under way for {since}", ended + 1)?;
        } else {
            write!(f, "nothing moves: {name} {} is over, and for {since} nothing has followed", ended)?;
        }
        if let Some(usual) = usual {
            write!(f, " (usual are {:.2} s for one)", usual.as_secs_f64())?;
        }
        let advice = if in_batch {
            "if this machine is not busy with something else, end the program and start the same command again"
        } else {
            "the program waits for its data or a disk"
        };
        write!(f, "; {advice}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_says_what_stands_still_since_when_and_what_is_usual() {
        let stall = Stall {
            kind: Pass::Evaluation as usize,
            ended: 41,
            since: Duration::from_secs(75),
            usual: Some(Duration::from_millis(1_500)),
            in_batch: true,
        };
        let message = StallMessage(stall).to_string();
        assert!(message.len() < LINE / 2, "{} bytes", message.len());
        assert!(
            message.starts_with(
                "nothing moves: batch of the evaluation 42 has been under way for 1 min 15 s (usual are 1.50 s for one); "
            ),
            "{message}"
        );
        let message = StallMessage(Stall { kind: 0, in_batch: false, usual: None, ..stall }).to_string();
        assert_eq!(
            message,
            "nothing moves: training step 41 is over, and for 1 min 15 s nothing has followed; the program waits \
             for its data or a disk"
        );
    }
}
