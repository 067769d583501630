//! Mean and deviation over seeds.

use serde::Serialize;

/// Mean and deviation over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The mean of the values.
    pub mean: f64,
    /// Sample standard deviation; none for one seed.
    pub sd: Option<f64>,
}

impl Spread {
    /// The spread of at least one value.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, sd: (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_has_no_deviation() {
        assert_eq!(Spread::of(&[0.5]), Spread { mean: 0.5, sd: None });
        // Deviations -1, 0, 1 of three values: variance 2 / 2.
        assert_eq!(Spread::of(&[1.0, 2.0, 3.0]), Spread { mean: 2.0, sd: Some(1.0) });
    }
}
