//! The findings of `electra check ner`, as text.

use std::collections::BTreeSet;
use std::fmt::Write;

use electra_annotations::{
    CheckReport, Drift, InvalidTransition, Leak, PassedOver, Scheme, SplitReport, WordDivision,
};
use electra_files::shown::column_width;

use crate::commands::data::meter::count;
use crate::commands::data::warnings::unknown;

/// What comes of a vocabulary that does not suit the sentences, and what to do.
const CONSEQUENCE: &str = "the model sees nothing but [UNK] there, tells no such word from another, and can tag it by \
    its neighbours alone; take a model whose vocabulary is of the language and script of these files";

/// The whole report; for each finding at most `places` are named.
pub fn text(report: &CheckReport, places: usize) -> String {
    let mut out = String::new();
    for split in &report.splits {
        // Writing to a string cannot fail.
        let _ = describe(&mut out, split, report, places);
    }
    let _ = types(&mut out, report);
    for drift in &report.drift {
        let _ = compare(&mut out, drift);
    }
    for leak in &report.leaks {
        let _ = shared(&mut out, leak, places);
    }
    out
}

fn describe(out: &mut String, split: &SplitReport, report: &CheckReport, places: usize) -> std::fmt::Result {
    if split.name == split.path {
        writeln!(out, "{}", split.path)?;
    } else {
        writeln!(out, "{}: {}", split.name, split.path)?;
    }
    writeln!(out, "  form        {}", split.format)?;
    if let Some(offsets) = &split.offsets {
        writeln!(out, "  offsets     {offsets}")?;
    }
    if split.words == WordDivision::Characters {
        writeln!(out, "  words       every character of a script without spaces is a word")?;
    }
    let changed = match (split.scheme, split.changed_tags) {
        (Scheme::Iob2, 0) => String::new(),
        (_, changed) => format!(", {} changed to IOB2", counted(changed, "tag")),
    };
    writeln!(out, "  scheme      {}{changed}", split.scheme)?;
    writeln!(
        out,
        "  size        {}, {}, {}",
        counted(split.sentences, "sentence"),
        counted(split.tokens, "token"),
        counted_as(split.entities, "entity", "entities")
    )?;
    if split.marks_documents {
        writeln!(out, "  documents   {}", count(split.documents as u64))?;
    } else {
        writeln!(out, "  documents   no boundaries marked, all one document")?;
    }
    if split.answers.passed_over() > 0 {
        writeln!(
            out,
            "  passed over {} rejected by an annotator, {} ignored",
            counted(split.answers.rejected, "record"),
            count(split.answers.ignored as u64)
        )?;
    }
    if split.answers.unknown > 0 {
        writeln!(
            out,
            "  answers     {} with an answer other than accept, reject and ignore: taken for gold",
            counted(split.answers.unknown, "record")
        )?;
    }
    for (number, what) in passed_over(split.passed_over) {
        writeln!(out, "  passed over {} {what}", count(number as u64))?;
    }
    if split.comments > 0 {
        writeln!(out, "  comments    {}", counted(split.comments, "line"))?;
    }
    for (at, long) in split.longest.iter().enumerate() {
        let label = if at == 0 { "longest" } else { "" };
        let dots = if long.tokens > 8 { " ..." } else { "" };
        writeln!(
            out,
            "  {label:<10}  {} {} at line {}: {}{dots}",
            long.length, report.unit, long.line, long.text
        )?;
    }
    if let Some(coverage) = &split.coverage {
        if coverage.exceeds_limit() {
            writeln!(out, "! unknown     {}: {CONSEQUENCE}", unknown(coverage))?;
        } else {
            writeln!(out, "  unknown     {}", unknown(coverage))?;
        }
    }
    let long = &split.too_long;
    if long.sentences > 0 {
        let at_least = if report.unit == "words" { "at least " } else { "" };
        writeln!(
            out,
            "! too long    {at_least}{} with {} ({} %) over the window of {}: {}",
            counted(long.sentences, "sentence"),
            counted(long.tokens, "token"),
            percent(long.tokens as f64 / split.tokens as f64),
            report.window,
            list(long.lines.iter(), places, |line| format!("line {line}"))
        )?;
    }
    if !split.invalid_transitions.is_empty() {
        writeln!(
            out,
            "! invalid     {}, read as conlleval does: {}",
            counted(split.invalid_transitions.len(), "transition"),
            list(split.invalid_transitions.iter(), places, transition)
        )?;
    }
    if !split.misaligned_spans.is_empty() {
        writeln!(
            out,
            "! left out    {}, which count as missed where they are scored",
            counted(split.misaligned_spans.len(), "span")
        )?;
        for span in &split.misaligned_spans {
            writeln!(out, "              {span}")?;
        }
    }
    let copies = &split.duplicates;
    if copies.sentences > 0 {
        writeln!(
            out,
            "! duplicates  {}, {} with other tags: {}",
            counted(copies.sentences, "sentence"),
            copies.contradictions,
            list(copies.groups.iter(), places, |group| {
                let again = if group.contradiction { " (other tags)" } else { "" };
                format!(
                    "line {} = {}{again}",
                    group.lines[0],
                    list(group.lines[1..].iter(), 3, ToString::to_string)
                )
            })
        )?;
    }
    writeln!(out)
}

/// What was passed over, each with its number.
pub fn passed_over(passed_over: PassedOver) -> impl Iterator<Item = (usize, &'static str)> {
    let PassedOver { other_annotators, unannotated, other_annotations, untyped, repeated } = passed_over;
    let all = [
        (other_annotators, "annotations of other annotators"),
        (unannotated, "texts that nobody has annotated"),
        (other_annotations, "annotations that are no entities"),
        (untyped, "spans without a type"),
        (repeated, "spans that say what another one says"),
    ];
    all.into_iter().filter(|(number, _)| *number > 0)
}

/// A row for each type, two columns for each file.
fn types(out: &mut String, report: &CheckReport) -> std::fmt::Result {
    let kinds: BTreeSet<&String> = report.splits.iter().flat_map(|split| split.types.keys()).collect();
    let total =
        |kind: &str| -> usize { report.splits.iter().filter_map(|split| split.types.get(kind)).sum() };
    let mut kinds: Vec<&String> = kinds.into_iter().collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(total(kind)));
    let width = column_width(kinds.iter().map(|kind| kind.as_str()).chain(["entities"]));
    let widths: Vec<usize> =
        report.splits.iter().map(|split| column_width([split.name.as_str()]).max(18)).collect();
    let mut row = |label: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: String = cells.zip(&widths).map(|(cell, width)| format!("  {cell:>width$}")).collect();
        writeln!(out, "{label:<width$}{cells}")
    };
    row("type", &mut report.splits.iter().map(|split| split.name.clone()))?;
    for kind in kinds {
        row(
            kind,
            &mut report.splits.iter().map(|split| match split.types.get(kind) {
                Some(&entities) => {
                    let share = percent(entities as f64 / split.entities as f64);
                    format!("{} {share:>6} %", count(entities as u64))
                }
                None => "none         ".into(),
            }),
        )?;
    }
    row(
        "entities",
        &mut report.splits.iter().map(|split| format!("{}         ", count(split.entities as u64))),
    )?;
    writeln!(out)
}

fn compare(out: &mut String, drift: &Drift) -> std::fmt::Result {
    writeln!(
        out,
        "{} against {}: types differ by {} %, {:.1} and {:.1} entities in 100 tokens",
        drift.split,
        drift.reference,
        percent(drift.distance),
        drift.density,
        drift.reference_density
    )?;
    let most = drift.types.iter().take(3).filter(|share| share.share != share.reference);
    let most: Vec<String> = most
        .map(|share| format!("{} {} -> {} %", share.kind, percent(share.reference), percent(share.share)))
        .collect();
    if !most.is_empty() {
        writeln!(out, "  most        {}", most.join(", "))?;
    }
    if !drift.unknown_types.is_empty() {
        let unknown: Vec<String> =
            drift.unknown_types.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
        writeln!(out, "! unknown     {} has none of {}", drift.reference, unknown.join(", "))?;
    }
    if !drift.missing_types.is_empty() {
        writeln!(out, "! missing     {} has none of {}", drift.split, drift.missing_types.join(", "))?;
    }
    Ok(())
}

fn shared(out: &mut String, leak: &Leak, places: usize) -> std::fmt::Result {
    writeln!(
        out,
        "! leak        {} of {} ({} %) also in {}, {} with entities, {} with other tags there: {}",
        counted(leak.sentences, "sentence"),
        leak.to,
        percent(leak.share),
        leak.from,
        leak.with_entities,
        leak.contradictions,
        list(leak.lines.iter(), places, |[first, second]| format!("line {second} = {first}"))
    )
}

fn transition(invalid: InvalidTransition<'_>) -> String {
    let from = invalid.from.unwrap_or("beginning");
    let to = invalid.to.unwrap_or("end");
    format!("line {} {from} -> {to} at {:?}", invalid.line, invalid.token)
}

/// The first `places` items, and how many more there are.
fn list<T>(items: impl ExactSizeIterator<Item = T>, places: usize, show: impl Fn(T) -> String) -> String {
    let more = items.len().saturating_sub(places);
    let mut shown: Vec<String> = items.take(places).map(show).collect();
    match (more, shown.is_empty()) {
        (0, _) => {}
        (more, true) => shown.push(format!("{} places", count(more as u64))),
        (more, false) => shown.push(format!("and {} more", count(more as u64))),
    }
    shown.join(", ")
}

fn counted(number: usize, noun: &str) -> String {
    counted_as(number, noun, &format!("{noun}s"))
}

fn counted_as(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { one } else { many })
}

fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}
