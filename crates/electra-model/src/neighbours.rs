//! Start values with which a network looks at neighbouring tokens from the first step.
//!
//! A transformer that starts at random attends to everything alike and sees a bag of words. To
//! find "the word before" it has to align queries, keys and positions at once, and until then it
//! learns little but word frequencies: a plateau of many million tokens (`docs/decisions/0006`).
//! Here the position table starts at sines and cosines, and the queries and keys of the first
//! block read their shortest waves, keys turned by the wave's phase over one or two tokens. A turn
//! is all it takes: `sin wp sin w(q-k) + cos wp cos w(q-k) = cos w(p-q+k)` is largest at `q = p + k`.
//!
//! Nothing is frozen, and all of it may be unlearned.

use crate::config::{ConfigError, EncoderConfig};

/// Shortest wavelength in tokens, chosen to set neighbours apart. Vaswani et al. (2017, §3.5)
/// begin at 2 pi and end at 63,000: few of their waves tell one neighbour from the next.
const SHORTEST_WAVE: f64 = 4.0;

/// Root mean square of the position table in units of `initializer_range`: twice that of the word
/// table, so that a score at the right distance stands above the noise that words bring in.
const AMPLITUDE: f64 = 2.0;

/// Square of the gain of queries and keys, times the root of a head's width. It was chosen for heads of 16
/// to 32 columns, which give their neighbour .54 to .87 of their attention among 64 and 128 positions. Heads
/// of 8 give it .25 to .40, those of 64 in a table as wide .35 to .44, and among 512 positions it is .09 to
/// .65 (`docs/decisions/0014`). It stays, because finished runs began so; [`adjacent`](crate::adjacent)
/// gives as much at every width.
const SHARPNESS: f64 = 11.3;

/// Heads read waves up to this many tokens, spread as far as their width goes: waves of one length
/// would score every fourth token alike, and long ones do not tell neighbours apart.
const LONGEST_READ: f64 = 12.0;

/// The neighbour of each head, relative to the token; more heads begin again.
pub(crate) const DISTANCES: [f64; 4] = [-1.0, 1.0, -2.0, 2.0];

/// Which of a block's kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Query,
    Key,
}

/// The waves of a position table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Neighbours {
    /// Rows of the table.
    pub(crate) positions: usize,
    /// Columns of the table.
    pub(crate) embedding_size: usize,
}

impl Neighbours {
    /// Radians a token, of the wave in columns `2 * wave` (sine) and `2 * wave + 1` (cosine).
    fn frequency(&self, wave: usize) -> f64 {
        let exponent = 2.0 * wave as f64 / self.embedding_size as f64;
        let longest = (2.0 * self.positions as f64 / SHORTEST_WAVE).max(1.0);
        std::f64::consts::TAU / (SHORTEST_WAVE * longest.powf(exponent))
    }

    /// `[positions, E]`, of root mean square `2 * range`.
    pub(crate) fn table(&self, range: f64) -> Vec<f32> {
        let scale = AMPLITUDE * range * std::f64::consts::SQRT_2;
        let value = |position: usize, column: usize| {
            let angle = position as f64 * self.frequency(column / 2);
            (scale * if column.is_multiple_of(2) { angle.sin() } else { angle.cos() }) as f32
        };
        (0..self.positions).flat_map(|p| (0..self.embedding_size).map(move |c| value(p, c))).collect()
    }

    /// `[H, H]`: queries take the shortest waves as they are, keys turned by the head's distance.
    pub(crate) fn attention(&self, side: Side, hidden_size: usize, heads: usize) -> Vec<f32> {
        let width = hidden_size / heads;
        let gain = (SHARPNESS / (width as f64).sqrt()).sqrt();
        let mut kernel = vec![0.0; hidden_size * hidden_size];
        let waves = self.embedding_size.min(hidden_size) / 2;
        let short = (0..waves).take_while(|&w| self.frequency(w) >= std::f64::consts::TAU / LONGEST_READ);
        let stride = (short.count() / (width / 2)).max(1);
        for head in 0..heads {
            for place in 0..width / 2 {
                let wave = place * stride;
                let distance = match side {
                    Side::Query => 0.0,
                    Side::Key => DISTANCES[head % DISTANCES.len()],
                };
                let (sin, cos) = (distance * self.frequency(wave)).sin_cos();
                let mut set = |input: usize, output: usize, value: f64| {
                    kernel[(2 * wave + input) * hidden_size + head * width + 2 * place + output] =
                        (gain * value) as f32;
                };
                // sin w(p - k) and cos w(p - k) from sin wp and cos wp.
                set(0, 0, cos);
                set(1, 0, -sin);
                set(0, 1, sin);
                set(1, 1, cos);
            }
        }
        kernel
    }

    /// `[inputs, outputs]`: columns pass unchanged, the shortest waves first.
    pub(crate) fn projection([inputs, outputs]: [usize; 2]) -> Vec<f32> {
        let mut kernel = vec![0.0; inputs * outputs];
        (0..inputs.min(outputs)).for_each(|i| kernel[i * outputs + i] = 1.0);
        kernel
    }

    /// Refuses networks whose heads are too wide for the waves that reach them.
    pub(crate) fn check(&self, sizes: &EncoderConfig) -> Result<(), ConfigError> {
        let (width, waves) =
            (sizes.hidden_size / sizes.num_attention_heads, self.embedding_size.min(sizes.hidden_size));
        if width.is_multiple_of(2) && width <= waves {
            return Ok(());
        }
        let message = format!(
            "is \"neighbours\", for which heads must be even and at most {waves} wide, but there are {} of \
             width {width}",
            sizes.num_attention_heads
        );
        Err(ConfigError { key: "position_start", message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAVES: Neighbours = Neighbours { positions: 64, embedding_size: 64 };

    fn product(row: &[f32], kernel: &[f32], columns: std::ops::Range<usize>) -> Vec<f64> {
        let width = kernel.len() / row.len();
        let column = |c: usize| (0..row.len()).map(|i| f64::from(row[i] * kernel[i * width + c])).sum();
        columns.map(column).collect()
    }

    #[test]
    fn each_head_scores_its_own_neighbour_highest_at_every_position() {
        for (hidden, heads) in [(64, 4), (64, 8), (32, 2), (64, 2)] {
            assert_heads_find_their_neighbours(hidden, heads);
        }
    }

    fn assert_heads_find_their_neighbours(hidden: usize, heads: usize) {
        let width = hidden / heads;
        let (table, query, key) = (
            WAVES.table(1.0),
            WAVES.attention(Side::Query, hidden, heads),
            WAVES.attention(Side::Key, hidden, heads),
        );
        let row = |p: usize| &table[p * 64..p * 64 + hidden];
        for (head, distance) in [-1i64, 1, -2, 2].into_iter().cycle().take(heads).enumerate() {
            let columns = head * width..(head + 1) * width;
            for p in 2..62usize {
                let q = product(row(p), &query, columns.clone());
                let score = |k: usize| -> f64 {
                    product(row(k), &key, columns.clone()).iter().zip(&q).map(|(a, b)| a * b).sum()
                };
                let best = (0..64).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap();
                assert_eq!(best as i64 - p as i64, distance, "head {head} at position {p}");
            }
        }
    }

    #[test]
    fn the_table_relates_positions_by_their_distance_alone() {
        let table = WAVES.table(0.02);
        let row = |p: usize| &table[p * 64..(p + 1) * 64];
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
        for distance in [0, 1, 5] {
            let first = dot(row(0), row(distance));
            for p in 1..50 {
                let other = dot(row(p), row(p + distance));
                assert!((other - first).abs() < 1e-6, "{other} at {p}, {first} at 0");
            }
        }
        let rms = (dot(&table, &table) / table.len() as f64).sqrt();
        assert!((rms / 0.04 - 1.0).abs() < 1e-5, "root mean square {rms}");
    }

    #[test]
    fn the_projection_keeps_the_first_columns() {
        assert_eq!(Neighbours::projection([3, 2]), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(Neighbours::projection([1, 2]), [1.0, 0.0]);
    }

    #[test]
    fn heads_wider_than_the_waves_are_refused() {
        let sizes = |hidden_size, num_attention_heads| EncoderConfig {
            hidden_size,
            num_hidden_layers: 1,
            num_attention_heads,
            intermediate_size: 8,
        };
        assert!(WAVES.check(&sizes(128, 2)).is_ok());
        assert!(WAVES.check(&sizes(128, 1)).is_err());
        assert!(WAVES.check(&sizes(9, 3)).is_err());
    }
}
