//! Dropout masks: 16 random bits per element, a function of (seed, element of
//! the whole batch).

use std::ops::Range;

use super::simd::vectorised;
use crate::dropout::{BLOCK, DropoutMask, LANES};

impl DropoutMask {
    /// Writes the factors (0 or `1 / (1 - rate)`) of the tensor's elements from `start` on.
    #[inline]
    pub(crate) fn factors(&self, start: usize, mut out: &mut [f32]) {
        let start = self.before + start;
        let mut block = start / BLOCK;
        let skip = start % BLOCK;
        if skip > 0 {
            let mut whole = [0.0; BLOCK];
            fill(*self, block, &mut whole);
            let n = out.len().min(BLOCK - skip);
            let (head, rest) = out.split_at_mut(n);
            head.copy_from_slice(&whole[skip..skip + n]);
            out = rest;
            block += 1;
        }
        let (blocks, tail) = out.split_at_mut(out.len() / BLOCK * BLOCK);
        fill(*self, block, blocks);
        if !tail.is_empty() {
            let mut whole = [0.0; BLOCK];
            fill(*self, block + blocks.len() / BLOCK, &mut whole);
            tail.copy_from_slice(&whole[..tail.len()]);
        }
    }
}

/// Elements of a mask that are drawn at once.
const DRAWN: usize = 256;

/// Calls `part` with ranges of the `n` elements from `start` on, and their factors; those are 1 without a
/// mask.
pub(crate) fn each_factor(
    mask: Option<DropoutMask>,
    start: usize,
    n: usize,
    mut part: impl FnMut(Range<usize>, &[f32]),
) {
    let mut factors = [1.0; DRAWN];
    for first in (0..n).step_by(DRAWN) {
        let range = first..n.min(first + DRAWN);
        let factors = &mut factors[..range.len()];
        if let Some(mask) = mask {
            mask.factors(start + first, factors);
        }
        part(range, factors);
    }
}

vectorised! {
    /// The factors of whole blocks.
    fn fill<const FMA: bool>(mask: DropoutMask, first_block: usize, out: &mut [f32]) {
        let scale = mask.scale.to_bits();
        for (i, out) in out.chunks_exact_mut(BLOCK).enumerate() {
            let counter = (first_block + i) as u64 * LANES as u64;
            // Beyond 2^32 counters the upper half changes the second key.
            let key_2 = mask.key_2 ^ ((counter >> 32) as u32).wrapping_mul(0x9e37_79b9);
            let (low, high) = out.split_at_mut(LANES);
            for (lane, (low, high)) in low.iter_mut().zip(high).enumerate() {
                let bits = mix((counter as u32).wrapping_add(lane as u32).wrapping_add(mask.key_1));
                let bits = mix(bits.wrapping_add(key_2));
                *low = f32::from_bits(if bits & 0xffff < mask.threshold { 0 } else { scale });
                *high = f32::from_bits(if bits >> 16 < mask.threshold { 0 } else { scale });
            }
        }
    }
}

#[inline(always)]
fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dropout;

    fn kept(rate: f64, seed: u64, n: usize) -> Vec<bool> {
        let mut out = vec![0.0; n];
        DropoutMask::of(Dropout::new(rate, seed), n).unwrap().factors(0, &mut out);
        out.into_iter().map(|f| f != 0.0).collect()
    }

    /// Deviation of a proportion from `p` in standard errors.
    fn z_score(hits: usize, n: usize, p: f64) -> f64 {
        (hits as f64 - n as f64 * p) / (n as f64 * p * (1.0 - p)).sqrt()
    }

    #[test]
    fn the_rate_is_met() {
        let n = 1 << 22;
        for (seed, rate) in [0.001, 0.1, 0.25, 0.5, 0.9].into_iter().enumerate() {
            let kept = kept(rate, seed as u64, n).into_iter().filter(|k| *k).count();
            let z = z_score(kept, n, 1.0 - rate);
            assert!(z.abs() < 4.5, "rate {rate}: {z} standard errors off");
        }
    }

    #[test]
    fn the_factors_have_mean_one() {
        for rate in [0.1, 0.123_456_7, 0.5] {
            let mask = DropoutMask::of(Dropout::new(rate, 0), 1).unwrap();
            let keep = f64::from(65536 - mask.threshold) / 65536.0;
            assert!((keep - (1.0 - rate)).abs() < 1e-5);
            assert!((keep * f64::from(mask.scale) - 1.0).abs() < 1e-7);
        }
    }

    #[test]
    fn a_rate_that_rounds_to_zero_is_off() {
        assert!(DropoutMask::of(Dropout::OFF, 1).is_none());
        assert!(DropoutMask::of(Dropout::new(1e-9, 3), 1).is_none());
    }

    #[test]
    fn neighbouring_elements_are_independent() {
        let n = 1 << 20;
        let mask = kept(0.1, 42, n);
        for lag in [1, 2, 15, 16, 17, 31, 32, 33, 64, 128, 256, 1024] {
            let both = (lag..n).filter(|&i| !mask[i] && !mask[i - lag]).count();
            let z = z_score(both, n - lag, 0.01);
            assert!(z.abs() < 4.5, "lag {lag}: {z} standard errors off");
        }
    }

    #[test]
    fn neighbouring_seeds_are_independent_at_every_lag() {
        let n = 1 << 20;
        for (a, b) in [(0, 1), (1, 2), (7, 8), (0, 1 << 32), (5, 5 + (1 << 63))] {
            let (x, y) = (kept(0.1, a, n), kept(0.1, b, n));
            for lag in [0, 1, 16, 32, 64] {
                let both = (lag..n).filter(|&i| !x[i] && !y[i - lag]).count();
                let z = z_score(both, n - lag, 0.01);
                assert!(z.abs() < 4.5, "seeds {a}, {b}, lag {lag}: {z} standard errors off");
            }
        }
    }

    #[test]
    fn rows_and_columns_of_a_matrix_are_dropped_evenly() {
        // Chi-square over 256 columns and over 1024 rows: mean k, variance 2 k.
        let (rows, columns) = (1024, 256);
        let mask = kept(0.1, 9, rows * columns);
        let chi_square = |counts: Vec<usize>, n: f64| -> f64 {
            let k = counts.len() as f64;
            let x: f64 = counts.iter().map(|&c| (c as f64 - n * 0.1).powi(2) / (n * 0.09)).sum();
            (x - k) / (2.0 * k).sqrt()
        };
        let dropped = |i: usize, j: usize| usize::from(!mask[i * columns + j]);
        let by_column = (0..columns).map(|j| (0..rows).map(|i| dropped(i, j)).sum()).collect();
        let by_row = (0..rows).map(|i| (0..columns).map(|j| dropped(i, j)).sum()).collect();
        assert!(chi_square(by_column, rows as f64).abs() < 4.5);
        assert!(chi_square(by_row, columns as f64).abs() < 4.5);
    }

    #[test]
    fn an_element_does_not_depend_on_where_the_slice_begins() {
        let mask = DropoutMask::of(Dropout::new(0.3, 1), 1).unwrap();
        let mut all = vec![0.0; 300];
        mask.factors(0, &mut all);
        for start in 0..100 {
            for len in [0, 1, 7, 31, 32, 33, 100, 200] {
                let mut part = vec![0.0; len];
                mask.factors(start, &mut part);
                assert_eq!(part, all[start..start + len], "{len} elements from {start}");
            }
        }
    }

    #[test]
    fn rows_of_a_batch_have_the_factors_that_they_have_in_the_whole() {
        // 21 elements a row: rows begin within blocks.
        let mut all = vec![0.0; 8 * 21];
        DropoutMask::of(Dropout::new(0.3, 1), 21).unwrap().factors(0, &mut all);
        for first_row in 0..8 {
            let dropout = Dropout { first_row, ..Dropout::new(0.3, 1) };
            let mut row = vec![0.0; 21];
            DropoutMask::of(dropout, 21).unwrap().factors(0, &mut row);
            assert_eq!(row, all[first_row as usize * 21..][..21], "row {first_row}");
        }
    }

    #[test]
    fn counters_beyond_32_bits_do_not_repeat_the_mask() {
        let mask = DropoutMask::of(Dropout::new(0.5, 1), 1).unwrap();
        let (mut near, mut far) = (vec![0.0; 4096], vec![0.0; 4096]);
        mask.factors(0, &mut near);
        mask.factors(1 << 33, &mut far);
        let same = near.iter().zip(&far).filter(|(a, b)| a == b).count();
        assert!(z_score(same, 4096, 0.5).abs() < 4.5);
    }
}
