//! Messages that are slowed down on purpose, as a network would.

use std::thread;
use std::time::Duration;

use crate::network::Network;
use crate::ranks::{RankError, Ranks};

/// Ranks whose messages take at least as long as a network takes: who receives waits as long once the message is
/// there.
pub struct Slowed<R> {
    ranks: R,
    network: Network,
}

impl<R: Ranks> Slowed<R> {
    /// Slows messages down to a network.
    pub fn new(ranks: R, network: Network) -> Self {
        Self { ranks, network }
    }
}

impl<R: Ranks> Ranks for Slowed<R> {
    fn rank(&self) -> usize {
        self.ranks.rank()
    }

    fn size(&self) -> usize {
        self.ranks.size()
    }

    fn send(&self, to: usize, message: &[u8]) -> Result<(), RankError> {
        self.ranks.send(to, message)
    }

    fn receive(&self, from: usize, message: &mut [u8]) -> Result<(), RankError> {
        self.ranks.receive(from, message)?;
        thread::sleep(Duration::from_secs_f64(self.network.seconds(message.len())));
        Ok(())
    }
}

impl<R: Ranks + ?Sized> Ranks for Box<R> {
    fn rank(&self) -> usize {
        (**self).rank()
    }

    fn size(&self) -> usize {
        (**self).size()
    }

    fn send(&self, to: usize, message: &[u8]) -> Result<(), RankError> {
        (**self).send(to, message)
    }

    fn receive(&self, from: usize, message: &mut [u8]) -> Result<(), RankError> {
        (**self).receive(from, message)
    }
}
