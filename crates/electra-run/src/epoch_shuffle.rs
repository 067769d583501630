//! The order of examples in each epoch: a keyed permutation, so that the example at any position
//! of a run is a function of the position.
//!
//! A Feistel network permutes the smallest square power of two that holds `n`; a value outside
//! `0..n` is permuted again until it falls inside (cycle walking, Black and Rogaway 2002). The
//! square is smaller than `4n`, so that takes fewer than four rounds on average.

use crate::seed::{Purpose, derive, mix};

/// The order in which a run reads `n` examples, epoch after epoch, each of them once an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochShuffle {
    run_seed: u64,
    n: u64,
    half_bits: u32,
}

impl EpochShuffle {
    /// The order that `run_seed` gives to `n` examples.
    ///
    /// # Panics
    /// If there are no examples.
    #[must_use]
    pub fn new(run_seed: u64, n: usize) -> Self {
        assert!(n > 0, "an order of 0 examples");
        let n = n as u64;
        let bits = u64::BITS - (n - 1).leading_zeros();
        Self { run_seed, n, half_bits: bits.div_ceil(2) }
    }

    /// The example at `position`, which is `step * batch_size + place in the batch` and goes on
    /// counting over epochs.
    #[must_use]
    pub fn index(&self, position: u64) -> usize {
        let epoch_seed = derive(self.run_seed, Purpose::Order, position / self.n);
        let mut place = self.permute(epoch_seed, position % self.n);
        while place >= self.n {
            place = self.permute(epoch_seed, place);
        }
        usize::try_from(place).expect("an index below n, which was a usize")
    }

    /// The number of epochs, fractions included, that have been read after `position` examples.
    #[must_use]
    pub fn epochs(&self, position: u64) -> f64 {
        position as f64 / self.n as f64
    }

    /// A bijection of `0..4^half_bits`.
    fn permute(&self, seed: u64, value: u64) -> u64 {
        // Few bits need more rounds to look shuffled; eight cost little beside reading an example.
        const ROUNDS: u64 = 8;
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for round in 0..ROUNDS {
            let key = seed.wrapping_add(round << 56);
            // High bits of the product: the low ones of a masked sum depend on the low ones only.
            let scrambled = mix(key ^ right) >> 32;
            (left, right) = (right, left ^ (scrambled & mask));
        }
        left << self.half_bits | right
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_epoch_reads_every_example_once(seed: u64, n in 1usize..600, epoch in 0u64..1_000) {
            let order = EpochShuffle::new(seed, n);
            let start = epoch * n as u64;
            let read: HashSet<usize> = (start..start + n as u64).map(|p| order.index(p)).collect();
            prop_assert_eq!(read.len(), n);
            prop_assert!(read.iter().all(|&index| index < n));
        }

        #[test]
        fn any_size_can_be_entered_anywhere(seed: u64, n in 1usize..1 << 48, position in 0u64..1 << 60) {
            prop_assert!(EpochShuffle::new(seed, n).index(position) < n);
        }
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let read = |seed, epoch: u64| -> Vec<usize> {
            let order = EpochShuffle::new(seed, 100);
            (epoch * 100..(epoch + 1) * 100).map(|p| order.index(p)).collect()
        };
        let orders: HashSet<Vec<usize>> =
            (0..10).flat_map(|seed| (0..10).map(move |epoch| read(seed, epoch))).collect();
        assert_eq!(orders.len(), 100);
    }

    #[test]
    fn an_order_never_changes() {
        let order = EpochShuffle::new(42, 10);
        let read: Vec<usize> = (0..20).map(|p| order.index(p)).collect();
        // Computed by a second implementation, in Python.
        assert_eq!(read, [5, 1, 6, 7, 8, 0, 3, 2, 9, 4, 6, 4, 0, 5, 2, 9, 8, 1, 7, 3]);
    }

    #[test]
    fn every_example_is_about_equally_often_first() {
        // 40,000 epochs of 8 examples: 5,000 each, standard deviation 66.
        let order = EpochShuffle::new(3, 8);
        let mut first = [0u32; 8];
        (0..40_000).for_each(|epoch| first[order.index(epoch * 8)] += 1);
        assert!(first.iter().all(|count| count.abs_diff(5_000) < 330), "{first:?}");
    }

    #[test]
    fn neighbours_are_torn_apart() {
        // In a random order of 1,000 about 2 successors stay successors.
        let order = EpochShuffle::new(3, 1_000);
        let kept = (0..999).filter(|&p| order.index(p + 1) == order.index(p) + 1).count();
        assert!(kept < 10, "{kept} neighbours stayed together");
    }

    #[test]
    fn epochs_count_up_with_the_position() {
        assert_eq!(EpochShuffle::new(0, 8).epochs(20), 2.5);
    }
}
