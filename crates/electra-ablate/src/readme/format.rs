//! Number formats of prose and tables: `:.2`, `:+.3`, `:.1%`, `:,`, `:p`.

use electra_run::record::thousands;

/// The most decimals: no measurement here has more that mean something.
const MAX_DECIMALS: usize = 9;

/// The format of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Format {
    /// A `+` before what is not negative.
    signed: bool,
    /// Commas between thousands.
    grouped: bool,
    /// Digits behind the point; none: those of the quantity.
    decimals: Option<usize>,
    /// Multiplication by 100, with a percent sign.
    percent: bool,
    /// As a probability with its sign: `= 0.031`, `< 0.001`.
    probability: bool,
}

impl Format {
    /// From `+`, `,`, `.2` and `%`, in this order and each or none of them, or `p` alone.
    #[must_use]
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "p" {
            return Some(Self { probability: true, ..Self::default() });
        }
        let (signed, text) = taken(text, '+');
        let (grouped, text) = taken(text, ',');
        let (percent, text) = match text.strip_suffix('%') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let decimals = match text.strip_prefix('.') {
            Some(digits) if digits.len() == 1 => Some(digits.parse().ok().filter(|n| *n <= MAX_DECIMALS)?),
            None if text.is_empty() => None,
            _ => return None,
        };
        Some(Self { signed, grouped, decimals, percent, probability: false })
    }

    /// The number with so many decimals, unless the format says how many.
    #[must_use]
    pub(super) fn write(self, number: f64, decimals: usize) -> String {
        if self.probability {
            let number = format!("{number:.3}");
            return if number == "0.000" { "< 0.001".to_owned() } else { format!("= {number}") };
        }
        let number = if self.percent { 100.0 * number } else { number };
        let decimals = self.decimals.unwrap_or(decimals);
        let text = format!("{:.decimals$}", number.abs());
        let is_zero = text.chars().all(|c| matches!(c, '0' | '.'));
        let sign = match number < 0.0 && !is_zero {
            true => "-",
            false if self.signed => "+",
            false => "",
        };
        let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
        match whole.parse() {
            Ok(whole) if self.grouped => format!("{sign}{}{rest}", thousands(whole)),
            _ => format!("{sign}{text}"),
        }
    }
}

fn taken(text: &str, prefix: char) -> (bool, &str) {
    text.strip_prefix(prefix).map_or((false, text), |rest| (true, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_format_says() {
        for (format, number, text) in [
            ("", 0.7264, "0.726"),
            (".2", 0.7264, "0.73"),
            ("+.1", 0.0, "+0.0"),
            ("+", -0.05, "-0.050"),
            // What is rounded to nothing has no sign.
            (".1", -0.04, "0.0"),
            (".1%", 0.4083, "40.8"),
            ("+,.0", 38_000.0, "+38,000"),
            (",.1", -1_234.56, "-1,234.6"),
            (",.0", 1e30, "1000000000000000019884624838656"),
            ("p", 0.956, "= 0.956"),
            ("p", 0.0001, "< 0.001"),
        ] {
            assert_eq!(Format::parse(format).unwrap().write(number, 3), text, "{format}");
        }
    }

    #[test]
    fn what_is_no_format_is_none() {
        for text in [".", ".10", "2", "%+", ".2p", "x", ",+"] {
            assert_eq!(Format::parse(text), None, "{text}");
        }
    }
}
