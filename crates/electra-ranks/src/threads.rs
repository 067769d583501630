//! The threads of one process as ranks, with channels for their messages: what tests train with where no MPI is.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::ranks::{RankError, Ranks};

/// A thread among those of [`run`].
#[derive(Debug)]
pub struct ThreadRank {
    rank: usize,
    /// To each rank.
    to: Vec<Sender<Vec<u8>>>,
    /// From each rank.
    from: Vec<Receiver<Vec<u8>>>,
}

impl Ranks for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn send(&self, to: usize, message: &[u8]) -> Result<(), RankError> {
        self.to[to].send(message.to_vec()).map_err(|_| RankError::Ended { rank: to, place: None })
    }

    fn receive(&self, from: usize, message: &mut [u8]) -> Result<(), RankError> {
        let received = self.from[from].recv().map_err(|_| RankError::Ended { rank: from, place: None })?;
        let (found, expected) = (received.len(), message.len());
        if found != expected {
            return Err(RankError::Length { rank: from, found, expected });
        }
        message.copy_from_slice(&received);
        Ok(())
    }
}

/// Runs `work` on `size` threads, each a rank, and returns what each of them came to, by rank. A thread that ends
/// before the others is to them a rank that has ended.
///
/// # Panics
/// If one of the threads panics.
pub fn run<T: Send>(size: usize, work: impl Fn(ThreadRank) -> T + Sync) -> Vec<T> {
    let mut ranks: Vec<ThreadRank> =
        (0..size).map(|rank| ThreadRank { rank, to: Vec::new(), from: Vec::new() }).collect();
    for from in 0..size {
        for to in 0..size {
            let (sender, receiver) = channel();
            ranks[from].to.push(sender);
            // Of each rank in order, as the outer loop goes over those who send.
            ranks[to].from.push(receiver);
        }
    }
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = ranks.into_iter().map(|rank| scope.spawn(move || work(rank))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a rank that does not panic")).collect()
    })
}
