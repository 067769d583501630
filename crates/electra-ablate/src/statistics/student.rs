//! Quantiles of Student's t distribution.

/// The value that a t variable with `degrees` degrees of freedom stays below with probability `p`.
///
/// # Panics
/// If `p` is not between 0 and 1, or `degrees` not above 0.
#[must_use]
pub fn quantile(p: f64, degrees: f64) -> f64 {
    assert!(p > 0.0 && p < 1.0 && degrees > 0.0, "quantile {p} of {degrees} degrees");
    if p < 0.5 {
        return -quantile(1.0 - p, degrees);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while cumulative(high, degrees) < p {
        high *= 2.0;
    }
    // Each pass wins a bit; 200 are more than a double has.
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if cumulative(middle, degrees) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Probability that a t variable with `degrees` degrees of freedom is above `t`.
#[must_use]
pub fn upper_tail(t: f64, degrees: f64) -> f64 {
    let tail = 0.5 * incomplete_beta(0.5 * degrees, 0.5, degrees / (degrees + t * t));
    if t < 0.0 { 1.0 - tail } else { tail }
}

/// Probability that a t variable with `degrees` degrees of freedom is at most `t`, for `t >= 0`.
fn cumulative(t: f64, degrees: f64) -> f64 {
    1.0 - 0.5 * incomplete_beta(0.5 * degrees, 0.5, degrees / (degrees + t * t))
}

/// The regularized incomplete beta function `I_x(a, b)`.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    // The fraction converges fast on this side of the mean only.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * continued_fraction(a, b, x) / a
    } else {
        1.0 - front * continued_fraction(b, a, 1.0 - x) / b
    }
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            fraction *= d * c;
        }
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

/// `ln Γ(x)` for `x > 0`, by Lanczos' approximation with g = 7.
fn log_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        let pi = std::f64::consts::PI;
        return (pi / (pi * x).sin()).ln() - log_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let t = x + 7.5;
    let sum = COEFFICIENTS[1..]
        .iter()
        .enumerate()
        .fold(COEFFICIENTS[0], |sum, (i, coefficient)| sum + coefficient / (x + i as f64 + 1.0));
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_printed_tables() {
        for (degrees, expected) in [
            (1.0, 12.706_204_7),
            (2.0, 4.302_652_7),
            (3.0, 3.182_446_3),
            (4.0, 2.776_445_1),
            (5.0, 2.570_581_8),
            (9.0, 2.262_157_2),
            (29.0, 2.045_229_6),
            (1e7, 1.959_964_2),
        ] {
            let found = quantile(0.975, degrees);
            assert!((found - expected).abs() < 2e-6, "{degrees} degrees: {found}, expected {expected}");
        }
    }

    #[test]
    fn one_and_two_degrees_have_closed_forms() {
        for p in [0.6, 0.9, 0.975, 0.999] {
            let one = (std::f64::consts::PI * (p - 0.5)).tan();
            let two = (2.0 * p - 1.0) * (2.0 / (4.0 * p * (1.0 - p))).sqrt();
            assert!((quantile(p, 1.0) / one - 1.0).abs() < 1e-9, "{p}");
            assert!((quantile(p, 2.0) / two - 1.0).abs() < 1e-9, "{p}");
        }
    }

    #[test]
    fn what_lies_above_a_quantile_is_the_rest() {
        for (p, degrees) in [(0.6, 1.0), (0.95, 2.0), (0.975, 11.0), (0.9999, 5.0)] {
            let t = quantile(p, degrees);
            assert!((upper_tail(t, degrees) - (1.0 - p)).abs() < 1e-9, "{p} {degrees}");
            assert!((upper_tail(-t, degrees) - p).abs() < 1e-9, "{p} {degrees}");
        }
        assert!((upper_tail(0.0, 3.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn the_distribution_is_symmetric() {
        assert!((quantile(0.025, 6.0) + quantile(0.975, 6.0)).abs() < 1e-12);
        assert!(quantile(0.5, 3.0).abs() < 1e-9);
    }

    #[test]
    fn log_gamma_is_that_of_factorials_and_of_a_half() {
        for (x, expected) in [(1.0, 1.0), (2.0, 1.0), (5.0, 24.0), (11.0, 3_628_800.0)] {
            let expected: f64 = expected;
            assert!((log_gamma(x) - expected.ln()).abs() < 1e-11, "{x}");
        }
        assert!((log_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-12);
    }
}
