//! Interleaving of several sources by their weights: which source each position of a run reads, and
//! which of its own positions that is, as functions of the position.
//!
//! The first source has `floor(p * w / W)` of the first `p` positions, where `w` is its weight and `W` the
//! sum of all; what it leaves is divided among the others in the same way. So every stretch of a run has
//! of each source what its weight says, but for less than one position a source.

/// The interleaving of sources with the given weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interleave {
    weights: Vec<u64>,
}

/// A position of a run as one of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourcePlace {
    /// Number of the source, from 0.
    pub source: usize,
    /// Positions of this source that came before.
    pub position: u64,
}

impl Interleave {
    /// The interleaving of as many sources as there are weights.
    ///
    /// # Panics
    /// If there is no weight, one of them is 0, or their sum leaves 64 bits.
    #[must_use]
    pub fn new(weights: Vec<u64>) -> Self {
        assert!(!weights.is_empty() && !weights.contains(&0), "weights {weights:?} of sources");
        let sum = weights.iter().try_fold(0u64, |sum, weight| sum.checked_add(*weight));
        assert!(sum.is_some(), "the sum of the weights {weights:?} leaves 64 bits");
        Self { weights }
    }

    /// The source of `position`, and which of its own positions that is.
    #[must_use]
    pub fn place(&self, position: u64) -> SourcePlace {
        let (mut left, mut weight_left) = (position, self.weights.iter().sum::<u64>());
        for (source, &weight) in self.weights.iter().enumerate() {
            let before = part(left, weight, weight_left);
            if part(left + 1, weight, weight_left) > before {
                return SourcePlace { source, position: before };
            }
            left -= before;
            weight_left -= weight;
        }
        unreachable!("the last source has all that the others leave")
    }

    /// How many of the first `positions` are of each source.
    #[must_use]
    pub fn counts(&self, positions: u64) -> Vec<u64> {
        let (mut left, mut weight_left) = (positions, self.weights.iter().sum::<u64>());
        let count = |&weight: &u64| {
            let own = part(left, weight, weight_left);
            left -= own;
            weight_left -= weight;
            own
        };
        self.weights.iter().map(count).collect()
    }

    /// The share of each source in a run.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        let sum = self.weights.iter().sum::<u64>() as f64;
        self.weights.iter().map(|&weight| weight as f64 / sum).collect()
    }
}

/// `floor(positions * weight / of)`.
fn part(positions: u64, weight: u64, of: u64) -> u64 {
    let part = u128::from(positions) * u128::from(weight) / u128::from(of);
    u64::try_from(part).expect("a part of a number of 64 bits")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_position_of_every_source_comes_once_and_in_order(
            weights in prop::collection::vec(1u64..1_000_000_000, 1..6), from in 0u64..1 << 60,
        ) {
            let order = Interleave::new(weights);
            let mut next = order.counts(from);
            prop_assert_eq!(next.iter().sum::<u64>(), from);
            for position in from..from + 200 {
                let place = order.place(position);
                prop_assert_eq!(place.position, next[place.source]);
                next[place.source] += 1;
            }
            prop_assert_eq!(next, order.counts(from + 200));
        }

        #[test]
        fn no_source_is_off_its_share_by_more_than_one_position_for_each_before_it(
            weights in prop::collection::vec(1u64..1_000, 1..6), positions in 0u64..100_000,
        ) {
            let order = Interleave::new(weights);
            for (source, (count, share)) in order.counts(positions).into_iter().zip(order.shares()).enumerate() {
                let off = (count as f64 - share * positions as f64).abs();
                prop_assert!(off < source as f64 + 1.0 + 1e-6, "source {} is off by {}", source, off);
            }
        }
    }

    #[test]
    fn an_interleaving_never_changes() {
        let read = |weights: &[u64]| -> Vec<usize> {
            let order = Interleave::new(weights.to_vec());
            (0..8).map(|position| order.place(position).source).collect()
        };
        // By hand: the first source has floor(3 (p + 1) / 4) - floor(3 p / 4) of position p.
        assert_eq!(read(&[3, 1]), [1, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(read(&[1, 1]), [1, 0, 1, 0, 1, 0, 1, 0]);
        assert_eq!(read(&[1, 1, 2]), [2, 2, 1, 0, 2, 2, 1, 0]);
        assert_eq!(read(&[5]), [0; 8]);
    }
}
