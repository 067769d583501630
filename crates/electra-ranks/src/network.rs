//! The speed of messages between two ranks.

use std::time::Instant;

use crate::communicator::Communicator;
use crate::ranks::RankError;

/// The speed of a network between two ranks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Bits of a second, in units of 10^9.
    pub gigabits: f64,
    /// Seconds of a message that is empty.
    pub latency: f64,
}

/// Empty messages there and back.
const EMPTY: usize = 50;
/// Long ones, and their numbers.
const LONG: (usize, usize) = (5, 1 << 22);

impl Network {
    /// Seconds of a message of so many bytes.
    #[must_use]
    pub fn seconds(self, bytes: usize) -> f64 {
        self.latency + bytes as f64 * 8.0 / (self.gigabits * 1e9)
    }

    /// Measures the messages between the first rank and the last one, which are on different machines if any are: the
    /// best of several, as what else there is only makes them slower. Every rank has to ask for it.
    ///
    /// # Errors
    /// If another rank has ended.
    ///
    /// # Panics
    /// If there is one rank.
    pub fn measure(communicator: &Communicator<'_>) -> Result<Self, RankError> {
        let (rank, last) = (communicator.rank(), communicator.size() - 1);
        assert!(last > 0, "messages of one rank");
        let there_and_back = |times: usize, length: usize| -> Result<f64, RankError> {
            let (floats, mut best) = (vec![0.0; length], f64::INFINITY);
            for _ in 0..times {
                let begun = Instant::now();
                if rank == 0 {
                    communicator.send_floats(last, &floats)?;
                    let _ = communicator.receive_floats(last, length)?;
                } else if rank == last {
                    let _ = communicator.receive_floats(0, length)?;
                    communicator.send_floats(0, &floats)?;
                }
                best = best.min(begun.elapsed().as_secs_f64());
            }
            Ok(best)
        };
        let latency = there_and_back(EMPTY, 1)? / 2.0;
        let (times, length) = LONG;
        let seconds = there_and_back(times, length)? / 2.0;
        let gigabits = length as f64 * 32.0 / (seconds - latency).max(1e-9) / 1e9;
        let mut measured = [gigabits, latency].map(|number| number as f32);
        communicator.broadcast_floats(&mut measured)?;
        Ok(Self { gigabits: measured[0].into(), latency: measured[1].into() })
    }
}
