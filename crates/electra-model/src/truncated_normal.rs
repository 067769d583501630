//! The truncated normal distribution, which weights start from.

use rand::{Rng, RngExt};

/// Standard deviation of a standard normal that is cut at two deviations.
pub(crate) const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;

/// A standard normal variate within two deviations (Box-Muller with redrawing).
pub(crate) fn truncated_normal(rng: &mut impl Rng) -> f64 {
    loop {
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        let z = radius * (std::f64::consts::TAU * rng.random::<f64>()).cos();
        if z.abs() <= 2.0 {
            return z;
        }
    }
}
