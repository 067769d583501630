//! Inverted dropout without generator state.

/// Inverted dropout whose mask is a function of the seed: of `(seed, element index)` where the
/// operation is fused, of burn's generator seeded with it elsewhere.
///
/// The seed names one place in the network at one training step, so a resumed run drops the
/// same units without any generator state in the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Probability of zeroing an element, in `[0, 1)`.
    pub rate: f64,
    /// Seed of this place at this step.
    pub seed: u64,
}

impl Dropout {
    /// No dropout: evaluation, or a rate of zero.
    pub const OFF: Self = Self { rate: 0.0, seed: 0 };

    /// Whether nothing is dropped.
    pub fn is_off(&self) -> bool {
        self.rate == 0.0
    }
}
