//! The tables of the page.

use serde::Serialize;
use serde_json::Value;

use electra_run::record::{duration, thousands};

use super::history::History;
use super::published;
use crate::metrics::table::{Better, METRICS};

/// How the run stands, in one line.
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
        fact("tokens", history.tokens().map(count)),
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
        fact("parameters", parameters(history).map(count)),
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

/// What the last evaluation was one on, where its record says so.
pub(super) fn measured_on(history: &History) -> Option<String> {
    let last = history.eval.last()?;
    Some(match last.heldout_measure() {
        Some(measure) => measure.to_string(),
        None => "the first held-out rows, as many as the recipe asks for".to_owned(),
    })
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
        row("Tokens", plan.tokens as f64, history.tokens(), count),
        row("Epochs", plan.epochs, history.train.last().and_then(|last| last.number("epoch")), epochs),
        row("Tokens per second", plan.tokens_per_second, history.median("tokens_per_second"), rate),
        row("Memory at most", plan.peak_rss_mb, history.largest("rss_mb"), mb),
        row("Disk", plan.disk_mb, Some(disk as f64 / 1e6), mb),
    ])
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    time: String,
    step: String,
    text: String,
}

pub(super) fn events(history: &History) -> Vec<Event> {
    let text = |record: &electra_run::record::Record| {
        let field = |name: &str| record.fields.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        match record.kind.as_str() {
            "start" => Some("started".to_owned()),
            "resume" => Some("resumed".to_owned()),
            "event" => Some(field("message")),
            "end" => Some(format!("ended: {}", field("reason"))),
            _ => None,
        }
    };
    let event = |record: &electra_run::record::Record| {
        Some(Event { time: date(record.time), step: thousands(record.step), text: text(record)? })
    };
    history.records.iter().filter_map(event).collect()
}

/// Everything that `run.json` and the start say about program, machine and model, by name.
pub(super) fn environment(run: &Value, history: &History) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    flatten("", run, &mut rows);
    for field in ["parameters", "flops_per_step"] {
        if let Some(value) = history.records.iter().find_map(|record| record.fields.get(field)) {
            flatten(field, value, &mut rows);
        }
    }
    rows
}

fn flatten(name: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = if name.is_empty() { key.clone() } else { format!("{name}: {key}") };
                flatten(&name, value, rows);
            }
        }
        Value::Null => {}
        Value::String(text) => rows.push((words(name), text.clone())),
        Value::Number(number) if name == "start" => {
            rows.push((words(name), date(number.as_f64().unwrap_or(0.0))))
        }
        Value::Number(number) if number.is_u64() => {
            rows.push((words(name), thousands(number.as_u64().unwrap_or(0))));
        }
        Value::Number(number) => rows.push((words(name), count(number.as_f64().unwrap_or(0.0)))),
        other => rows.push((words(name), other.to_string())),
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// A large number in three digits and a word.
fn count(value: f64) -> String {
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

/// Unix seconds as date and time in UTC.
fn date(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    // Days to a date of the Gregorian calendar: H. Hinnant, "chrono-compatible low-level date
    // algorithms", `civil_from_days`.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let of_day = seconds % 86_400;
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", of_day / 3_600, of_day % 3_600 / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases = [
            (0.0, "1970-01-01 00:00 UTC"),
            (951_782_400.0, "2000-02-29 00:00 UTC"),
            (1_709_251_199.9, "2024-02-29 23:59 UTC"),
            (1_735_689_600.0, "2025-01-01 00:00 UTC"),
            (4_107_542_400.0, "2100-03-01 00:00 UTC"),
        ];
        for (seconds, text) in cases {
            assert_eq!(date(seconds), text);
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
            assert_eq!(count(value), text);
        }
    }
}
