//! One line per interval for pipes and logs.

use std::fmt;

use super::TrainRecord;

/// The line that tells how training stands at `step` of `total_steps`.
///
/// ```text
/// step  1,200/10,000  loss 14.32 (mlm 5.91 + rtd 0.168)  lr 4.80e-4  norm 0.93  12,345 tok/s  41% of peak  RSS 812 MB  ETA 1 h 03 min
/// ```
///
/// A loss that the objective does not have is left out.
#[must_use]
pub fn line(step: u64, total_steps: u64, record: &TrainRecord, seconds_left: f64) -> String {
    let total = thousands(total_steps);
    let peak = record.peak_fraction.map_or(String::new(), |part| format!("  {:.0}% of peak", part * 100.0));
    let parts = [
        record.mlm_loss.map(|loss| format!("mlm {loss:.2}")),
        record.rtd_loss.map(|loss| format!("rtd {loss:.3}")),
        record.prediction_loss.map(|loss| format!("prediction {loss:.2}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!(
        "step {:>width$}/{total}  loss {:.2} ({})  lr {:.2e}  norm {:.2}  {} tok/s{peak}  RSS {} MB  ETA {}",
        thousands(step),
        record.loss,
        parts.join(" + "),
        record.learning_rate,
        record.grad_norm,
        thousands(record.tokens_per_second.round() as u64),
        thousands(record.rss_mb.round() as u64),
        duration(seconds_left),
        width = total.len(),
    )
}

/// A duration in its two largest units: `45 s`, `3 min 20 s`, `2 h 05 min`, `4 d 03 h`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    Seconds(seconds).to_string()
}

/// Seconds, displayed as [`duration`] does, without memory of its own.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(seconds) = *self;
        if !seconds.is_finite() || seconds < 0.0 {
            return f.write_str("?");
        }
        if seconds < 9.95 {
            return write!(f, "{seconds:.1} s");
        }
        let s = seconds.round() as u64;
        match s {
            0..60 => write!(f, "{s} s"),
            60..3_600 => write!(f, "{} min {:02} s", s / 60, s % 60),
            3_600..86_400 => write!(f, "{} h {:02} min", s / 3_600, s % 3_600 / 60),
            _ => write!(f, "{} d {:02} h", s / 86_400, s % 86_400 / 3_600),
        }
    }
}

/// A number with commas between its thousands.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_everything_in_fixed_places() {
        let record = TrainRecord {
            loss: 14.318,
            mlm_loss: Some(5.912),
            rtd_loss: Some(0.1681),
            learning_rate: 4.8e-4,
            grad_norm: 0.934,
            tokens_per_second: 12_344.6,
            peak_fraction: Some(0.412),
            rss_mb: 1_812.4,
            ..TrainRecord::default()
        };
        assert_eq!(
            line(1_200, 10_000, &record, 3_780.0),
            "step  1,200/10,000  loss 14.32 (mlm 5.91 + rtd 0.168)  lr 4.80e-4  norm 0.93  12,345 tok/s  \
             41% of peak  RSS 1,812 MB  ETA 1 h 03 min"
        );
        let predicted = TrainRecord { rtd_loss: None, prediction_loss: Some(4.004), ..record };
        assert!(line(1, 10, &predicted, 1.0).contains("loss 14.32 (mlm 5.91 + prediction 4.00)  lr"));
        let unmeasured = TrainRecord { peak_fraction: None, ..record };
        assert!(!line(1, 10, &unmeasured, 1.0).contains("peak"));
    }

    #[test]
    fn a_loss_that_is_not_a_number_is_shown_as_such() {
        let record = TrainRecord { loss: f64::NAN, ..TrainRecord::default() };
        assert!(line(1, 2, &record, f64::NAN).contains("loss NaN"));
        assert!(line(1, 2, &record, f64::NAN).ends_with("ETA ?"));
    }

    #[test]
    fn durations_have_two_units() {
        let cases = [
            (0.0, "0.0 s"),
            (1.24, "1.2 s"),
            (9.96, "10 s"),
            (59.4, "59 s"),
            (59.6, "1 min 00 s"),
            (3_599.9, "1 h 00 min"),
            (90_000.0, "1 d 01 h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(duration(f64::INFINITY), "?");
        assert_eq!(duration(-1.0), "?");
    }

    #[test]
    fn thousands_are_parted() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(thousands(number), text);
        }
    }
}
