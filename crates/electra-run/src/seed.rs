//! One random stream for each purpose and index, all derived from the run's seed.
//!
//! Nothing random in a run has a state that a checkpoint would have to save: whoever needs random
//! numbers at step `k` asks for the stream of `(seed, purpose, k)` and gets the same one again
//! after a resume.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::Rng;

/// The purpose of a stream of random numbers. Streams of different purposes are unrelated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// Initial weights.
    Init = 1,
    /// The order of examples, one index for each epoch.
    Order = 2,
    /// Which positions are masked.
    Mask = 3,
    /// Sampling replacements from the generator at the masked positions.
    Sample = 4,
    /// Dropout, one index for each step.
    Dropout = 5,
    /// Masks and samples of held-out evaluation.
    Evaluate = 6,
    /// Rows of a speed test, whose result does not matter.
    SpeedTest = 7,
    /// The order of a source of a mixture, one index for each source but the first.
    Source = 8,
}

/// The seed of `(run_seed, purpose, index)`: `mix(mix(mix(run_seed + G) + purpose) ^ mix(index + G))`
/// with `G` the golden gamma and `mix` the finalizer of SplitMix64 (Steele, Lea and Flood 2014).
///
/// `mix` is a bijection, so two indices of one purpose never share a seed. The formula is part of
/// what makes a run reproducible and must not change.
#[must_use]
pub fn derive(run_seed: u64, purpose: Purpose, index: u64) -> u64 {
    let of_purpose = mix(mix(run_seed.wrapping_add(GAMMA)).wrapping_add(purpose as u64));
    mix(of_purpose ^ mix(index.wrapping_add(GAMMA)))
}

/// The generator of `(run_seed, purpose, index)`: ChaCha8, whose key is four SplitMix64 outputs
/// that start at [`derive()`].
#[must_use]
pub fn stream(run_seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let seed = derive(run_seed, purpose, index);
    let mut key = [0; 32];
    for (word, bytes) in (1..).zip(key.chunks_exact_mut(8)) {
        let value = mix(seed.wrapping_add(GAMMA.wrapping_mul(word)));
        bytes.copy_from_slice(&value.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64: a bijection of 64 bits in which every input bit reaches all others.
pub(crate) fn mix(x: u64) -> u64 {
    // The generator adds the gamma before it mixes.
    SplitMix64::seed_from_u64(x.wrapping_sub(GAMMA)).next_u64()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const PURPOSES: [Purpose; 8] = [
        Purpose::Init,
        Purpose::Order,
        Purpose::Mask,
        Purpose::Sample,
        Purpose::Dropout,
        Purpose::Evaluate,
        Purpose::SpeedTest,
        Purpose::Source,
    ];

    #[test]
    fn the_mix_is_splitmix64() {
        // First outputs of SplitMix64 seeded with 1234567, as published on Rosetta Code.
        let outputs: Vec<u64> =
            (1..=3).map(|i| mix(1_234_567u64.wrapping_add(GAMMA.wrapping_mul(i)))).collect();
        assert_eq!(
            outputs,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    // The values of these two tests were computed by a second implementation, in Python.
    #[test]
    fn seeds_never_change() {
        assert_eq!(derive(0, Purpose::Init, 0), 0x02b2_742c_8d8c_260e);
        assert_eq!(derive(0, Purpose::Mask, 0), 0x598a_43c7_65ce_f0ee);
        assert_eq!(derive(42, Purpose::Mask, 1_000_000), 0x89db_72cb_f758_ad7a);
        assert_eq!(derive(u64::MAX, Purpose::SpeedTest, u64::MAX), 0xc244_86fc_1198_b184);
    }

    #[test]
    fn streams_never_change() {
        let mut stream = stream(42, Purpose::Dropout, 7);
        assert_eq!([stream.next_u64(), stream.next_u64()], [0x5dd1_3073_b4ec_5740, 0x4498_9170_ca0e_0f54]);
    }

    #[test]
    fn no_two_seeds_of_a_run_are_equal() {
        let seeds: HashSet<u64> = PURPOSES
            .iter()
            .flat_map(|&purpose| (0..10_000).map(move |index| derive(1, purpose, index)))
            .collect();
        assert_eq!(seeds.len(), 80_000);
    }

    #[test]
    fn one_bit_of_seed_or_index_changes_about_half_of_the_bits() {
        for bit in 0..64 {
            let seed = derive(9, Purpose::Mask, 5) ^ derive(9 ^ (1 << bit), Purpose::Mask, 5);
            let index = derive(9, Purpose::Mask, 5) ^ derive(9, Purpose::Mask, 5 ^ (1 << bit));
            for changed in [seed.count_ones(), index.count_ones()] {
                assert!((12..=52).contains(&changed), "bit {bit} changed {changed} bits");
            }
        }
    }
}
