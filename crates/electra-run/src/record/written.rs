//! Durations and counts as they are written in lines and pages.

use std::fmt;

/// A duration in its two largest units: `45 s`, `3 min 20 s`, `2 h 05 min`, `4 d 03 h`;
/// from two years on in years: `20.7 years`.
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
            86_400..63_158_400 => write!(f, "{} d {:02} h", s / 86_400, s % 86_400 / 3_600),
            _ => write!(f, "{:.1} years", seconds / (365.25 * 86_400.0)),
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

/// A number from ten thousand on in three digits and a word: `14.2 million`.
#[must_use]
pub fn rounded(value: f64) -> String {
    let (unit, name) = match value.abs() {
        1e12.. => (1e12, " trillion"),
        1e9.. => (1e9, " billion"),
        1e6.. => (1e6, " million"),
        1e4.. => return thousands(value.round() as u64),
        _ => return if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") },
    };
    let value = value / unit;
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (63_158_399.0, "730 d 23 h"),
            (653_961_600.0, "20.7 years"),
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

    #[test]
    fn large_numbers_are_words() {
        let cases = [
            (5.0, "5"),
            (0.5, "0.500"),
            (14_196.0, "14,196"),
            (14_196_219.0, "14.2 million"),
            (1.5e9, "1.50 billion"),
            (6.4e14, "640 trillion"),
        ];
        for (value, text) in cases {
            assert_eq!(rounded(value), text);
        }
    }
}
