//! One record of JSON lines.

use std::borrow::Cow;
use std::path::Path;

use electra_text::corpus::json_object::{self, Malformed, Value};

use super::document::document_name;
use crate::Sentences;
use crate::read::data::{Answers, Format};
use crate::read::error::ReadError;
use crate::read::raw::check_names;
use crate::read::spans::{CharSpan, MisalignedSpan, align};
use crate::words::{
    SentenceDivision, Word, WordDivision, divide, division_of_record, has_visible, trimmed, without_unseen,
};

const TOKENS: &str = "tokens";
const TAGS: [&str; 2] = ["ner_tags", "tags"];
const TEXT: &str = "text";
const SPANS: &str = "spans";
const DOCUMENT: &str = "document";
const ANSWER: &str = "answer";

/// The fields that are read; others may hold anything.
const FIELDS: [&str; 7] = [TOKENS, TAGS[0], TAGS[1], TEXT, SPANS, DOCUMENT, ANSWER];

/// A fault of a record.
pub(super) enum Fault {
    /// The line is not valid JSON.
    Json(Malformed),
    /// Half of a character, at this byte of the line.
    HalfCharacter(usize),
    /// The record is JSON, and not what is expected.
    Content(ReadError),
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Json(malformed)
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Self::Content(error)
    }
}

impl Fault {
    /// The error about the record that is line `line` of the file, `text`.
    pub(super) fn at(self, path: &Path, line: usize, text: &str) -> ReadError {
        let place = |at| json_object::place(text, at);
        let path = path.to_owned();
        match self {
            Self::Json(Malformed { at, what }) => {
                let (column, excerpt) = place(at);
                ReadError::BadJson { path, line, column, what, excerpt }
            }
            Self::HalfCharacter(at) => {
                let (column, excerpt) = place(at);
                ReadError::HalfCharacter { path, line, column, excerpt }
            }
            Self::Content(error) => error,
        }
    }
}

/// The record of one line.
pub(super) struct Record<'a> {
    path: &'a Path,
    line: usize,
    text: &'a str,
    /// The values of [`FIELDS`].
    fields: [Option<Value<'a>>; FIELDS.len()],
}

impl<'a> Record<'a> {
    /// The record that stands in a line.
    pub(super) fn of(path: &'a Path, line: usize, text: &'a str) -> Result<Self, Fault> {
        let mut fields = [None; FIELDS.len()];
        json_object::for_each_field::<Malformed>(text, |name, value| {
            if let Some(at) = FIELDS.iter().position(|field| *field == name) {
                fields[at] = Some(value);
            }
            Ok(())
        })?;
        Ok(Self { path, line, text, fields })
    }

    fn get(&self, name: &str) -> Option<Value<'a>> {
        FIELDS.iter().position(|field| *field == name).and_then(|at| self.fields[at])
    }

    /// Tells whether the annotator let the record stand; counts those that were not, and answers that say
    /// neither.
    pub(super) fn is_accepted(&self, answers: &mut Answers) -> Result<bool, Fault> {
        let Some(answer) = self.get(ANSWER) else { return Ok(true) };
        let text = answer.text()?.map(|answer| trimmed(&answer.text).to_lowercase());
        match (text.as_deref(), answer.kind()?) {
            (Some("accept"), _) | (None, "null") => {}
            (Some("reject"), _) => answers.rejected += 1,
            (Some("ignore"), _) => answers.ignored += 1,
            // Data sets of questions have answers of another kind.
            _ => answers.unknown += 1,
        }
        Ok(!matches!(text.as_deref(), Some("reject" | "ignore")))
    }

    pub(super) fn format(&self) -> Result<Format, Fault> {
        let has = |name: &str| self.get(name).is_some();
        if has(TOKENS) && TAGS.iter().any(|name| has(name)) {
            Ok(Format::JsonTags)
        } else if has(TEXT) && has(SPANS) {
            Ok(Format::JsonSpans)
        } else {
            let [tags, also] = TAGS;
            let expected = format!("{TOKENS:?} with {tags:?} (or {also:?}), or {TEXT:?} with {SPANS:?}");
            Err(self.error(self.names()?, expected))
        }
    }

    /// Adds the tokens with their tags.
    pub(super) fn add_with_tags(&self, to: &mut Sentences, labels: Option<&[String]>) -> Result<(), Fault> {
        let name = TAGS.into_iter().find(|name| self.get(name).is_some()).unwrap_or(TAGS[0]);
        let (mut tokens, mut tags) = (Vec::new(), Vec::new());
        self.list(TOKENS)?.elements(|at, token| {
            match string(token)? {
                Some(token) if token.is_empty() => {
                    return Err(self.error(format!("an empty string at {TOKENS}[{at}]"), "a word"));
                }
                Some(token) => tokens.push(token),
                None => {
                    return Err(self.error(format!("{} at {TOKENS}[{at}]", token.kind()?), "a string"));
                }
            }
            Ok(())
        })?;
        self.list(name)?.elements(|at, tag| {
            tags.push(match (string(tag)?, tag.integer()) {
                (Some(tag), _) => Cow::Owned(without_unseen(&tag).into_owned()),
                (None, Some(id)) => Cow::Borrowed(self.label(id, labels)?),
                (None, None) => {
                    let found = format!("{} at {name}[{at}]", tag.kind()?);
                    return Err(self.error(found, "a tag or its number"));
                }
            });
            Ok(())
        })?;
        if tags.len() != tokens.len() {
            let found = format!("{} tokens and {} tags", tokens.len(), tags.len());
            return Err(self.error(found, "one tag for each token"));
        }
        tokens.iter().zip(&tags).try_for_each(|(token, tag)| {
            // A token of which nothing is seen is one all the same.
            let seen = trimmed(token);
            self.add(to, if seen.is_empty() { token } else { seen }, tag)
        })
    }

    /// Adds a token to the sentence of this record.
    fn add(&self, to: &mut Sentences, token: &str, tag: &str) -> Result<(), Fault> {
        to.push_token(token, tag);
        Ok(check_names(self.path, self.line, to.tags())?)
    }

    fn label<'b>(&self, id: i64, labels: Option<&'b [String]>) -> Result<&'b str, ReadError> {
        let (path, line) = (self.path.to_owned(), self.line);
        let labels = labels.ok_or_else(|| ReadError::Unnamed { path: path.clone(), line })?;
        let label = usize::try_from(id).ok().and_then(|id| labels.get(id));
        label.map(String::as_str).ok_or(ReadError::UnknownNumber { path, line, id, labels: labels.len() })
    }

    /// Adds the words of the text with tags for its spans.
    pub(super) fn add_with_spans(
        &self,
        to: &mut Sentences,
        misaligned: &mut Vec<MisalignedSpan>,
        division: &mut SentenceDivision,
    ) -> Result<(), Fault> {
        let text = self.get(TEXT).map(string).transpose()?.flatten();
        let text = match text {
            Some(text) => text,
            None => return Err(self.wrong(TEXT, "a string")),
        };
        let mut spans = Vec::new();
        self.list(SPANS)?.elements(|at, span| {
            spans.push(self.span(at, span)?);
            Ok::<_, Fault>(())
        })?;
        let text = text.as_str();
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

    /// A span of the list, without judging what else it says.
    fn span(&self, at: usize, span: Value<'a>) -> Result<CharSpan, Fault> {
        let [mut start, mut end, mut label] = [None; 3];
        if span.kind()? == "an object" {
            span.fields::<Malformed>(|name, value| {
                match name {
                    "start" => start = Some(value),
                    "end" => end = Some(value),
                    "label" => label = Some(value),
                    _ => {}
                }
                Ok(())
            })?;
        }
        let kind = |value: Option<Value<'_>>| value.map_or(Ok("nothing"), Value::kind);
        let name = match label.map(string).transpose()?.flatten() {
            Some(name) if has_visible(&name) => without_unseen(&name).into_owned(),
            _ => {
                let found = format!("{} at {SPANS}[{at}].label", kind(label)?);
                return Err(self.error(found, "the name of a type"));
            }
        };
        let bound = |name: &str, value: Option<Value<'_>>| match value.and_then(Value::integer) {
            Some(bound) => Ok(bound),
            None => Err(self.error(format!("{} at {SPANS}[{at}].{name}", kind(value)?), "a whole number")),
        };
        Ok(CharSpan { start: bound("start", start)?, end: bound("end", end)?, label: name })
    }

    pub(super) fn document(&self) -> Result<Option<String>, Fault> {
        match self.get(DOCUMENT).map(document_name).transpose()? {
            None => Ok(None),
            Some(Ok(name)) => Ok(name),
            Some(Err(_)) => Err(self.wrong(DOCUMENT, "a string or a number")),
        }
    }

    fn list(&self, name: &str) -> Result<Value<'a>, Fault> {
        match self.get(name) {
            Some(value) if value.kind()? == "a list" => Ok(value),
            _ => Err(self.wrong(name, "a list")),
        }
    }

    /// A field that is missing or of another kind.
    fn wrong(&self, name: &str, expected: &str) -> Fault {
        let error = match self.get(name).map(Value::kind) {
            Some(kind) => kind.map(|kind| self.error(format!("{kind} as {name:?}"), expected)),
            None => self.names().map(|names| self.error(names, format!("{name:?}, {expected}"))),
        };
        error.unwrap_or_else(Fault::Json)
    }

    fn names(&self) -> Result<String, Malformed> {
        let names = json_object::names(self.text)?;
        Ok(names.map_or_else(|| "no field".to_owned(), |names| format!("the fields {names}")))
    }

    fn error(&self, found: impl Into<String>, expected: impl Into<String>) -> Fault {
        let (path, line) = (self.path.to_owned(), self.line);
        Fault::Content(ReadError::Record { path, line, found: found.into(), expected: expected.into() })
    }
}

/// The string that a value is, if it is one, whose characters are all whole.
fn string(value: Value<'_>) -> Result<Option<String>, Fault> {
    match value.text()? {
        Some(text) if text.lone_surrogates > 0 => Err(Fault::HalfCharacter(text.first_lone_surrogate)),
        text => Ok(text.map(|text| text.text)),
    }
}
