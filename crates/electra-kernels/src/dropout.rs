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

/// First output of SplitMix64 (Steele, Lea and Flood 2014) with that seed: unrelated for
/// neighbouring seeds.
pub fn split_mix(seed: u64) -> u64 {
    SplitMix64::seed_from_u64(seed).next_u64()
}
