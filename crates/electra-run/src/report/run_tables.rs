//! Tables that the report of every run has: what happened, and what the run was made with.

use serde::Serialize;
use serde_json::Value;

use crate::record::{Record, rounded, thousands};

/// One event of a run, as the report shows it.
#[derive(Debug, Serialize)]
pub struct Event {
    /// Date and time in UTC.
    pub time: String,
    /// The step it happened at.
    pub step: String,
    /// The description of the event.
    pub text: String,
}

/// Starts, resumptions, messages and the end of a run, in the order of its log.
#[must_use]
pub fn events(records: &[Record]) -> Vec<Event> {
    let event = |record: &Record| {
        let field = |name: &str| record.fields.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        let text = match record.kind.as_str() {
            "start" => "started".to_owned(),
            "resume" => "resumed".to_owned(),
            "event" => field("message"),
            "end" => format!("ended: {}", field("reason")),
            _ => return None,
        };
        Some(Event { time: date(record.time), step: thousands(record.step), text })
    };
    records.iter().filter_map(event).collect()
}

/// The rows about program, machine and model from `run.json`, and after them `fields` of the log, each by its
/// name in words.
#[must_use]
pub fn environment(run: &Value, records: &[Record], fields: &[&str]) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    flatten("", run, &mut rows);
    for field in fields {
        if let Some(value) = records.iter().find_map(|record| record.fields.get(*field)) {
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
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&format!("{name} {}", index + 1), item, rows);
            }
        }
        Value::Null => {}
        Value::String(text) => rows.push((words(name), text.clone())),
        Value::Number(number) if name == "start" => {
            rows.push((words(name), date(number.as_f64().unwrap_or(0.0))))
        }
        Value::Bool(value) => rows.push((words(name), if *value { "yes" } else { "no" }.to_owned())),
        Value::Number(number) if number.is_u64() => {
            rows.push((words(name), thousands(number.as_u64().unwrap_or(0))));
        }
        Value::Number(number) => rows.push((words(name), rounded(number.as_f64().unwrap_or(0.0)))),
        other => rows.push((words(name), other.to_string())),
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
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
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_is_a_row_in_words() {
        let run =
            json!({"start": 1_735_689_600u64, "machine": {"memory_mb": 25_276, "host": "m"}, "none": null});
        let records = [Record {
            kind: "start".to_owned(),
            step: 0,
            time: 0.0,
            fields: json!({
                "lineage": {"is_unfinished": false, "ancestors": [{"model": "runs/a"}]},
                "flops_per_step": 3.25e12,
            })
            .as_object()
            .unwrap()
            .clone(),
        }];
        let rows = environment(&run, &records, &["lineage", "flops_per_step"]);
        let rows: Vec<_> = rows.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            rows,
            [
                ("start", "2025-01-01 00:00 UTC"),
                ("machine: memory mb", "25,276"),
                ("machine: host", "m"),
                ("lineage: is unfinished", "no"),
                ("lineage: ancestors 1: model", "runs/a"),
                ("flops per step", "3.25 trillion"),
            ]
        );
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases = [
            (0.0, "1970-01-01 00:00 UTC"),
            (951_782_340.0, "2000-02-28 23:59 UTC"),
            (951_782_400.0, "2000-02-29 00:00 UTC"),
            (1_709_251_199.9, "2024-02-29 23:59 UTC"),
            (1_735_689_600.0, "2025-01-01 00:00 UTC"),
            (4_107_542_400.0, "2100-03-01 00:00 UTC"),
        ];
        for (seconds, text) in cases {
            assert_eq!(date(seconds), text);
        }
    }
}
