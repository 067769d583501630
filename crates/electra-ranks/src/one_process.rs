//! A process alone.

use crate::ranks::{RankError, Ranks};

/// A process that trains alone: rank 0 of 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneProcess;

impl Ranks for OneProcess {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn send(&self, to: usize, _: &[u8]) -> Result<(), RankError> {
        panic!("a message to rank {to} of one process")
    }

    fn receive(&self, from: usize, _: &mut [u8]) -> Result<(), RankError> {
        panic!("a message of rank {from} of one process")
    }
}
