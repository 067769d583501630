//! Which sequences make a step: a function of seed and epoch.
//!
//! Sequences of like length go together, so that little padding is computed: an epoch's order is cut
//! into pools of a few batches, each pool is sorted by length and cut into batches, and the batches
//! are shuffled again.

use electra_run::epoch_shuffle::EpochShuffle;
use electra_run::seed::{Purpose, derive};

/// Batches that are sorted by length together.
const POOL: usize = 16;

/// The batches of every epoch of a run, of sequences with these lengths.
#[derive(Clone, Debug)]
pub struct LengthBatches {
    lengths: Vec<u32>,
    batch_size: usize,
    seed: u64,
}

impl LengthBatches {
    /// Batches of `batch_size` sequences.
    ///
    /// # Panics
    /// If there are no sequences or the batch has no room.
    #[must_use]
    pub fn new(lengths: Vec<u32>, batch_size: usize, seed: u64) -> Self {
        assert!(
            !lengths.is_empty() && batch_size > 0,
            "{} sequences in batches of {batch_size}",
            lengths.len()
        );
        Self { lengths, batch_size, seed }
    }

    /// Steps of an epoch.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.lengths.len().div_ceil(self.batch_size) as u64
    }

    /// The batches of epoch `epoch`, counted from 0: the numbers of their sequences.
    #[must_use]
    pub fn of_epoch(&self, epoch: u64) -> Vec<Vec<u32>> {
        let n = self.lengths.len();
        let order = EpochShuffle::new(self.seed, n);
        let number = |at| u32::try_from(order.index(epoch * n as u64 + at)).expect("as many as lengths");
        let mut order: Vec<u32> = (0..n as u64).map(number).collect();
        for pool in order.chunks_mut(self.batch_size.saturating_mul(POOL)) {
            pool.sort_by_key(|&sequence| std::cmp::Reverse(self.lengths[sequence as usize]));
        }
        // A pool is a number of batches, all of them full but the last of the last pool.
        let batches: Vec<&[u32]> = order.chunks(self.batch_size).collect();
        // Otherwise every pool would begin with its longest sequences.
        let shuffled = EpochShuffle::new(derive(self.seed, Purpose::Order, epoch), batches.len());
        (0..batches.len() as u64).map(|at| batches[shuffled.index(at)].to_vec()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_has_every_sequence_once_and_like_lengths_together() {
        let lengths: Vec<u32> = (0..130).map(|n| 8 + (n * 37) % 96).collect();
        let batches = LengthBatches::new(lengths.clone(), 8, 3);
        assert_eq!(batches.steps(), 17);
        let epochs = [0, 1].map(|epoch| batches.of_epoch(epoch));
        assert_ne!(epochs[0], epochs[1]);
        for epoch in epochs {
            let longest = |batch: &Vec<u32>| batch.iter().map(|&at| lengths[at as usize]).max().unwrap();
            let padded: u32 = epoch.iter().map(|batch| longest(batch) * batch.len() as u32).sum();
            let all: u32 = lengths.iter().sum();
            assert!(padded < all + all / 10, "{padded} positions for {all} pieces");
            let mut seen = epoch.concat();
            seen.sort_unstable();
            assert_eq!(seen, (0..130).collect::<Vec<_>>());
        }
    }
}
