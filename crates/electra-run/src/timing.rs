//! Repeated timings of one thing, and what is said of them.

use serde::Serialize;

/// Tokens in a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Throughput {
    /// By the median repetition.
    #[serde(rename = "tokens_per_second")]
    pub median: f64,
    /// By the fastest repetition.
    #[serde(rename = "best_tokens_per_second")]
    pub best: f64,
}

impl Throughput {
    /// Of repetitions that each went through `tokens`.
    ///
    /// Panics if there are none.
    pub fn of(tokens: usize, seconds: &[f64]) -> Self {
        let tokens = tokens as f64;
        Self { median: tokens / quantile(seconds, 0.5), best: tokens / quantile(seconds, 0.0) }
    }
}

/// The `q`-quantile of `values`, `q` in `[0, 1]`, between neighbours by their distance.
///
/// Panics if there are no values.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    assert!(!values.is_empty() && (0.0..=1.0).contains(&q), "quantile {q} of {} values", values.len());
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = q * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_in_the_middle() {
        let seconds = [4.0, 1.0, 3.0, 2.0];
        assert_eq!([0.0, 0.5, 1.0].map(|q| quantile(&seconds, q)), [1.0, 2.5, 4.0]);
        assert_eq!(Throughput::of(10, &seconds), Throughput { median: 4.0, best: 10.0 });
    }
}
