//! spaCy: what `Doc.to_json` gives, one a line or in a list, and the lists that version 2 was trained with.
//!
//! ```text
//! {"text": "In Rome", "ents": [{"start": 3, "end": 7, "label": "LOC"}], "sents": [{"start": 0, "end": 7}],
//!  "tokens": [{"id": 0, "start": 0, "end": 2}, {"id": 1, "start": 3, "end": 7}]}
//! ["In Rome", {"entities": [[3, 7, "LOC"]]}]
//! ```

use serde_json::json;

use crate::read::beside::Beside;
use crate::read::error::ReadError;
use crate::read::input::Input;
use crate::read::objects::{Fault, Object};
use crate::read::options::ReadOptions;
use crate::read::records::{each_record, first_record};
use crate::read::spans::CharSpan;
use crate::read::target::{WrittenFiles, json_lines};
use crate::read::text::{AnnotatedText, Take};
use crate::words::has_visible;

const ENTITIES: [&str; 2] = ["ents", "entities"];

pub(in crate::read) fn recognises(input: &Input<'_>) -> bool {
    if input.has_ending("spacy") {
        return true;
    }
    let is_pair = || {
        let value = first_record(&input.text)?;
        let mut kinds = Vec::new();
        value.elements(|_, element| element.kind().map(|kind| kinds.push(kind))).ok()?;
        Some(kinds == ["a string", "an object"])
    };
    match input.first_object() {
        Some(record) => {
            record.get("text").is_some() && record.get("ents").is_some() || record.get("paragraphs").is_some()
        }
        None => is_pair() == Some(true),
    }
}

pub(in crate::read) fn each_text(
    input: &Input<'_>,
    _: &ReadOptions,
    take: Take<'_>,
) -> Result<Beside, ReadError> {
    if input.has_ending("spacy") {
        return Err(ReadError::DocBin { path: input.path.to_owned() });
    }
    let mut beside = Beside::default();
    each_record(input.path, &input.text, |place, text| {
        let text = match text.trim_start().starts_with('[') {
            true => of_pair(&Object::element(input.path, place, text), text)?,
            false => of_doc(&Object::record(input.path, place, text)?, &mut beside)?,
        };
        Ok(take(text)?)
    })?;
    Ok(beside)
}

/// A text with its entities, as version 2 was trained with.
fn of_pair<'a>(record: &Object<'a>, text: &'a str) -> Result<AnnotatedText, Fault> {
    let pair = record.list(electra_text::corpus::json_object::Value::first(text)?, "the record")?;
    let &[text, annotations] = pair.as_slice() else {
        return Err(record.error(
            record.line(),
            format!("a list of {}", pair.len()),
            "[text, {\"entities\": ...}]",
        ));
    };
    let annotations = record.object(annotations, "the second element")?;
    if annotations.get("entities").is_none() && annotations.get("cats").is_some() {
        return Err(record.other_task("the classification of texts"));
    }
    let text = record.string(text, "the first element")?;
    let mut spans = Vec::new();
    let list = annotations.needed("entities", "a list of [start, end, type]")?;
    for (at, span) in annotations.list(list, "entities")?.into_iter().enumerate() {
        let what = format!("entities[{at}]");
        let &[start, end, label] = record.list(span, &what)?.as_slice() else {
            return Err(record.wrong(span, &what, "[start, end, type]"));
        };
        let [start, end] = [record.integer(start, &what)?, record.integer(end, &what)?];
        spans.push(CharSpan::new(record.line_of(span), start, end, record.label(label, &what)?));
    }
    Ok(AnnotatedText {
        line: record.line(),
        record: record.record_place(),
        stands_alone: true,
        text,
        spans,
        ..AnnotatedText::default()
    })
}

fn of_doc(record: &Object<'_>, beside: &mut Beside) -> Result<AnnotatedText, Fault> {
    if record.get("paragraphs").is_some() {
        let found = "the JSON that version 2 was trained with";
        return Err(record.error(record.line(), found, "what `spacy convert` and `Doc.to_json` make of it"));
    }
    let text = record.string(record.needed("text", "a string")?, "text")?;
    let Some((name, entities)) = record.any(&ENTITIES) else {
        return Err(record.missing("\"ents\", a list of spans"));
    };
    let mut spans = Vec::new();
    for (at, value) in record.list(entities, name)?.into_iter().enumerate() {
        let what = format!("{name}[{at}]");
        let span = record.object(value, &what)?;
        let bound =
            |name: &str| span.integer(span.needed(name, "a whole number")?, &format!("{what}.{name}"));
        let label = span.label(span.needed("label", "the name of a type")?, &format!("{what}.label"))?;
        spans.push(CharSpan::new(record.line(), bound("start")?, bound("end")?, label));
    }
    if let Some(groups) = record.get("spans") {
        for (_, group) in record.object(groups, "spans")?.fields() {
            beside.passed_over.other_annotations += record.list(group, "spans")?.len();
        }
    }
    let mut found = AnnotatedText {
        line: record.line(),
        record: record.record_place(),
        stands_alone: true,
        text,
        spans,
        ..AnnotatedText::default()
    };
    let length = found.text.chars().count();
    let places = |name: &str| -> Result<Vec<(usize, usize)>, Fault> {
        let list = record.get(name).map(|list| record.list(list, name)).transpose()?.unwrap_or_default();
        let mut places: Vec<(usize, usize)> = Vec::new();
        for (at, value) in list.into_iter().enumerate() {
            let what = format!("{name}[{at}]");
            let place = record.object(value, &what)?;
            let bound = |name: &str| place.integer(place.needed(name, "a whole number")?, &what);
            let [start, end] =
                [bound("start")?, bound("end")?].map(|bound| usize::try_from(bound).unwrap_or(usize::MAX));
            let before = places.last().map_or(0, |(_, end)| *end);
            if !(before <= start && start <= end && end <= length) {
                let found = format!("the place {start} to {end} at {what}");
                let expected = format!("one behind {before} and within the {length} characters of the text");
                return Err(record.error(record.line(), found, expected));
            }
            places.push((start, end));
        }
        Ok(places)
    };
    found.breaks = places("sents")?.into_iter().map(|(start, _)| start).filter(|&start| start > 0).collect();
    let words = places("tokens")?;
    if !words.is_empty() {
        let characters: Vec<char> = found.text.chars().collect();
        // A token of white space is none here.
        let is_seen =
            |&(start, end): &(usize, usize)| has_visible(&characters[start..end].iter().collect::<String>());
        found.set_words(words.into_iter().filter(is_seen).map(|(start, end)| start..end));
    }
    Ok(found)
}

/// Writes a document a line, as `Doc.from_json` reads it.
pub(in crate::read) fn write(texts: &[AnnotatedText]) -> WrittenFiles {
    let place = |start: usize, end: usize| json!({ "start": start, "end": end });
    json_lines(texts.iter().map(|text| {
        let words = text.words.as_deref().unwrap_or_default();
        let entities: Vec<_> = text
            .spans
            .iter()
            .map(|span| json!({ "start": span.start, "end": span.end, "label": span.label }))
            .collect();
        let sentences: Vec<_> = text
            .sentence_words()
            .into_iter()
            .map(|range| place(words[range.start].chars.start, words[range.end - 1].chars.end))
            .collect();
        let tokens: Vec<_> = words
            .iter()
            .enumerate()
            .map(|(id, word)| json!({ "id": id, "start": word.chars.start, "end": word.chars.end }))
            .collect();
        json!({ "text": text.text, "ents": entities, "sents": sentences, "tokens": tokens })
    }))
}
