//! Label Studio: its JSON, and the shorter JSON-MIN.
//!
//! ```text
//! [{"id": 1, "data": {"text": "In Rome"}, "annotations": [{"completed_by": 7, "was_cancelled": false, "result":
//!   [{"type": "labels", "value": {"start": 3, "end": 7, "text": "Rome", "labels": ["LOC"]}}]}]}]
//! [{"id": 1, "text": "In Rome", "annotator": 7, "label": [{"start": 3, "end": 7, "text": "Rome", "labels": ["LOC"]}]}]
//! ```
//!
//! Offsets count code points since 2021 and counted UTF-16 units before; the text of each span is there.
//! Of HTML they count what a browser shows, which is the text itself where that has no tags; other HTML is refused.
//! A task may have annotations of several people; one that is marked as the truth counts by itself.

mod other_tasks;

use std::collections::HashMap;

use electra_text::corpus::json_object::Value;
use serde_json::json;

use crate::read::annotators::Annotators;
use crate::read::beside::Beside;
use crate::read::error::ReadError;
use crate::read::input::Input;
use crate::read::objects::{Fault, Object, string};
use crate::read::options::ReadOptions;
use crate::read::records::each_record;
use crate::read::spans::CharSpan;
use crate::read::target::{WrittenFiles, json_list};
use crate::read::text::{AnnotatedText, Take};

/// Annotations of a task; before version 1.0 they were completions.
const ANNOTATIONS: [&str; 2] = ["annotations", "completions"];
/// Types of results that mark spans of text, which are also the names of their labels.
const SPANS: [&str; 2] = ["labels", HYPERTEXT];
const HYPERTEXT: &str = "hypertextlabels";

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
    let mut annotators = Annotators::of(options.annotator.as_deref());
    // The tasks of JSON-MIN that were read, each with its annotator.
    let mut tasks: HashMap<Box<str>, String> = HashMap::new();
    each_record(input.path, &input.text, |place, text| {
        let record = Object::record(input.path, place, text)?;
        let read = match is_task(&record) {
            true => of_task(&record, options, &mut annotators, &mut beside)?,
            false => of_min(&record, options, (&mut annotators, &mut tasks), &mut beside)?,
        };
        read.map_or(Ok(()), |text| Ok(take(text)?))
    })?;
    annotators.check(input.path)?;
    Ok(beside)
}

/// The text of a task, with the spans of one of its annotations.
fn of_task(
    record: &Object<'_>,
    options: &ReadOptions,
    annotators: &mut Annotators<'_>,
    beside: &mut Beside,
) -> Result<Option<AnnotatedText>, Fault> {
    let data = || record.object(record.needed("data", "the text of the task")?, "data");
    if options.texts_only {
        let text = text_of(&data()?, None, false)?;
        return Ok(Some(AnnotatedText {
            line: record.line(),
            record: record.record_place(),
            text,
            ..AnnotatedText::default()
        }));
    }
    let (mut done, mut skipped) = (Vec::new(), 0);
    if let Some((name, list)) = record.any(&ANNOTATIONS) {
        for (at, value) in record.list(list, name)?.into_iter().enumerate() {
            let annotation = record.object(value, &format!("{name}[{at}]"))?;
            match is_true(&annotation, "was_cancelled") {
                true => {
                    skipped += 1;
                    annotators.is_wanted(annotator(&annotation)?.all());
                }
                false => done.push(annotation),
            }
        }
    }
    beside.answers.ignored += skipped;
    if done.is_empty() {
        // Who has skipped a task has looked at it: it is counted once.
        beside.passed_over.unannotated += usize::from(skipped == 0);
        return Ok(None);
    }
    let names = done.iter().map(annotator).collect::<Result<Vec<_>, _>>()?;
    let are_wanted: Vec<Option<bool>> = names.iter().map(|name| annotators.is_wanted(name.all())).collect();
    let truths: Vec<usize> = (0..done.len()).filter(|&at| is_true(&done[at], "ground_truth")).collect();
    let chosen = match (&options.annotator, truths.as_slice()) {
        (Some(_), _) => are_wanted.iter().rposition(|is_wanted| *is_wanted == Some(true)),
        (None, &[truth]) => Some(truth),
        (None, _) if done.len() == 1 => Some(0),
        (None, _) => return Err(several(record, names.iter().map(|name| name.shown()).collect())),
    };
    beside.passed_over.other_annotators += done.len() - usize::from(chosen.is_some());
    let Some(chosen) = chosen else { return Ok(None) };
    let results = done[chosen].needed("result", "a list of results")?;
    let mut spans = Vec::new();
    let (mut other, mut field, mut is_hypertext) = (None, None, false);
    for (at, value) in record.list(results, "result")?.into_iter().enumerate() {
        let what = format!("result[{at}]");
        let result = record.object(value, &what)?;
        let kind = result.get("type").map(string).transpose()?.flatten().unwrap_or_default();
        let what = format!("{what}.value");
        let value = result.get("value").map(|value| Ok::<_, Fault>((value, record.object(value, &what)?)));
        let value = value.transpose()?;
        let of_other = other_tasks::of_region(&kind)
            .or_else(|| value.as_ref().and_then(|(_, fields)| other_tasks::of_value(fields)))
            .or_else(|| is_of_whole_texts(&kind).then_some(CLASSIFICATION));
        match value {
            Some((value, fields)) if SPANS.contains(&kind.as_str()) && of_other.is_none() => {
                is_hypertext |= kind == HYPERTEXT;
                of_span(record, (value, &fields), &what, beside, &mut spans)?;
                field = field.or(result.get("to_name").map(string).transpose()?.flatten());
            }
            _ => {
                other = other.or(of_other);
                beside.passed_over.other_annotations += 1;
            }
        }
    }
    if let Some(task) = other.filter(|_| spans.is_empty()) {
        return Err(record.other_task(task));
    }
    let text = text_of(&data()?, field.as_deref(), is_hypertext)?;
    Ok(Some(AnnotatedText {
        line: record.line(),
        record: record.record_place(),
        text,
        spans,
        ..AnnotatedText::default()
    }))
}

const CLASSIFICATION: &str = "the classification of texts";

/// Whether results of this type are about whole texts.
fn is_of_whole_texts(kind: &str) -> bool {
    ["choices", "taxonomy", "rating", "textarea", "number", "datetime", "pairwise", "ranker"].contains(&kind)
}

/// The text of a row of JSON-MIN with its spans, unless its task was read before.
fn of_min(
    record: &Object<'_>,
    options: &ReadOptions,
    (annotators, tasks): (&mut Annotators<'_>, &mut HashMap<Box<str>, String>),
    beside: &mut Beside,
) -> Result<Option<AnnotatedText>, Fault> {
    if !is_min(record) {
        return Err(record.missing("\"data\" with \"annotations\", or \"annotator\" with \"annotation_id\""));
    }
    let name = annotator(record)?;
    if annotators.is_wanted(name.all()) == Some(false) {
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
    let (mut has_spans, mut is_hypertext, mut other) = (false, false, None);
    for (field, value) in record.fields() {
        if value.raw().starts_with('[') {
            for (at, element) in record.list(value, field)?.into_iter().enumerate() {
                let what = format!("{field}[{at}]");
                let Ok(region) = record.object(element, &what) else { continue };
                if let Some(task) = other_tasks::of_value(&region) {
                    other = other.or(Some(task));
                    beside.passed_over.other_annotations += 1;
                } else if region.get("start").is_some() && region.any(&SPANS).is_some() {
                    has_spans = true;
                    is_hypertext |= region.get(HYPERTEXT).is_some();
                    of_span(record, (element, &region), &what, beside, &mut spans)?;
                }
            }
        }
        if matches!(field, "sentiment" | "choice" | "choices" | "class" | "category")
            || value.raw().starts_with("{\"choices\"")
        {
            other = other.or(Some(CLASSIFICATION));
        }
    }
    if let Some(task) = other.filter(|_| !has_spans) {
        return Err(record.other_task(task));
    }
    let text = text_of(record, None, is_hypertext)?;
    Ok(Some(AnnotatedText {
        line: record.line(),
        record: record.record_place(),
        text,
        spans,
        ..AnnotatedText::default()
    }))
}

/// Adds a marked span, once for each of its labels.
fn of_span<'a>(
    record: &Object<'a>,
    (value, span): (Value<'a>, &Object<'a>),
    what: &str,
    beside: &mut Beside,
    spans: &mut Vec<CharSpan>,
) -> Result<(), Fault> {
    // In HTML `start` and `end` are paths, and these the offsets; the oldest versions have paths alone.
    let offsets = span.get("globalOffsets").map(|offsets| record.object(offsets, what)).transpose()?;
    let is_path = |name: &str| span.get(name).is_some_and(|bound| bound.raw().starts_with('"'));
    if offsets.is_none() && (is_path("start") || is_path("end")) {
        return Err(marked_up(record));
    }
    let offsets = offsets.as_ref().unwrap_or(span);
    let bound = |name: &str| {
        let value = offsets.needed(name, "a whole number")?;
        record.integer(value, &format!("{what}.{name}"))
    };
    let (start, end) = (bound("start")?, bound("end")?);
    // What no JSON string can say, such as half of an emoji, says nothing.
    let marked = span.get("text").and_then(|text| string(text).ok().flatten()).map(String::into_boxed_str);
    let labels = match span.any(&SPANS) {
        Some((name, labels)) => record.list(labels, name)?.into_iter().map(|label| (name, label)).collect(),
        None => Vec::new(),
    };
    beside.passed_over.untyped += usize::from(labels.is_empty());
    for (name, label) in labels {
        let label = record.label(label, &format!("{what}.{name}"))?;
        spans.push(CharSpan {
            marked: marked.clone(),
            ..CharSpan::new(record.line_of(value), start, end, label)
        });
    }
    Ok(())
}

/// The text that was annotated: of the field that the results name, of `text`, of `html`, or of the only string.
/// HTML has places that a browser alone can tell, and addresses are no text at all.
fn text_of(data: &Object<'_>, field: Option<&str>, is_hypertext: bool) -> Result<String, Fault> {
    let fields = field.into_iter().chain(["text", "html"]);
    let mut named = fields.filter_map(|name| Some((name, data.get(name)?)));
    let strings = || data.fields().filter(|(_, value)| value.raw().starts_with('"'));
    let (name, value) = match (named.next(), strings().count()) {
        (Some(named), _) => named,
        (None, 1) => strings().next().expect("it was counted"),
        (None, _) => {
            for (name, value) in strings() {
                if let Some(task) = string(value)?.and_then(|value| other_tasks::of_address(name, &value)) {
                    return Err(data.other_task(task));
                }
            }
            return Err(data.missing("\"text\", the text of the task"));
        }
    };
    let text = data.string(value, name)?;
    if let Some(task) = other_tasks::of_address(name, &text) {
        return Err(data.other_task(task));
    }
    match (is_hypertext || name.to_lowercase().contains("html")) && other_tasks::has_markup(&text) {
        true => Err(marked_up(data)),
        false => Ok(text),
    }
}

/// The error about HTML with tags.
fn marked_up(record: &Object<'_>) -> Fault {
    ReadError::MarkedUp { path: record.path().to_owned(), line: record.line() }.into()
}

/// Who has made an annotation.
struct Annotator {
    id: Option<String>,
    address: Option<String>,
}

impl Annotator {
    /// All names that they go by.
    fn all(&self) -> impl Iterator<Item = &str> + Clone {
        [&self.address, &self.id].into_iter().flatten().map(String::as_str)
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
