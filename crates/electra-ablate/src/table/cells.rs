//! Cells of a table, and the table as text.

use electra_files::shown::{column_width, in_markdown};

use crate::metric::Metric;
use crate::statistics::equivalence::{Equivalence, Verdict};
use crate::statistics::{Paired, Sample};

/// A table of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub head: Vec<String>,
    /// The rows of cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The table as Markdown. The first column is names, which may be of somebody else; the others are ours,
    /// and stand at the right.
    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cell = |(i, text): (usize, &String)| if i == 0 { in_markdown(text) } else { text.clone() };
            format!("| {} |\n", cells.iter().enumerate().map(cell).collect::<Vec<_>>().join(" | "))
        };
        let rule: Vec<String> =
            (0..self.head.len()).map(|i| if i == 0 { "---" } else { "---:" }.to_owned()).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{}{rows}", line(&self.head), line(&rule))
    }

    /// In aligned columns.
    #[must_use]
    pub fn text(&self) -> String {
        let all = || std::iter::once(&self.head).chain(&self.rows);
        let width = |i: usize| column_width(all().map(|row| row[i].as_str()));
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cell = |(i, text): (usize, &String)| match i {
                0 => format!("{text:<width$}", width = widths[i]),
                _ => format!("{text:>width$}", width = widths[i]),
            };
            let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
            format!("{}\n", cells.join("  ").trim_end())
        };
        all().map(line).collect()
    }
}

/// The way in which names, which may be of somebody else, are written in a sentence.
pub(crate) struct NameStyle {
    pub(crate) text: fn(&str) -> String,
    pub(crate) code: fn(&str) -> String,
}

/// A verdict with the probability that decides it: of the two one-sided tests, or of the paired t test after
/// Holm's correction, which is another than that of the sign flips beside it.
pub(super) fn verdict_with_p(tests: &Equivalence) -> String {
    let p = match tests.verdict {
        Verdict::Equivalent => tests.p,
        Verdict::Different => tests.p_difference,
        Verdict::NotToldApart => None,
    };
    let words = tests.verdict.words();
    p.map_or_else(|| words.to_owned(), |p| format!("{words}, p {}", probability(p)))
}

/// A mean difference with its interval.
pub(super) fn difference(paired: &Paired, metric: Metric) -> String {
    let decimals = metric.decimals();
    let mean = format!("{:+.decimals$}", paired.difference.mean);
    match paired.interval {
        Some([low, high]) => format!("{mean} [{low:+.decimals$}, {high:+.decimals$}]"),
        None => format!("{mean} (one pair)"),
    }
}

/// Mean and deviation; of one value, the value and that it is one.
#[must_use]
pub fn spread(sample: &Sample, decimals: usize) -> String {
    match sample.sd {
        Some(sd) => format!("{:.decimals$} ± {sd:.decimals$}", sample.mean),
        None => format!("{:.decimals$} (one seed)", sample.mean),
    }
}

/// A number with its noun: `1 seed`, `3 seeds`.
#[must_use]
pub fn with_noun(count: usize, noun: &str) -> String {
    let number = electra_run::record::thousands(count as u64);
    if count == 1 { format!("{number} {noun}") } else { format!("{number} {noun}s") }
}

pub(super) fn probability(p: f64) -> String {
    if p < 0.0005 { format!("{p:.0e}") } else { format!("{p:.3}") }
}

pub(super) fn count(number: u64) -> String {
    electra_run::record::thousands(number)
}

pub(super) fn empty_cell() -> String {
    "–".to_owned()
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn in_list(words: &[impl AsRef<str>]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [some @ .., last] => {
            let some: Vec<&str> = some.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", some.join(", "), last.as_ref())
        }
    }
}

/// A margin with the decimals of its metric, and more if those would hide it.
pub(super) fn in_units(margin: f64, metric: Metric) -> String {
    let decimals = metric.decimals();
    let text = format!("{margin:.decimals$}");
    if text.parse() == Ok(margin) { text } else { margin.to_string() }
}
