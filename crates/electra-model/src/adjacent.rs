//! Start values with which every head of the first block attends to one adjacent token, at any width.
//!
//! As in [`neighbours`](crate::neighbours) the position table starts as sines and cosines, which the
//! queries and keys of the first block read, keys turned by the wave's phase over the head's distance.
//! Here the attention that comes of it does not depend on the sizes of a network:
//!
//! - a part of the table are short waves, stronger than words, and heads read no others;
//! - where the table is wider than the encoder, the projection passes short waves of every length;
//! - the sharpness of the scores is found by measuring the attention of the waves that a head reads,
//!   and heads too narrow for half of it are refused;
//! - how many distances a network begins with is a list in its recipe, not a matter of its heads.
//!
//! What was measured is in `docs/decisions/0014`. Nothing is frozen, and all of it may be unlearned.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{SQRT_2, TAU};

use crate::neighbours::Side;
use crate::truncated_normal::{TRUNCATED_DEVIATION, truncated_normal};

/// Tokens of the shortest and of the longest wave that heads read: those that set neighbours apart.
const SHORT_WAVES: [f64; 2] = [4.0, 10.0];

/// Short waves of a table: a quarter of its waves, at least and at most as many, if it has room.
const MIN_SHORT_WAVES: usize = 8;
const MAX_SHORT_WAVES: usize = 64;

/// Root mean square of the columns of short waves in units of `initializer_range`, so that scores stand
/// above the noise that words bring in. Those of longer waves are as strong as words.
const AMPLITUDE: f64 = 3.5;

/// Radians from one wave's phase to the next, by the golden section: so the columns of a row average to
/// about zero at every position, and the layer norm of the embeddings leaves the waves as they are.
const PHASE_STEP: f64 = 2.399_963_229_728_653;

/// Attention that a head begins with at its distance.
pub(crate) const ATTENTION: f64 = 0.75;

/// The least of it: heads that cannot give as much are refused.
pub(crate) const MIN_ATTENTION: f64 = 0.5;

/// Positions that attention is measured over. Longer tables are measured over their first rows.
const MAX_POSITIONS: usize = 1024;

/// Random rows of embeddings, and queries of each, by which attention is measured.
const ROWS: usize = 8;
const QUERIES: usize = 16;

/// Least and greatest score of a perfect match, in sixteenths of a doubling from 1: 1 to 64. In steps, so
/// that the last bits of a platform's `exp` and `sin` do not decide where a network starts.
const SHARPNESS: [i32; 2] = [0, 96];

/// The waves of a position table, and what the heads of an encoder above it begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Adjacent {
    /// Rows of the table.
    pub(crate) positions: usize,
    /// Columns of the table.
    pub(crate) embedding_size: usize,
    /// The distances at which heads attend, relative to the token: the first head at the first, and so on, in
    /// turn.
    pub(crate) distances: Vec<i64>,
}

/// A wave that a head reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Read {
    /// Pair of columns of the hidden state.
    columns: usize,
    /// Pair of columns of the table.
    wave: usize,
}

/// The sharpness of a head's attention, and the share of attention that comes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Calibration {
    sharpness: f64,
    attention: f64,
}

impl Adjacent {
    /// These start values for an encoder that reads from right to left.
    pub(crate) fn mirrored(&self) -> Self {
        Self { distances: self.distances.iter().map(|distance| -distance).collect(), ..self.clone() }
    }

    fn waves(&self) -> usize {
        self.embedding_size / 2
    }

    fn short_waves(&self) -> usize {
        (self.waves() / 4).clamp(MIN_SHORT_WAVES, MAX_SHORT_WAVES).min(self.waves())
    }

    /// Radians a token, of the wave in columns `2 * wave` (sine) and `2 * wave + 1` (cosine): short waves
    /// first, then longer ones up to twice the table, both in geometric progression.
    fn frequency(&self, wave: usize) -> f64 {
        let [shortest, longest_read] = SHORT_WAVES;
        let short = self.short_waves();
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let length = if wave < short {
            shortest * (longest_read / shortest).powf(share(wave, short.saturating_sub(1)))
        } else {
            let longest = (2.0 * self.positions as f64 / longest_read).max(1.0);
            longest_read * longest.powf(share(wave - short + 1, self.waves() - short))
        };
        TAU / length
    }

    /// Root mean square of the columns of `wave`, in units of `initializer_range`.
    fn amplitude(&self, wave: usize) -> f64 {
        if wave < self.short_waves() { AMPLITUDE } else { 1.0 }
    }

    /// `[positions, E]`.
    pub(crate) fn table(&self, range: f64) -> Vec<f32> {
        let value = |position: usize, column: usize| {
            let wave = column / 2;
            let angle = position as f64 * self.frequency(wave) + PHASE_STEP * wave as f64;
            let turn = if column.is_multiple_of(2) { angle.sin() } else { angle.cos() };
            (range * self.amplitude(wave) * SQRT_2 * turn) as f32
        };
        (0..self.positions).flat_map(|p| (0..self.embedding_size).map(move |c| value(p, c))).collect()
    }

    /// The waves that reach an encoder of width `hidden_size`, by its pairs of columns. If that is too
    /// narrow for all short ones, it gets as many as it has room for, of every length.
    fn passed(&self, hidden_size: usize) -> Vec<usize> {
        let (room, short) = (hidden_size / 2, self.short_waves());
        if room < short { spread(room, short) } else { (0..room.min(self.waves())).collect() }
    }

    /// `[inputs, outputs]`: columns pass unchanged, those of the waves that have to reach the encoder first.
    pub(crate) fn projection(&self, [inputs, outputs]: [usize; 2]) -> Vec<f32> {
        let mut kernel = vec![0.0; inputs * outputs];
        let passed = self.passed(outputs);
        let rest = 2 * passed.len()..inputs.min(outputs);
        let columns = passed.into_iter().flat_map(|wave| [2 * wave, 2 * wave + 1]).chain(rest);
        columns.enumerate().for_each(|(output, input)| kernel[input * outputs + output] = 1.0);
        kernel
    }

    /// The waves that heads of `width` columns read: the short waves that reach them or, if there are more
    /// than pairs of columns, some of every length.
    fn read(&self, hidden_size: usize, width: usize) -> Vec<Read> {
        let passed = self.passed(hidden_size).into_iter().enumerate();
        let reach: Vec<Read> = passed
            .map(|(columns, wave)| Read { columns, wave })
            .filter(|read| read.wave < self.short_waves())
            .collect();
        spread((width / 2).min(reach.len()), reach.len()).into_iter().map(|place| reach[place]).collect()
    }

    /// `[H, H]`: queries take short waves as they are, keys turned by the head's distance. Heads with more
    /// columns than there are waves read them several times, and each wave counts as much as the others.
    pub(crate) fn attention(&self, side: Side, hidden_size: usize, heads: usize) -> Vec<f32> {
        let width = hidden_size / heads;
        let reads = self.read(hidden_size, width);
        assert!(!reads.is_empty(), "heads of width {width} read no wave of {} columns", self.embedding_size);
        let sharpness = self.calibrate(hidden_size, width).sharpness;
        let gain = (sharpness * (width as f64).sqrt() / self.match_of(reads.len())).sqrt();
        let mut kernel = vec![0.0; hidden_size * hidden_size];
        for head in 0..heads {
            let distance = match side {
                Side::Query => 0,
                Side::Key => self.distances[head % self.distances.len()],
            };
            for place in 0..width / 2 {
                let Read { columns, wave } = reads[place % reads.len()];
                let times = (width / 2 - place % reads.len()).div_ceil(reads.len());
                let gain = gain / (times as f64).sqrt();
                let (sin, cos) = (distance as f64 * self.frequency(wave)).sin_cos();
                let mut set = |input: usize, output: usize, value: f64| {
                    kernel[(2 * columns + input) * hidden_size + head * width + 2 * place + output] =
                        (gain * value) as f32;
                };
                // sin(wp - wk) and cos(wp - wk) from sin wp and cos wp.
                set(0, 0, cos);
                set(1, 0, -sin);
                set(0, 1, sin);
                set(1, 1, cos);
            }
        }
        kernel
    }

    /// Variance of a column behind the layer norm of the embeddings, before it, in units of
    /// `initializer_range`: waves, words and token types.
    fn variance(&self) -> f64 {
        let waves: f64 = (0..self.waves()).map(|wave| self.amplitude(wave).powi(2)).sum();
        waves / self.waves() as f64 + 2.0 * TRUNCATED_DEVIATION.powi(2)
    }

    /// Product of a row's `waves` short waves with themselves, without words.
    fn match_of(&self, waves: usize) -> f64 {
        2.0 * waves as f64 * AMPLITUDE.powi(2) / self.variance()
    }

    /// Attention that heads of `width` columns begin with at their distance, in an encoder of
    /// `hidden_size`: the mean over random words, away from the ends of the table.
    pub(crate) fn attention_of(&self, hidden_size: usize, width: usize) -> f64 {
        if self.read(hidden_size, width).is_empty() {
            0.0
        } else {
            self.calibrate(hidden_size, width).attention
        }
    }

    /// The least width above `width` whose heads are wide enough in an encoder of `hidden_size`.
    pub(crate) fn least_width(&self, hidden_size: usize, width: usize) -> Option<usize> {
        let widths = (width / 2 + 1..=hidden_size.min(2 * self.short_waves()) / 2).map(|half| 2 * half);
        widths.into_iter().find(|&width| self.attention_of(hidden_size, width) >= MIN_ATTENTION)
    }

    /// The least sharpness that gives [`ATTENTION`], or else the one that gives most.
    fn calibrate(&self, hidden_size: usize, width: usize) -> Calibration {
        let reads = self.read(hidden_size, width);
        let scores = self.scores(&reads.into_iter().map(|read| read.wave).collect::<Vec<_>>());
        let at = |step: i32| {
            let sharpness = (f64::from(step) / 16.0).exp2();
            Calibration { sharpness, attention: attention_at(&scores, sharpness) }
        };
        let [mut low, mut high] = SHARPNESS;
        if at(high).attention < ATTENTION {
            let mut best = at(low);
            for found in (low..=high).step_by(4).map(at) {
                if best.attention < ATTENTION && found.attention > best.attention {
                    best = found;
                }
            }
            return best;
        }
        while low < high {
            let middle = low + (high - low).div_euclid(2);
            if at(middle).attention < ATTENTION { low = middle + 1 } else { high = middle }
        }
        at(high)
    }

    /// Scores of a head that reads `waves`, in units of a perfect match: of some queries with all keys, less
    /// that of the key at the head's distance. Words and types are drawn as those of a network are.
    fn scores(&self, waves: &[usize]) -> Vec<Vec<f64>> {
        let positions = self.positions.min(MAX_POSITIONS);
        let perfect = self.match_of(waves.len());
        let scale = self.variance().sqrt().recip();
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut normal =
            |count: usize| -> Vec<f64> { (0..count).map(|_| truncated_normal(&mut rng)).collect() };
        let mut scores = vec![];
        for _ in 0..ROWS {
            let types = normal(2 * waves.len());
            let row: Vec<Vec<f64>> = (0..positions)
                .map(|p| {
                    let words = normal(2 * waves.len());
                    let turns = waves.iter().flat_map(|&wave| {
                        let angle = p as f64 * self.frequency(wave) + PHASE_STEP * wave as f64;
                        [angle.sin(), angle.cos()]
                    });
                    let sums = turns.zip(words).zip(&types).map(|((t, w), y)| AMPLITUDE * SQRT_2 * t + w + y);
                    sums.map(|sum| scale * sum).collect()
                })
                .collect();
            for query in 0..QUERIES {
                let p = 1 + query * (positions - 2) / QUERIES;
                // The query turned back by one token, rather than each key on: the same product.
                let turned: Vec<f64> = waves
                    .iter()
                    .zip(row[p].chunks(2))
                    .flat_map(|(&wave, pair)| {
                        let (sin, cos) = (-self.frequency(wave)).sin_cos();
                        [pair[0] * cos + pair[1] * sin, pair[1] * cos - pair[0] * sin]
                    })
                    .collect();
                let score =
                    |key: &Vec<f64>| key.iter().zip(&turned).map(|(a, b)| a * b).sum::<f64>() / perfect;
                let found = score(&row[p - 1]);
                scores.push(row.iter().map(|key| score(key) - found).collect());
            }
        }
        scores
    }
}

/// Mean of the softmax at the key whose score is zero.
fn attention_at(scores: &[Vec<f64>], sharpness: f64) -> f64 {
    let of = |query: &Vec<f64>| query.iter().map(|score| (sharpness * score).exp()).sum::<f64>().recip();
    scores.iter().map(of).sum::<f64>() / scores.len() as f64
}

/// `count` of the numbers below `whole`, evenly, the first and the last among them.
fn spread(count: usize, whole: usize) -> Vec<usize> {
    assert!(count <= whole, "{count} of {whole}");
    let gaps = count.saturating_sub(1).max(1);
    (0..count).map(|i| (i * (whole - 1) + gaps / 2) / gaps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(embedding_size: usize, positions: usize) -> Adjacent {
        Adjacent { positions, embedding_size, distances: vec![-1] }
    }

    /// Scores of the first head, without words, of every query with every key.
    fn scores(waves: &Adjacent, hidden_size: usize, heads: usize) -> Vec<f64> {
        let (e, width) = (waves.embedding_size, hidden_size / heads);
        assert_eq!(e, hidden_size);
        let table = waves.table(1.0);
        let of = |side| -> Vec<f64> {
            let kernel = waves.attention(side, hidden_size, heads);
            let value = |p: usize, c: usize| {
                (0..e).map(|i| f64::from(table[p * e + i] * kernel[i * hidden_size + c])).sum::<f64>()
            };
            (0..waves.positions)
                .flat_map(|p| (0..width).map(move |c| (p, c)))
                .map(|(p, c)| value(p, c))
                .collect()
        };
        let (query, key) = (of(Side::Query), of(Side::Key));
        let product = |q: &[f64], k: &[f64]| q.iter().zip(k).map(|(a, b)| a * b).sum::<f64>();
        query
            .chunks(width)
            .flat_map(|q| key.chunks(width).map(move |k| product(q, k) / (width as f64).sqrt()))
            .collect()
    }

    #[test]
    fn heads_wider_than_the_short_waves_score_as_those_that_just_fit() {
        // Eight short waves fill 16 columns; 32 and 64 hold them twice and four times.
        let waves = waves(64, 32);
        let fit = scores(&waves, 64, 4);
        for heads in [1, 2] {
            let wide = scores(&waves, 64, heads);
            let error = fit.iter().zip(&wide).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error < 1e-4, "{error} at {heads} heads");
        }
        let best = |p: usize| (0..32).max_by(|&a, &b| fit[p * 32 + a].total_cmp(&fit[p * 32 + b])).unwrap();
        assert!((1..32).all(|p| best(p) == p - 1));
    }

    #[test]
    fn a_projection_passes_short_waves_of_every_length() {
        let waves = waves(128, 64);
        assert_eq!(waves.passed(16), [0, 2, 4, 6, 9, 11, 13, 15]);
        assert_eq!(waves.passed(128), (0..64).collect::<Vec<_>>());
        assert_eq!(waves.passed(256), (0..64).collect::<Vec<_>>());
        let kernel = waves.projection([128, 16]);
        let ones: Vec<[usize; 2]> =
            (0..128 * 16).filter(|&i| kernel[i] == 1.0).map(|i| [i / 16, i % 16]).collect();
        assert_eq!(ones[..4], [[0, 0], [1, 1], [4, 2], [5, 3]]);
        assert_eq!((ones.len(), kernel.iter().sum::<f32>()), (16, 16.0));
        let wide = waves.projection([128, 256]);
        assert!((0..128).all(|i| wide[i * 256 + i] == 1.0));
    }

    #[test]
    fn attention_is_calibrated_for_every_width_that_is_not_refused() {
        for table in [16, 64, 1024] {
            for positions in [3, 64, 512] {
                let waves = waves(table, positions);
                for width in [12, 16] {
                    let found = waves.attention_of(table, width);
                    assert!(found >= 0.7, "{found} of {width} in {table} among {positions}");
                }
                assert_eq!(waves.attention_of(table, 1), 0.0);
            }
        }
        assert_eq!(waves(64, 64).least_width(64, 4), Some(8));
        assert_eq!(waves(64, 64).least_width(64, 5), Some(8));
        assert_eq!(waves(2, 64).least_width(64, 2), None);
    }

    #[test]
    fn short_waves_are_from_four_to_ten_tokens_and_the_longest_is_twice_the_table() {
        for table in [16, 64, 256] {
            let waves = waves(table, 128);
            let length = |wave: usize| TAU / waves.frequency(wave);
            let short = waves.short_waves();
            assert!((length(0) - 4.0).abs() < 1e-9 && (length(short - 1) - 10.0).abs() < 1e-9);
            assert!((1..waves.waves()).all(|wave| length(wave) > length(wave - 1)));
            if short < waves.waves() {
                assert!((length(waves.waves() - 1) - 256.0).abs() < 1e-9);
            }
        }
    }
}
