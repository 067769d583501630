//! The results of a run, as a table and as a list.

use std::fmt::Write;

use crate::driver::Tally;
use crate::verdict::Fault;

/// A line for each reader: inputs, faults by kind, and how many inputs reached each stage.
#[must_use]
pub fn table(tallies: &[Tally]) -> String {
    let mut rows = vec![["reader", "inputs", "a second"].map(str::to_owned).to_vec()];
    rows[0].extend(Fault::ALL.map(|fault| fault.title().to_owned()));
    for tally in tallies {
        let rate = tally.inputs as f64 / tally.seconds.max(1e-3);
        let mut row = vec![tally.reader.clone(), tally.inputs.to_string(), format!("{rate:.0}")];
        row.extend(Fault::ALL.map(|fault| tally.of(fault).to_string()));
        rows.push(row);
    }
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            text += &if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
        }
        text += "  ";
        text += &match number.checked_sub(1) {
            None => "inputs that reach each stage".to_owned(),
            Some(number) => stages(&tallies[number]),
        };
        text.push('\n');
    }
    text
}

fn stages(tally: &Tally) -> String {
    let mut parts: Vec<String> =
        tally.stages.iter().map(|(stage, count)| format!("{stage} {count}")).collect();
    if !tally.unconfirmed.is_empty() {
        parts.push(format!("({} faults that did not come again)", tally.unconfirmed.len()));
    }
    if tally.given_up {
        parts.push(format!("(given up at input {})", tally.next));
    }
    parts.join(", ")
}

/// Every fault once, with the case that shows it.
#[must_use]
pub fn findings(tallies: &[Tally]) -> String {
    let mut text = String::new();
    for tally in tallies {
        for finding in &tally.findings {
            let verdict = &finding.verdict;
            let first = verdict.message.lines().next().unwrap_or_default();
            let _ = writeln!(text, "{}: {:?} at {}: {first}", tally.reader, verdict.fault, verdict.place);
            let _ = writeln!(text, "    electra-fuzz replay {} {}", tally.reader, finding.case.display());
        }
    }
    text
}
