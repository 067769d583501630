//! doccano: JSON lines of both generations.
//!
//! ```text
//! {"id": 1, "text": "In Rome", "label": [[3, 7, "LOC"]]}                                   or "labels", "data"
//! {"id": 1, "text": "In Rome", "entities": [{"id": 0, "label": "LOC", "start_offset": 3, "end_offset": 7}],
//!  "relations": []}                                                          or "entities": [[3, 7, "LOC"]]
//! ```
//!
//! Offsets count UTF-16 units, code points or grapheme clusters, by version and by a setting of the project,
//! and no record says which.

use electra_text::corpus::json_object::Value;
use serde_json::json;

use crate::read::beside::Beside;
use crate::read::error::ReadError;
use crate::read::input::Input;
use crate::read::objects::{Fault, Object};
use crate::read::options::ReadOptions;
use crate::read::records::each_record;
use crate::read::spans::CharSpan;
use crate::read::target::{WrittenFiles, json_lines};
use crate::read::text::{AnnotatedText, Take};

const TEXTS: [&str; 2] = ["text", "data"];
const SPANS: [&str; 4] = ["label", "labels", "entities", "annotations"];

pub(in crate::read) fn recognises(input: &Input<'_>) -> bool {
    input.first_object().is_some_and(|record| {
        let has = |name: &str| record.get(name).is_some();
        let is_text =
            TEXTS.iter().any(|name| record.get(name).is_some_and(|text| text.raw().starts_with('"')));
        is_text && SPANS.iter().any(|name| has(name)) && !["spans", "tokens"].iter().any(|name| has(name))
    })
}

pub(in crate::read) fn each_text(
    input: &Input<'_>,
    _: &ReadOptions,
    take: Take<'_>,
) -> Result<Beside, ReadError> {
    let mut beside = Beside::default();
    each_record(input.path, &input.text, |place, text| {
        let record = Object::record(input.path, place, text)?;
        Ok(take(read(&record, &mut beside)?)?)
    })?;
    Ok(beside)
}

fn read(record: &Object<'_>, beside: &mut Beside) -> Result<AnnotatedText, Fault> {
    let Some((name, text)) = record.any(&TEXTS) else {
        return Err(record.missing("\"text\" with \"label\", \"labels\" or \"entities\""));
    };
    let text = record.string(text, name)?;
    let Some((name, list)) = record.any(&SPANS) else {
        return Err(record.missing("\"label\", \"labels\" or \"entities\", a list of spans"));
    };
    if !list.raw().starts_with('[') {
        return Err(record.other_task("the classification of texts"));
    }
    let mut spans = Vec::new();
    for (at, value) in record.list(list, name)?.into_iter().enumerate() {
        let what = format!("{name}[{at}]");
        spans.push(match value.kind()? {
            "a list" => of_list(record, value, &what)?,
            "an object" => of_object(record, value, &what)?,
            // Labels of the whole text, or a summary of it.
            "a string" | "a number" => return Err(record.other_task("the classification of texts")),
            _ => return Err(record.wrong(value, &what, "[start, end, type]")),
        });
    }
    if let Some(relations) = record.get("relations") {
        beside.passed_over.other_annotations += record.list(relations, "relations")?.len();
    }
    Ok(AnnotatedText {
        line: record.line(),
        record: record.record_place(),
        text,
        spans,
        ..AnnotatedText::default()
    })
}

/// A span as `[start, end, type]`.
fn of_list<'a>(record: &Object<'a>, value: Value<'a>, what: &str) -> Result<CharSpan, Fault> {
    match record.list(value, what)?.as_slice() {
        &[start, end, label] => Ok(CharSpan::new(
            record.line(),
            record.integer(start, &format!("{what}[0]"))?,
            record.integer(end, &format!("{what}[1]"))?,
            record.label(label, &format!("{what}[2]"))?,
        )),
        other => {
            let found = format!("a list of {} at {what}", other.len());
            Err(record.error(record.line_of(value), found, "[start, end, type]"))
        }
    }
}

/// A span as an object with its offsets.
fn of_object<'a>(record: &Object<'a>, value: Value<'a>, what: &str) -> Result<CharSpan, Fault> {
    let span = record.object(value, what)?;
    let bound = |name: &str| {
        let value = span.needed(name, "a whole number")?;
        span.integer(value, &format!("{what}.{name}"))
    };
    let label = span.needed("label", "the name of a type")?;
    if label.integer().is_some() {
        let found = format!("the number of a type at {what}.label");
        return Err(record.error(
            record.line(),
            found,
            "its name: export the project with the texts of its labels",
        ));
    }
    let label = span.label(label, &format!("{what}.label"))?;
    Ok(CharSpan::new(record.line(), bound("start_offset")?, bound("end_offset")?, label))
}

/// Writes the first generation, with offsets in code points.
pub(in crate::read) fn write(texts: &[AnnotatedText]) -> WrittenFiles {
    json_lines(texts.iter().enumerate().map(|(at, text)| {
        let spans: Vec<_> = text.spans.iter().map(|span| json!([span.start, span.end, span.label])).collect();
        json!({ "id": at + 1, "text": text.text, "label": spans })
    }))
}
