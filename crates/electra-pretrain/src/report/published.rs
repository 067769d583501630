//! The published curves of ELECTRA-Small, to hold a run against.
//!
//! Digitised from the plot in google-research/electra issue 3 (OpenWebText, evaluation mode, batch
//! 128 of 128 tokens, 15 % masked with replacement, generator 1/4); good to about one in the last
//! digit. The first two rows are the ends of a range given for 1,000 to 5,000 steps.

/// Tokens that one step of the published run reads.
pub(super) const TOKENS_PER_STEP: f64 = 128.0 * 128.0;

/// The fields of [`ROWS`] after the step, named as in the log.
const FIELDS: [&str; 9] = [
    "mlm_loss",
    "rtd_loss",
    "loss",
    "mlm_accuracy",
    "sampled_accuracy",
    "rtd_accuracy",
    "rtd_auc",
    "rtd_precision",
    "rtd_recall",
];

const NONE: f64 = f64::NAN;

const ROWS: [(f64, [f64; 9]); 10] = [
    (1e3, [6.6, 0.36, 24.5, NONE, NONE, NONE, 0.68, NONE, NONE]),
    (5e3, [5.9, 0.29, 20.0, NONE, NONE, NONE, 0.79, NONE, NONE]),
    (10e3, [NONE, 0.25, 17.7, NONE, NONE, NONE, 0.86, NONE, NONE]),
    (20e3, [4.0, 0.239, 16.0, NONE, NONE, NONE, 0.859, NONE, NONE]),
    (50e3, [3.65, 0.221, 14.7, NONE, NONE, NONE, 0.876, NONE, NONE]),
    (100e3, [3.51, 0.208, 13.9, 0.42, 0.32, 0.925, 0.890, 0.73, NONE]),
    (150e3, [3.47, 0.200, 13.4, 0.427, 0.323, 0.928, 0.898, 0.73, 0.36]),
    (200e3, [3.43, 0.194, 13.1, 0.433, 0.328, 0.930, 0.904, 0.74, 0.37]),
    (500e3, [3.34, 0.177, 12.2, 0.443, 0.340, 0.936, 0.920, 0.76, 0.43]),
    (1e6, [3.25, 0.159, 11.2, 0.454, 0.351, 0.942, 0.935, 0.78, 0.49]),
];

/// The ratio of discriminator loss to entropy at its steps.
const RATIO: [(f64, f64); 4] = [(150e3, 0.64), (200e3, 0.63), (500e3, 0.58), (1e6, 0.53)];

/// Published tokens and values of a field, in ascending order.
pub(super) fn points(field: &str) -> Vec<(f64, f64)> {
    let tokens = |&(step, value): &(f64, f64)| (step * TOKENS_PER_STEP, value);
    if field == "rtd_loss_over_entropy" {
        return RATIO.iter().map(tokens).collect();
    }
    let Some(column) = FIELDS.iter().position(|&name| name == field) else { return Vec::new() };
    let values = ROWS.iter().map(|(step, values)| (*step, values[column]));
    values.filter(|(_, value)| !value.is_nan()).map(|point| tokens(&point)).collect()
}

/// The value of a field after that many tokens, between neighbouring points linear in the
/// logarithm of the tokens; none outside of the published range.
pub(super) fn at(field: &str, tokens: f64) -> Option<f64> {
    let points = points(field);
    points.windows(2).find_map(|pair| {
        let ((t0, v0), (t1, v1)) = (pair[0], pair[1]);
        let part = (tokens / t0).ln() / (t1 / t0).ln();
        (0.0..=1.0).contains(&part).then_some(v0 + part * (v1 - v0))
    })
}

/// The value of a field at the end, after one million steps.
pub(super) fn at_end(field: &str) -> Option<f64> {
    points(field).last().map(|&(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_the_generators_loss_and_fifty_times_the_discriminators() {
        for (step, values) in ROWS.iter().filter(|(step, _)| *step >= 50e3) {
            let [mlm, rtd, total, ..] = values;
            assert!((mlm + 50.0 * rtd - total).abs() < 0.12, "step {step}");
        }
    }

    #[test]
    fn values_are_interpolated_between_points_and_nowhere_else() {
        assert_eq!(at("rtd_auc", 100e3 * TOKENS_PER_STEP), Some(0.890));
        let between = at("loss", (500e3f64 * 1e6).sqrt() * TOKENS_PER_STEP).unwrap();
        assert!((between - 11.7).abs() < 1e-9, "{between}");
        assert_eq!(at("rtd_auc", 1e6), None);
        assert_eq!(at("rtd_auc", 1e12), None);
        assert_eq!(at("fake_rate", 1e9), None);
        assert_eq!(at_end("rtd_loss_over_entropy"), Some(0.53));
        assert_eq!(at_end("fake_rate"), None);
    }
}
