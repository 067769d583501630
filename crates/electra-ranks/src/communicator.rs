//! What all ranks do together.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::one_process::OneProcess;
use crate::ranks::{RankError, Ranks};

/// The bytes of a message that is longer than those are sent in pieces: MPI counts them in 32 bits.
const PIECE: usize = 1 << 30;

/// All ranks together: what one sends to all, what all tell each other, and the time that goes into that. Every rank
/// calls the same in the same order.
pub struct Communicator<'a> {
    ranks: &'a dyn Ranks,
    spent: Cell<Duration>,
}

impl Communicator<'static> {
    /// A process that trains alone.
    #[must_use]
    pub fn alone() -> Self {
        Self::new(&OneProcess)
    }
}

impl<'a> Communicator<'a> {
    /// The communicator of a rank.
    pub fn new(ranks: &'a dyn Ranks) -> Self {
        Self { ranks, spent: Cell::default() }
    }

    /// The number of this rank, from 0.
    pub fn rank(&self) -> usize {
        self.ranks.rank()
    }

    /// The number of ranks.
    pub fn size(&self) -> usize {
        self.ranks.size()
    }

    /// Whether this is the rank that writes and prints.
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// Whether there are other ranks.
    pub fn is_shared(&self) -> bool {
        self.size() > 1
    }

    /// The time that has been spent in messages, waiting for them among it, since this was last asked.
    pub fn take_spent(&self) -> Duration {
        self.spent.take()
    }

    /// What every rank has to say, by rank, on every rank; or the error of the first rank that has one.
    ///
    /// # Errors
    /// If one of the ranks comes with an error or has ended.
    pub fn gather(&self, own: Result<Vec<u8>, String>) -> Result<Vec<Vec<u8>>, RankError> {
        let all = if self.is_shared() {
            let message = match &own {
                Ok(bytes) => [&[1], bytes.as_slice()].concat(),
                Err(error) => [&[0], error.as_bytes()].concat(),
            };
            self.timed(|| self.collect(message))?
        } else {
            return match own {
                Ok(bytes) => Ok(vec![bytes]),
                Err(message) => Err(RankError::Failed { rank: 0, message }),
            };
        };
        let said = all.into_iter().enumerate().map(|(rank, mut message)| match message.first() {
            Some(1) => Ok(message.split_off(1)),
            _ => {
                let message = String::from_utf8_lossy(message.get(1..).unwrap_or_default()).into_owned();
                Err(RankError::Failed { rank, message })
            }
        });
        said.collect()
    }

    /// Tells the other ranks of an error of this one, where they ask next what each has to say.
    pub fn fail(&self, message: &str) {
        if self.is_shared() {
            // Those who cannot be told any more have ended themselves.
            let _ = self.gather(Err(message.to_owned()));
        }
    }

    /// Asserts that all ranks have the same of each of several things, given as what differs ("another recipe") and a
    /// hash or a name of it.
    ///
    /// # Errors
    /// The first rank that has another than most, and what it is.
    pub fn compare(&self, own: &[(&str, String)]) -> Result<(), RankError> {
        let lines: Vec<&str> = own.iter().map(|(_, value)| value.as_str()).collect();
        let all = self.gather(Ok(lines.join("\n").into_bytes()))?;
        let all: Vec<String> = all.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        let all: Vec<Vec<&str>> = all.iter().map(|lines| lines.split('\n').collect()).collect();
        for (place, (what, _)) in own.iter().enumerate() {
            let values: Vec<&str> =
                all.iter().map(|lines| lines.get(place).copied().unwrap_or("nothing")).collect();
            if let Some((rank, than)) = first_unlike(&values) {
                return Err(RankError::Different {
                    rank,
                    what: (*what).to_owned(),
                    than,
                    found: values[rank].to_owned(),
                    expected: values[than].to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Sends bytes of rank 0 to all.
    ///
    /// # Errors
    /// If another rank has ended.
    pub fn broadcast(&self, own: Vec<u8>) -> Result<Vec<u8>, RankError> {
        self.timed(|| self.broadcast_bytes(own))
    }

    /// Replaces numbers by those of rank 0; all ranks have as many.
    pub(crate) fn broadcast_floats(&self, floats: &mut [f32]) -> Result<(), RankError> {
        self.timed(|| self.spread(bytemuck::cast_slice_mut(floats)))
    }

    pub(crate) fn send_floats(&self, to: usize, floats: &[f32]) -> Result<(), RankError> {
        self.timed(|| self.send(to, bytemuck::cast_slice(floats)))
    }

    pub(crate) fn receive_floats(&self, from: usize, length: usize) -> Result<Vec<f32>, RankError> {
        self.timed(|| {
            let mut floats = vec![0.0; length];
            self.receive(from, bytemuck::cast_slice_mut(&mut floats))?;
            Ok(floats)
        })
    }

    fn timed<T>(&self, f: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = f();
        self.spent.set(self.spent.get() + begun.elapsed());
        result
    }

    fn send(&self, to: usize, message: &[u8]) -> Result<(), RankError> {
        message.chunks(PIECE).try_for_each(|piece| self.ranks.send(to, piece))
    }

    fn receive(&self, from: usize, message: &mut [u8]) -> Result<(), RankError> {
        message.chunks_mut(PIECE).try_for_each(|piece| self.ranks.receive(from, piece))
    }

    /// Sends a message with its length in front.
    fn send_any(&self, to: usize, message: &[u8]) -> Result<(), RankError> {
        self.send(to, &(message.len() as u64).to_le_bytes())?;
        self.send(to, message)
    }

    fn receive_any(&self, from: usize) -> Result<Vec<u8>, RankError> {
        let mut length = [0; 8];
        self.receive(from, &mut length)?;
        let mut message = vec![0; u64::from_le_bytes(length) as usize];
        self.receive(from, &mut message)?;
        Ok(message)
    }

    /// All messages, by rank, on every rank: they go to rank 0, and from there to all.
    fn collect(&self, own: Vec<u8>) -> Result<Vec<Vec<u8>>, RankError> {
        if !self.is_first() {
            self.send_any(0, &own)?;
            return Ok(apart(&self.broadcast_bytes(Vec::new())?));
        }
        let mut all = vec![own];
        for from in 1..self.size() {
            all.push(self.receive_any(from)?);
        }
        self.broadcast_bytes(together(&all))?;
        Ok(all)
    }

    fn broadcast_bytes(&self, own: Vec<u8>) -> Result<Vec<u8>, RankError> {
        let mut length = (own.len() as u64).to_le_bytes();
        self.spread(&mut length)?;
        let mut bytes = own;
        bytes.resize(u64::from_le_bytes(length) as usize, 0);
        self.spread(&mut bytes)?;
        Ok(bytes)
    }

    /// Replaces bytes by those of rank 0, along a binary tree of ranks: whoever has them sends them on.
    fn spread(&self, bytes: &mut [u8]) -> Result<(), RankError> {
        let (rank, size) = (self.rank(), self.size());
        let mut width = size.next_power_of_two();
        while width > 1 {
            width /= 2;
            match rank % (2 * width) {
                0 if rank + width < size => self.send(rank + width, bytes)?,
                place if place == width => self.receive(rank - width, bytes)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The first value that differs from what most have, and where one of those stands: with as many of each, the values
/// of the ranks before are right.
#[must_use]
pub fn first_unlike<T: PartialEq>(values: &[T]) -> Option<(usize, usize)> {
    let count = |value: &T| values.iter().filter(|other| *other == value).count();
    let (mut usual, mut most) = (0, 0);
    for (rank, value) in values.iter().enumerate() {
        if count(value) > most {
            (usual, most) = (rank, count(value));
        }
    }
    values.iter().position(|value| *value != values[usual]).map(|rank| (rank, usual))
}

/// Messages one behind the other, each with its length in front.
fn together(messages: &[Vec<u8>]) -> Vec<u8> {
    messages
        .iter()
        .flat_map(|message| (message.len() as u64).to_le_bytes().into_iter().chain(message.iter().copied()))
        .collect()
}

/// The messages of [`together`].
fn apart(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<8>() {
        let (message, rest) = rest.split_at((u64::from_le_bytes(*length) as usize).min(rest.len()));
        messages.push(message.to_vec());
        bytes = rest;
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_that_differs_from_most_is_named() {
        assert_eq!(first_unlike(&["a", "a", "a"]), None);
        assert_eq!(first_unlike(&["a"]), None);
        assert_eq!(first_unlike(&["a", "b"]), Some((1, 0)));
        assert_eq!(first_unlike(&["b", "a", "a"]), Some((0, 1)));
        assert_eq!(first_unlike(&["a", "a", "b", "a"]), Some((2, 0)));
    }
}
