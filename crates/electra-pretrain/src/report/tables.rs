//! The tables of the page.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use electra_run::record::{Record, duration, rounded, thousands};

use super::history::{History, phase_name};
use super::published;
use crate::metrics::table::{Better, METRICS};

/// The status of the run, in one line.
pub(super) fn status(history: &History, planned: Option<u64>) -> String {
    let last = &history.records[history.records.len() - 1];
    let step = history.last_step();
    let of = match planned.filter(|&planned| step < planned) {
        Some(planned) => format!(" of the {} planned", thousands(planned)),
        None => String::new(),
    };
    let at = format!("at step {}{of}", thousands(step));
    match (last.kind.as_str(), last.fields.get("reason").and_then(Value::as_str)) {
        ("end", Some(reason)) => format!("ended {at}: {reason}"),
        ("end", None) => format!("ended {at}"),
        _ => format!("{at}, without an end: still running, or killed"),
    }
}

/// A number with its name, for the strip under the title.
#[derive(Debug, Serialize)]
pub(super) struct Fact {
    name: &'static str,
    value: String,
}

pub(super) fn facts(history: &History) -> Vec<Fact> {
    let fact = |name, value: Option<String>| value.map(|value| Fact { name, value });
    [
        fact("steps", Some(thousands(history.last_step()))),
        fact("tokens", history.tokens().map(rounded)),
        fact("time", Some(duration(history.seconds()))),
        fact(
            "tokens/s, median",
            history.median("tokens_per_second").map(|rate| thousands(rate.round() as u64)),
        ),
        fact("of peak, median", history.median("peak_fraction").map(|part| format!("{:.0} %", part * 100.0))),
        fact(
            "epochs",
            history.train.last().and_then(|last| last.number("epoch")).map(|epoch| format!("{epoch:.2}")),
        ),
        fact("parameters", parameters(history).map(rounded)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The total, if the start says it.
fn parameters(history: &History) -> Option<f64> {
    let parameters = history.records.iter().find_map(|record| record.fields.get("parameters"))?;
    parameters.as_f64().or_else(|| parameters.get("total")?.as_f64())
}

/// One metric of held-out data over the run.
#[derive(Debug, Serialize)]
pub(super) struct Metric {
    name: &'static str,
    unit: &'static str,
    first: String,
    best: String,
    best_step: String,
    last: String,
    published: String,
    published_end: String,
}

/// None if there is no evaluation.
pub(super) fn metrics(history: &History) -> Option<Vec<Metric>> {
    let last = history.eval.last()?;
    let tokens = history.tokens_per_step().map(|tokens| tokens * last.step as f64);
    let rows = METRICS.iter().filter(|metric| metric.is_evaluated()).filter_map(|metric| {
        let (field, name) = (metric.key, metric.title);
        let points: Vec<(f64, f64)> =
            History::points(&history.eval, field).into_iter().filter(|point| point.1.is_finite()).collect();
        let best = match metric.better {
            Better::Lower => points.iter().min_by(|a, b| a.1.total_cmp(&b.1)),
            Better::Higher => points.iter().max_by(|a, b| a.1.total_cmp(&b.1)),
            Better::Neither => None,
        };
        let show = |value: Option<f64>| value.map_or(String::new(), |value| metric.format.write(value));
        Some(Metric {
            name,
            unit: metric.unit,
            first: show(Some(points.first()?.1)),
            best: show(best.map(|point| point.1)),
            best_step: best.map_or(String::new(), |point| thousands(point.0 as u64)),
            last: show(last.number(field)),
            published: show(tokens.and_then(|tokens| published::at(field, tokens))),
            published_end: show(published::at_end(field)),
        })
    });
    Some(rows.collect())
}

/// The held-out rows of the last evaluation, where its record names them.
pub(super) fn measured_on(history: &History) -> Option<String> {
    let last = history.eval.last()?;
    Some(match last.heldout_measure() {
        Some(measure) => measure.to_string(),
        None => "the first held-out rows, as many as the recipe asks for".to_owned(),
    })
}

/// One source of a mixture.
#[derive(Debug, Serialize)]
pub(super) struct Source {
    path: String,
    share: String,
    examples: String,
    planned: String,
    read: String,
    hash: String,
}

/// The sources of a mixture by the last record of the data, of each phase where there are several; nothing for a run on
/// one data folder, which has none.
pub(super) fn sources(history: &History) -> Option<Vec<Source>> {
    let mut last: BTreeMap<u64, &Record> = BTreeMap::new();
    for record in history.records.iter().filter(|record| record.kind == "data") {
        last.insert(record.fields.get("phase").and_then(Value::as_u64).unwrap_or(0), record);
    }
    let of_phases = last.into_iter().filter_map(|(phase, record)| sources_of(phase, record));
    let sources: Vec<Source> = of_phases.flatten().collect();
    (!sources.is_empty()).then_some(sources)
}

fn sources_of(phase: u64, last: &Record) -> Option<Vec<Source>> {
    let of_source = |(source, read): (&Value, &Value)| {
        let number = |key: &str| source.get(key).and_then(Value::as_f64);
        let text = |key: &str| source.get(key).and_then(Value::as_str).map(str::to_owned);
        let path = text("path")?;
        Some(Source {
            path: if phase == 0 { path } else { format!("phase {phase}: {path}") },
            share: format!("{:.2} %", 100.0 * number("share")?),
            examples: thousands(number("examples")? as u64),
            planned: format!("{:.2}", number("repeats")?),
            read: format!("{:.2}", read.as_f64()?),
            hash: text("data_hash")?,
        })
    };
    let [sources, read] = ["sources", "repeats"].map(|key| last.fields.get(key).and_then(Value::as_array));
    sources?.iter().zip(read?).map(of_source).collect()
}

/// One phase of a run that has several.
#[derive(Debug, Serialize)]
pub(super) struct PhaseRow {
    name: String,
    first_step: String,
    steps: String,
    rows: String,
    tokens: String,
    masking: String,
    learning_rate: String,
    data: String,
    heldout_loss: String,
}

/// The phases that have begun; nothing of a run without.
pub(super) fn phases(history: &History) -> Option<Vec<PhaseRow>> {
    let row = |begun: &Record| {
        let number = |key: &str| begun.number(key).map(|number| number as u64);
        let whole = |key: &str| number(key).map_or(String::new(), thousands);
        let end = begun.step.saturating_add(number("steps").unwrap_or(0));
        let last = history.eval.iter().rfind(|eval| eval.step > begun.step && eval.step <= end);
        let data = begun.fields.get("data").and_then(Value::as_array).into_iter().flatten();
        PhaseRow {
            name: phase_name(begun),
            first_step: thousands(begun.step),
            steps: whole("steps"),
            rows: format!("{} x {}", whole("batch_size"), whole("sequence_length")),
            tokens: whole("tokens"),
            masking: begun.number("masking_probability").map_or(String::new(), |p| p.to_string()),
            learning_rate: begun.number("learning_rate").map_or(String::new(), |rate| format!("{rate:e}")),
            data: data.filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            heldout_loss: last
                .and_then(|eval| eval.number("loss"))
                .map_or(String::new(), |loss| format!("{loss:.3}")),
        }
    };
    let rows: Vec<PhaseRow> = history.phases.iter().map(row).collect();
    (!rows.is_empty()).then_some(rows)
}

/// One line of the comparison with the plan.
#[derive(Debug, Serialize)]
pub(super) struct Planned {
    name: &'static str,
    predicted: String,
    actual: String,
    /// Actual over predicted.
    ratio: String,
}

/// None if nothing was predicted. `disk` is what the folder holds, in bytes.
pub(super) fn plan(history: &History, disk: u64) -> Option<Vec<Planned>> {
    let plan = history.plan()?;
    let mb = |mb: f64| {
        if mb < 10.0 { format!("{mb:.1} MB") } else { format!("{} MB", thousands(mb.round() as u64)) }
    };
    let epochs = |epochs: f64| format!("{epochs:.2}");
    let rate = |rate: f64| format!("{} /s", thousands(rate.round() as u64));
    let row = |name, predicted: f64, actual: Option<f64>, show: fn(f64) -> String| Planned {
        name,
        predicted: show(predicted),
        actual: actual.map_or(String::new(), show),
        ratio: actual
            .filter(|_| predicted > 0.0)
            .map_or(String::new(), |actual| format!("{:.0} %", 100.0 * actual / predicted)),
    };
    Some(vec![
        row("Time", plan.seconds, Some(history.seconds()), duration),
        row("Tokens", plan.tokens as f64, history.tokens(), rounded),
        row("Epochs", plan.epochs, history.train.last().and_then(|last| last.number("epoch")), epochs),
        row("Tokens per second", plan.tokens_per_second, history.median("tokens_per_second"), rate),
        row("Memory at most", plan.peak_rss_mb, history.largest("rss_mb"), mb),
        row("Disk", plan.disk_mb, Some(disk as f64 / 1e6), mb),
    ])
}
