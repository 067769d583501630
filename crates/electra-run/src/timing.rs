//! Repeated timings of one thing, and what is said of them.

use serde::Serialize;

use crate::quantile::quantile;

/// Tokens in a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Throughput {
    /// The throughput of the median repetition.
    #[serde(rename = "tokens_per_second")]
    pub median: f64,
    /// The throughput of the fastest repetition.
    #[serde(rename = "best_tokens_per_second")]
    pub best: f64,
}

impl Throughput {
    /// The throughput of repetitions that each went through `tokens`.
    ///
    /// Panics if there are none.
    pub fn of(tokens: usize, seconds: &[f64]) -> Self {
        let tokens = tokens as f64;
        Self { median: tokens / quantile(seconds, 0.5), best: tokens / quantile(seconds, 0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throughput_is_that_of_the_median_and_the_fastest_repetition() {
        let seconds = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(Throughput::of(10, &seconds), Throughput { median: 4.0, best: 10.0 });
    }
}
