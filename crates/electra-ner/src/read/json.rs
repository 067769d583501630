//! JSON lines: tokens with tags, or text with spans of characters.

use std::borrow::Cow;
use std::path::Path;

use serde_json::{Map, Value};

use super::raw::{Raw, check_names};
use super::spans::{CharSpan, MisalignedSpan, align};
use super::{Answers, Format, ReadError, ReadOptions, TokenLines, lines};
use crate::Sentences;
use crate::words::{
    Division, SentenceDivision, Word, WordDivision, divide, division_of_record, has_seen, trimmed,
    without_unseen,
};

const TOKENS: &str = "tokens";
const TAGS: [&str; 2] = ["ner_tags", "tags"];
const TEXT: &str = "text";
const SPANS: &str = "spans";
const DOCUMENT: &str = "document";
const ANSWER: &str = "answer";

pub(super) fn read(path: &Path, text: &str, options: &ReadOptions) -> Result<Raw, ReadError> {
    let mut format = None;
    let mut sentences = Sentences::default();
    let mut misaligned: Vec<MisalignedSpan> = Vec::new();
    let mut document = Document::default();
    let mut answers = Answers::default();
    let mut division = SentenceDivision::Line;
    for (line, text) in lines(text).filter(|(_, text)| has_seen(text)) {
        let fields = serde_json::from_str(text).map_err(|error| {
            let path = path.to_owned();
            ReadError::BadJson { path, line, what: what(&error) }
        })?;
        let record = Record { path, line, fields };
        if !record.is_accepted(&mut answers) {
            continue;
        }
        // The first record decides; another form later is a mistake, named by its missing field.
        let format = match format {
            Some(format) => format,
            None => *format.insert(record.format()?),
        };
        match format {
            Format::JsonSpans => record.add_with_spans(&mut sentences, &mut misaligned, &mut division)?,
            _ => record.add_with_tags(&mut sentences, options.labels.as_deref())?,
        }
        if sentences.open_tokens() > 0 {
            sentences.end_sentence(document.of(record.document()?, format), line);
        }
    }
    if !misaligned.is_empty() && !options.skip_misaligned {
        return Err(ReadError::Misaligned { path: path.to_owned(), spans: misaligned });
    }
    let division = match format {
        Some(Format::JsonSpans) => {
            Division { words: WordDivision::Marks, sentences: division, records_alone: !document.named }
        }
        _ => Division::CORPUS,
    };
    Ok(Raw {
        format: format.unwrap_or(Format::JsonTags),
        division,
        sentences,
        gold: None,
        lines: TokenLines::Shared,
        marks_documents: document.marked,
        comments: 0,
        misaligned,
        answers,
    })
}

/// The document of the record before.
#[derive(Default)]
pub(crate) struct Document {
    before: Option<(usize, Option<String>)>,
    marked: bool,
    /// Whether any record names its document.
    named: bool,
}

impl Document {
    /// The number of the document that a record belongs to.
    pub(crate) fn of(&mut self, name: Option<String>, format: Format) -> usize {
        self.named |= name.is_some();
        self.marked |= name.is_some() || format == Format::JsonSpans;
        let number = match &self.before {
            None => 0,
            // Without a name a text is a document; tags are not known to begin one.
            Some((number, before)) if *before == name && (name.is_some() || format == Format::JsonTags) => {
                *number
            }
            Some((number, _)) => number + 1,
        };
        self.before = Some((number, name));
        number
    }
}

/// One line.
struct Record<'a> {
    path: &'a Path,
    line: usize,
    fields: Map<String, Value>,
}

impl Record<'_> {
    /// Whether the annotator let the record stand; counts those that were not.
    fn is_accepted(&self, answers: &mut Answers) -> bool {
        match self.fields.get(ANSWER).and_then(Value::as_str) {
            Some("reject") => answers.rejected += 1,
            Some("ignore") => answers.ignored += 1,
            // Data sets of questions have answers of another kind.
            _ => return true,
        }
        false
    }

    fn format(&self) -> Result<Format, ReadError> {
        let has = |name: &str| self.fields.contains_key(name);
        if has(TOKENS) && TAGS.iter().any(|name| has(name)) {
            Ok(Format::JsonTags)
        } else if has(TEXT) && has(SPANS) {
            Ok(Format::JsonSpans)
        } else {
            let [tags, also] = TAGS;
            let expected = format!("{TOKENS:?} with {tags:?} (or {also:?}), or {TEXT:?} with {SPANS:?}");
            Err(self.error(self.names(), expected))
        }
    }

    /// Adds the tokens with their tags.
    fn add_with_tags(&self, to: &mut Sentences, labels: Option<&[String]>) -> Result<(), ReadError> {
        let name = *TAGS.iter().find(|name| self.fields.contains_key(**name)).unwrap_or(&TAGS[0]);
        let tokens = self.list(TOKENS)?.iter().enumerate().map(|(at, token)| match token {
            Value::String(token) if token.is_empty() => {
                Err(self.error(format!("an empty string at {TOKENS}[{at}]"), "a word"))
            }
            Value::String(token) if trimmed(token).is_empty() => Ok(token.as_str()),
            Value::String(token) => Ok(trimmed(token)),
            other => Err(self.error(format!("{} at {TOKENS}[{at}]", kind(other)), "a string")),
        });
        let tokens = tokens.collect::<Result<Vec<&str>, _>>()?;
        let tags = self.list(name)?.iter().enumerate().map(|(at, tag)| match (tag, tag.as_i64()) {
            (Value::String(tag), _) => Ok(without_unseen(tag)),
            (_, Some(id)) => self.label(id, labels).map(Cow::Borrowed),
            (other, _) => Err(self.error(format!("{} at {name}[{at}]", kind(other)), "a tag or its number")),
        });
        let tags = tags.collect::<Result<Vec<Cow<'_, str>>, _>>()?;
        if tags.len() != tokens.len() {
            let found = format!("{} tokens and {} tags", tokens.len(), tags.len());
            return Err(self.error(found, "one tag for each token"));
        }
        tokens.into_iter().zip(&tags).try_for_each(|(token, tag)| self.add(to, token, tag))
    }

    /// Adds a token to the sentence of this record.
    fn add(&self, to: &mut Sentences, token: &str, tag: &str) -> Result<(), ReadError> {
        to.push_token(token, tag);
        check_names(self.path, self.line, to.tags())
    }

    fn label<'a>(&self, id: i64, labels: Option<&'a [String]>) -> Result<&'a str, ReadError> {
        let (path, line) = (self.path.to_owned(), self.line);
        let labels = labels.ok_or_else(|| ReadError::Unnamed { path: path.clone(), line })?;
        let label = usize::try_from(id).ok().and_then(|id| labels.get(id));
        label.map(String::as_str).ok_or(ReadError::UnknownNumber { path, line, id, labels: labels.len() })
    }

    /// Adds the words of the text with tags for its spans.
    fn add_with_spans(
        &self,
        to: &mut Sentences,
        misaligned: &mut Vec<MisalignedSpan>,
        division: &mut SentenceDivision,
    ) -> Result<(), ReadError> {
        let Some(Value::String(text)) = self.fields.get(TEXT) else {
            return Err(self.wrong(TEXT, "a string"));
        };
        let spans = self.list(SPANS)?.iter().enumerate().map(|(at, span)| {
            let bound = |name: &str| {
                let value = span.get(name);
                let found = || format!("{} at {SPANS}[{at}].{name}", value.map_or("nothing", kind));
                value.and_then(Value::as_i64).ok_or_else(|| self.error(found(), "a whole number"))
            };
            let label = match span.get("label") {
                Some(Value::String(label)) if has_seen(label) => without_unseen(label).into_owned(),
                other => {
                    let found = other.map_or("nothing", kind);
                    return Err(self.error(format!("{found} at {SPANS}[{at}].label"), "the name of a type"));
                }
            };
            Ok(CharSpan { start: bound("start")?, end: bound("end")?, label })
        });
        let spans = spans.collect::<Result<Vec<_>, ReadError>>()?;
        let words: Vec<Word> = divide(text, WordDivision::Marks).collect();
        *division = (*division).max(division_of_record(text, &words));
        let (entities, wrong) = align(text, &words, &spans, self.line);
        misaligned.extend(wrong);
        let mut entities = entities.into_iter().peekable();
        let mut inside = String::new();
        for (at, word) in words.iter().enumerate() {
            while entities.next_if(|entity| entity.words.end <= at).is_some() {}
            let tag = match entities.peek() {
                Some(entity) if entity.words.start == at => {
                    inside = format!("I-{}", entity.label);
                    &format!("B-{}", entity.label)
                }
                Some(entity) if entity.words.start < at => &inside,
                _ => "O",
            };
            self.add(to, word.of(text), tag)?;
        }
        Ok(())
    }

    fn document(&self) -> Result<Option<String>, ReadError> {
        match self.fields.get(DOCUMENT) {
            None | Some(Value::Null) => Ok(None),
            Some(name @ (Value::String(_) | Value::Number(_))) => Ok(Some(name.to_string())),
            Some(_) => Err(self.wrong(DOCUMENT, "a string or a number")),
        }
    }

    fn list(&self, name: &str) -> Result<&Vec<Value>, ReadError> {
        self.fields.get(name).and_then(Value::as_array).ok_or_else(|| self.wrong(name, "a list"))
    }

    /// A field that is missing or of another kind.
    fn wrong(&self, name: &str, expected: &str) -> ReadError {
        match self.fields.get(name) {
            Some(value) => self.error(format!("{} as {name:?}", kind(value)), expected),
            None => self.error(self.names(), format!("{name:?}, {expected}")),
        }
    }

    fn names(&self) -> String {
        if self.fields.is_empty() {
            return "no field".into();
        }
        let names: Vec<String> = self.fields.keys().map(|name| format!("{name:?}")).collect();
        format!("the fields {}", names.join(", "))
    }

    fn error(&self, found: impl Into<String>, expected: impl Into<String>) -> ReadError {
        let (path, line) = (self.path.to_owned(), self.line);
        ReadError::Record { path, line, found: found.into(), expected: expected.into() }
    }
}

/// The parser's complaint with the column alone: it counts lines from the record.
fn what(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.find(" at line ") {
        Some(at) => format!("{} at column {}", &text[..at], error.column()),
        None => text,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(text) if text.is_empty() => "an empty string",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
