//! Inverted dropout without generator state.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Inverted dropout whose mask is a function of the seed: of `(seed, element of the whole batch)`
/// where the operation is fused, of burn's generator seeded with it elsewhere.
///
/// The seed names one place in the network at one training step, so a resumed run drops the
/// same units without any generator state in the checkpoint. `first_row` says which rows of the
/// step's batch a micro-batch holds. Fused operations then drop what they would drop of these rows
/// in the whole batch; burn's generator starts anew with every tensor and cannot, so there each
/// micro-batch has a mask of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Probability of zeroing an element, in `[0, 1)`.
    pub rate: f64,
    /// Seed of this place at this step.
    pub seed: u64,
    /// Which row of the step's batch stands first in the tensor; rows are its first dimension.
    pub first_row: u64,
}

impl Dropout {
    /// No dropout: evaluation, or a rate of zero.
    pub const OFF: Self = Self { rate: 0.0, seed: 0, first_row: 0 };

    /// Dropout of a tensor that begins with the first row of its batch.
    pub fn new(rate: f64, seed: u64) -> Self {
        Self { rate, seed, first_row: 0 }
    }

    /// Whether nothing is dropped.
    pub fn is_off(&self) -> bool {
        self.rate == 0.0
    }

    /// A seed for generators that cannot be entered at a row: another one for each first row.
    pub(crate) fn seed_of_first_row(&self) -> u64 {
        if self.first_row == 0 { self.seed } else { split_mix(self.seed ^ split_mix(self.first_row)) }
    }
}

/// Elements of a mask that share one evaluation of the generator's 16 counters.
#[cfg(any(feature = "flex", all(feature = "cube", not(feature = "fusion"))))]
pub(crate) const BLOCK: usize = 32;
/// Counters of a block.
#[cfg(any(feature = "flex", all(feature = "cube", not(feature = "fusion"))))]
pub(crate) const LANES: usize = BLOCK / 2;

/// The mask of one [`Dropout`].
///
/// A 32-bit counter goes through two rounds of `x + key` and an invertible mix (Ellis' `lowbias32`
/// of "Hash Prospector"), with two keys drawn from the seed by SplitMix64; the two halves of the
/// result decide two elements. The rate is rounded to a multiple of 2^-16 (an error below 8e-6)
/// and the scale belongs to the rounded rate, so the expectation is exact.
#[cfg(any(feature = "flex", all(feature = "cube", not(feature = "fusion"))))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct DropoutMask {
    /// Elements whose 16 bits are below this are dropped.
    pub(crate) threshold: u32,
    pub(crate) scale: f32,
    pub(crate) key_1: u32,
    pub(crate) key_2: u32,
    /// Elements of the whole batch before the tensor's first one.
    pub(crate) before: usize,
}

#[cfg(any(feature = "flex", all(feature = "cube", not(feature = "fusion"))))]
impl DropoutMask {
    /// The mask of `drop` for a tensor of `row` elements a row, or `None` if it keeps everything.
    pub(crate) fn of(dropout: Dropout, row: usize) -> Option<Self> {
        assert!((0.0..1.0).contains(&dropout.rate), "dropout rate {} is not in [0, 1)", dropout.rate);
        let threshold = ((dropout.rate * 65536.0).round() as u32).min(65535);
        let key = split_mix(dropout.seed);
        (threshold > 0).then(|| Self {
            threshold,
            scale: (65536.0 / f64::from(65536 - threshold)) as f32,
            key_1: key as u32,
            key_2: (key >> 32) as u32,
            before: dropout.first_row as usize * row,
        })
    }
}

/// First output of SplitMix64 (Steele, Lea and Flood 2014) with that seed: unrelated for
/// neighbouring seeds.
pub fn split_mix(seed: u64) -> u64 {
    SplitMix64::seed_from_u64(seed).next_u64()
}
