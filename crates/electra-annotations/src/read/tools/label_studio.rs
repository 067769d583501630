//! Label Studio: its JSON, and the shorter JSON-MIN.
//!
//! ```text
//! [{"id": 1, "data": {"text": "In Rome"}, "annotations": [{"completed_by": 7, "was_cancelled": false, "result":
//!   [{"type": "labels", "value": {"start": 3, "end": 7, "text": "Rome", "labels": ["LOC"]}}]}]}]
//! [{"id": 1, "text": "In Rome", "annotator": 7, "label": [{"start": 3, "end": 7, "text": "Rome", "labels": ["LOC"]}]}]
//! ```
//!
//! Offsets count code points since 2021 and counted UTF-16 units before; the text of each span is there.
//! A task may have annotations of several people; one that is marked as the truth counts by itself.

use std::collections::HashMap;

use electra_text::corpus::json_object::Value;
use serde_json::json;

use crate::read::beside::Beside;
use crate::read::error::ReadError;
use crate::read::input::Input;
use crate::read::objects::{Fault, Object, each_record, string};
use crate::read::options::ReadOptions;
use crate::read::spans::CharSpan;
use crate::read::target::{WrittenFiles, json_list};
use crate::read::text::{AnnotatedText, Take};

/// Annotations of a task; before version 1.0 they were completions.
const ANNOTATIONS: [&str; 2] = ["annotations", "completions"];
/// Types of results that mark spans of text, which are also the names of their labels.
const SPANS: [&str; 2] = ["labels", "hypertextlabels"];

pub(in crate::read) fn recognises(input: &Input<'_>) -> bool {
    input.first_object().is_some_and(|record| is_task(&record) || is_min(&record))
}

fn is_task(record: &Object<'_>) -> bool {
    record.get("data").is_some_and(|data| data.raw().starts_with('{'))
}

/// JSON-MIN says who has annotated and when.
fn is_min(record: &Object<'_>) -> bool {
    record.get("annotation_id").is_some()
        || record.get("annotator").is_some() && record.get("lead_time").is_some()
}

pub(in crate::read) fn each_text(
    input: &Input<'_>,
    options: &ReadOptions,
    take: Take<'_>,
) -> Result<Beside, ReadError> {
    let mut beside = Beside::default();
    // The tasks of JSON-MIN that were read, each with its annotator.
    let mut tasks: HashMap<Box<str>, String> = HashMap::new();
    each_record(input.path, &input.text, |line, text| {
        let record = Object::record(input.path, line, text)?;
        let read = match is_task(&record) {
            true => of_task(&record, options, &mut beside)?,
            false => of_min(&record, options, &mut tasks, &mut beside)?,
        };
        read.map_or(Ok(()), |text| Ok(take(text)?))
    })?;
    Ok(beside)
}

/// The text of a task, with the spans of one of its annotations.
fn of_task(
    record: &Object<'_>,
    options: &ReadOptions,
    beside: &mut Beside,
) -> Result<Option<AnnotatedText>, Fault> {
    let data = || record.object(record.needed("data", "the text of the task")?, "data");
    if options.texts_only {
        let text = text_of(&data()?, None)?;
        return Ok(Some(AnnotatedText { line: record.line(), text, ..AnnotatedText::default() }));
    }
    let mut done = Vec::new();
    if let Some((name, list)) = record.any(&ANNOTATIONS) {
        for (at, value) in record.list(list, name)?.into_iter().enumerate() {
            let annotation = record.object(value, &format!("{name}[{at}]"))?;
            match is_true(&annotation, "was_cancelled") {
                true => beside.answers.ignored += 1,
                false => done.push(annotation),
            }
        }
    }
    if done.is_empty() {
        beside.passed_over.unannotated += 1;
        return Ok(None);
    }
    let names = done.iter().map(annotator).collect::<Result<Vec<_>, _>>()?;
    let truths: Vec<usize> = (0..done.len()).filter(|&at| is_true(&done[at], "ground_truth")).collect();
    let chosen = match (&options.annotator, truths.as_slice()) {
        (Some(wanted), _) => names.iter().rposition(|name| name.answers_to(wanted)),
        (None, &[truth]) => Some(truth),
        (None, _) if done.len() == 1 => Some(0),
        (None, _) => return Err(several(record, names.iter().map(|name| name.shown()).collect())),
    };
    beside.passed_over.other_annotators += done.len() - usize::from(chosen.is_some());
    let Some(chosen) = chosen else { return Ok(None) };
    let results = done[chosen].needed("result", "a list of results")?;
    let mut spans = Vec::new();
    let (mut of_texts, mut field) = (0, None);
    for (at, value) in record.list(results, "result")?.into_iter().enumerate() {
        let what = format!("result[{at}]");
        let result = record.object(value, &what)?;
        let kind = result.get("type").map(string).transpose()?.flatten().unwrap_or_default();
        match result.get("value") {
            Some(value) if SPANS.contains(&kind.as_str()) => {
                of_span(record, value, &format!("{what}.value"), beside, &mut spans)?;
                field = field.or(result.get("to_name").map(string).transpose()?.flatten());
            }
            _ => {
                of_texts +=
                    usize::from(matches!(kind.as_str(), "choices" | "taxonomy" | "rating" | "textarea"));
                beside.passed_over.other_annotations += 1;
            }
        }
    }
    if spans.is_empty() && of_texts > 0 {
        return Err(record.other_task("the classification of texts"));
    }
    let text = text_of(&data()?, field.as_deref())?;
    Ok(Some(AnnotatedText { line: record.line(), text, spans, ..AnnotatedText::default() }))
}

/// The text of a row of JSON-MIN with its spans, unless its task was read before.
fn of_min(
    record: &Object<'_>,
    options: &ReadOptions,
    tasks: &mut HashMap<Box<str>, String>,
    beside: &mut Beside,
) -> Result<Option<AnnotatedText>, Fault> {
    if !is_min(record) {
        return Err(record.missing("\"data\" with \"annotations\", or \"annotator\" with \"annotation_id\""));
    }
    let name = annotator(record)?;
    if options.annotator.as_ref().is_some_and(|wanted| !name.answers_to(wanted)) {
        beside.passed_over.other_annotators += 1;
        return Ok(None);
    }
    if let Some(id) = record.get("id")
        && let Some(before) = tasks.insert(id.raw().into(), name.shown())
    {
        if options.annotator.is_none() && !options.texts_only {
            return Err(several(record, vec![before, name.shown()]));
        }
        beside.passed_over.other_annotators += 1;
        return Ok(None);
    }
    let mut spans = Vec::new();
    let (mut has_spans, mut of_texts) = (false, 0);
    for (field, value) in record.fields() {
        let is_span = |element: Value<'_>| {
            let mut names = Vec::new();
            let read = element.fields::<electra_text::corpus::json_object::Malformed>(|name, _| {
                names.push(name.to_owned());
                Ok(())
            });
            let has = |name: &str| names.iter().any(|found| found == name);
            read.is_ok() && has("start") && SPANS.iter().any(|name| has(name))
        };
        if value.raw().starts_with('[') {
            for (at, element) in record.list(value, field)?.into_iter().enumerate() {
                if is_span(element) {
                    has_spans = true;
                    of_span(record, element, &format!("{field}[{at}]"), beside, &mut spans)?;
                }
            }
        }
        of_texts += usize::from(matches!(field, "sentiment" | "choice" | "choices" | "class" | "category"));
        of_texts += usize::from(value.raw().starts_with("{\"choices\""));
    }
    if !has_spans && of_texts > 0 {
        return Err(record.other_task("the classification of texts"));
    }
    let text = text_of(record, None)?;
    Ok(Some(AnnotatedText { line: record.line(), text, spans, ..AnnotatedText::default() }))
}

/// Adds a marked span, once for each of its labels.
fn of_span<'a>(
    record: &Object<'a>,
    value: Value<'a>,
    what: &str,
    beside: &mut Beside,
    spans: &mut Vec<CharSpan>,
) -> Result<(), Fault> {
    let span = record.object(value, what)?;
    // In text with marks `start` and `end` are paths, and these the offsets.
    let offsets = span.get("globalOffsets").map(|offsets| record.object(offsets, what)).transpose()?;
    let offsets = offsets.as_ref().unwrap_or(&span);
    let bound = |name: &str| {
        let value = offsets.needed(name, "a whole number")?;
        record.integer(value, &format!("{what}.{name}"))
    };
    let (start, end) = (bound("start")?, bound("end")?);
    // What no JSON string can say, such as half of an emoji, says nothing.
    let marked = span.get("text").and_then(|text| string(text).ok().flatten()).map(String::into_boxed_str);
    let Some((name, labels)) = span.any(&SPANS) else {
        beside.passed_over.other_annotations += 1;
        return Ok(());
    };
    for label in record.list(labels, name)? {
        let label = record.label(label, &format!("{what}.{name}"))?;
        spans.push(CharSpan {
            marked: marked.clone(),
            ..CharSpan::new(record.line_of(value), start, end, label)
        });
    }
    Ok(())
}

/// The text that was annotated: of the field that the results name, of `text`, or of the only string.
fn text_of(data: &Object<'_>, field: Option<&str>) -> Result<String, Fault> {
    let named = field.into_iter().chain(["text"]).find_map(|name| data.get(name));
    let strings: Vec<_> = data.fields().filter(|(_, value)| value.raw().starts_with('"')).collect();
    match (named, strings.as_slice()) {
        (Some(value), _) => data.string(value, "data.text"),
        (None, &[(name, value)]) => data.string(value, name),
        (None, _) => Err(data.missing("\"text\", the text of the task")),
    }
}

/// Who has made an annotation.
struct Annotator {
    id: Option<String>,
    address: Option<String>,
}

impl Annotator {
    fn answers_to(&self, wanted: &str) -> bool {
        [&self.id, &self.address].into_iter().flatten().any(|name| name == wanted)
    }

    fn shown(&self) -> String {
        let name = self.address.as_ref().or(self.id.as_ref());
        name.map_or_else(|| "somebody without a name".to_owned(), |name| format!("annotator {name}"))
    }
}

fn annotator(annotation: &Object<'_>) -> Result<Annotator, Fault> {
    let name = |value: Value<'_>| Ok::<_, Fault>(string(value)?.unwrap_or_else(|| value.raw().to_owned()));
    match annotation.any(&["completed_by", "annotator"]) {
        Some((_, value)) if value.raw().starts_with('{') => {
            let user = annotation.object(value, "completed_by")?;
            Ok(Annotator {
                id: user.get("id").map(name).transpose()?,
                address: user.get("email").map(name).transpose()?,
            })
        }
        Some((_, value)) => Ok(Annotator { id: Some(name(value)?), address: None }),
        None => Ok(Annotator { id: None, address: None }),
    }
}

fn is_true(object: &Object<'_>, name: &str) -> bool {
    object.get(name).is_some_and(|value| value.raw() == "true")
}

fn several(record: &Object<'_>, annotators: Vec<String>) -> Fault {
    ReadError::SeveralAnnotators { path: record.path().to_owned(), line: record.line(), annotators }.into()
}

/// Writes tasks with one annotation each, with offsets in code points.
pub(in crate::read) fn write(texts: &[AnnotatedText]) -> WrittenFiles {
    json_list(texts.iter().enumerate().map(|(at, text)| {
        let characters: Vec<char> = text.text.chars().collect();
        let results: Vec<_> = text
            .spans
            .iter()
            .enumerate()
            .map(|(number, span)| {
                let marked: String = characters[span.start as usize..span.end as usize].iter().collect();
                json!({
                    "id": format!("{}-{}", at + 1, number + 1),
                    "from_name": "label",
                    "to_name": "text",
                    "type": "labels",
                    "value": {
                        "start": span.start, "end": span.end, "text": marked, "labels": [span.label],
                    },
                })
            })
            .collect();
        json!({ "id": at + 1, "data": { "text": text.text }, "annotations": [{ "result": results }] })
    }))
}
