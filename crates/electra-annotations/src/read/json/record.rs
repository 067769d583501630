//! One record with tokens and tags, or with text and spans.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use electra_text::corpus::json_object::{self, Malformed, Value};

use crate::Sentences;
use crate::read::annotators::Annotators;
use crate::read::beside::Answers;
use crate::read::data::Format;
use crate::read::document::document_name;
use crate::read::error::ReadError;
use crate::read::objects::{Fault, string};
use crate::read::raw::check_names;
use crate::read::record_place::Place;
use crate::read::spans::CharSpan;
use crate::read::text::AnnotatedText;
use crate::words::{Word, has_visible, trimmed, without_unseen};

const TOKENS: [&str; 2] = ["tokens", "words"];
/// Fields of tags; the last one where there is no text with spans, as other records have labels too.
pub(super) const TAGS: [&str; 3] = ["ner_tags", "tags", "labels"];
const TEXT: &str = "text";
const SPANS: &str = "spans";
const DOCUMENT: &str = "document";
const ANSWER: &str = "answer";
/// Prodigy's names of who has annotated, and its hash of what was annotated.
const ANNOTATORS: [&str; 2] = ["_annotator_id", "_session_id"];
const INPUT_HASH: &str = "_input_hash";

/// The fields that are read; others may hold anything.
const FIELDS: [&str; 12] = [
    TOKENS[0],
    TOKENS[1],
    TAGS[0],
    TAGS[1],
    TAGS[2],
    TEXT,
    SPANS,
    DOCUMENT,
    ANSWER,
    ANNOTATORS[0],
    ANNOTATORS[1],
    INPUT_HASH,
];

/// The record of one line.
pub(super) struct Record<'a> {
    path: &'a Path,
    place: Place,
    text: &'a str,
    /// The values of [`FIELDS`].
    fields: [Option<Value<'a>>; FIELDS.len()],
}

impl<'a> Record<'a> {
    /// The record that begins at a place of the file.
    pub(super) fn of(path: &'a Path, place: Place, text: &'a str) -> Result<Self, Fault> {
        let mut fields = [None; FIELDS.len()];
        json_object::for_each_field::<Malformed>(text, |name, value| {
            if let Some(at) = FIELDS.iter().position(|field| *field == name) {
                fields[at] = Some(value);
            }
            Ok(())
        })?;
        Ok(Self { path, place, text, fields })
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

    /// Tells whether a record is to be read that perhaps several people have annotated: one by the annotator
    /// that is wanted. `before` has who annotated what.
    pub(super) fn is_chosen(
        &self,
        annotators: &mut Annotators<'_>,
        before: &mut HashMap<Box<str>, String>,
    ) -> Result<bool, Fault> {
        let annotator = ANNOTATORS.into_iter().find_map(|name| self.get(name));
        let Some(annotator) = annotator.map(string).transpose()?.flatten() else { return Ok(true) };
        if let Some(is_wanted) = annotators.is_wanted(std::iter::once(annotator.as_str())) {
            return Ok(is_wanted);
        }
        let Some(hash) = self.get(INPUT_HASH) else { return Ok(true) };
        match before.get(hash.raw()) {
            Some(other) if *other != annotator => Err(Fault::Content(ReadError::SeveralAnnotators {
                path: self.path.to_owned(),
                line: self.place.line,
                annotators: vec![other.clone(), annotator],
            })),
            _ => {
                before.insert(hash.raw().into(), annotator);
                Ok(true)
            }
        }
    }

    pub(super) fn format(&self) -> Result<Format, Fault> {
        let has = |name: &str| self.get(name).is_some();
        let [tags, also, labels] = TAGS;
        if has(self.tokens_name()) && (has(tags) || has(also)) {
            Ok(Format::JsonTags)
        } else if has(TEXT) && has(SPANS) {
            Ok(Format::JsonSpans)
        } else if has(self.tokens_name()) && has(labels) {
            Ok(Format::JsonTags)
        } else {
            let tokens = TOKENS[0];
            let expected = format!("{tokens:?} with {tags:?} (or {also:?}), or {TEXT:?} with {SPANS:?}");
            Err(self.error(self.names()?, expected))
        }
    }

    /// The name of the field with the words.
    fn tokens_name(&self) -> &'static str {
        TOKENS.into_iter().find(|name| self.get(name).is_some()).unwrap_or(TOKENS[0])
    }

    /// Adds the tokens with their tags.
    pub(super) fn add_with_tags(&self, to: &mut Sentences, labels: Option<&[String]>) -> Result<(), Fault> {
        let name = TAGS.into_iter().find(|name| self.get(name).is_some()).unwrap_or(TAGS[0]);
        let tokens_name = self.tokens_name();
        let (mut tokens, mut tags) = (Vec::new(), Vec::new());
        self.list(tokens_name)?.elements(|at, token| {
            match string(token)? {
                Some(token) if token.is_empty() => {
                    return Err(self.error(format!("an empty string at {tokens_name}[{at}]"), "a word"));
                }
                Some(token) => tokens.push(token),
                None => {
                    return Err(self.error(format!("{} at {tokens_name}[{at}]", token.kind()?), "a string"));
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
        Ok(check_names(self.path, self.place.line, to.tags())?)
    }

    fn label<'b>(&self, id: i64, labels: Option<&'b [String]>) -> Result<&'b str, ReadError> {
        let (path, line) = (self.path.to_owned(), self.place.line);
        let labels = labels.ok_or_else(|| ReadError::Unnamed { path: path.clone(), line })?;
        let label = usize::try_from(id).ok().and_then(|id| labels.get(id));
        label.map(String::as_str).ok_or(ReadError::UnknownNumber { path, line, id, labels: labels.len() })
    }

    /// The text with its spans.
    pub(super) fn text(&self) -> Result<AnnotatedText, Fault> {
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
        let document = self.document()?.map(String::into_boxed_str);
        let words = self.words_of(&text)?;
        // Each is a text by itself, also where it has words.
        let stands_alone = document.is_none();
        let (line, record) = (self.place.line, self.place.record);
        Ok(AnnotatedText {
            line,
            record,
            document,
            text,
            spans,
            words,
            stands_alone,
            ..AnnotatedText::default()
        })
    }

    /// The words that the record divides its text into, as Prodigy does; none if it does not. They are placed by
    /// their own text, which means the same whatever its offsets count.
    fn words_of(&self, text: &str) -> Result<Option<Vec<Word>>, Fault> {
        let name = TOKENS[0];
        if self.get(name).is_none_or(|tokens| tokens.raw() == "null") {
            return Ok(None);
        }
        let mut words = Vec::new();
        self.list(name)?.elements(|at, token| {
            let mut word = string(token)?;
            if token.kind()? == "an object" {
                token.fields::<Fault>(|field, value| {
                    if field == TEXT {
                        word = string(value)?;
                    }
                    Ok(())
                })?;
            }
            match word {
                // A token of white space is no word here.
                Some(word) if has_visible(&word) => words.push(word),
                Some(_) => {}
                None => {
                    let found = format!("{} without a text at {name}[{at}]", token.kind()?);
                    return Err(self.error(found, "a word, or an object with its \"text\""));
                }
            }
            Ok(())
        })?;
        match AnnotatedText::with_words_placed(text, &words) {
            Some(placed) => Ok(placed.words),
            None => {
                let found = format!("{name:?} that do not stand one behind the other in its text");
                Err(self.error(found, "the words of the text, or no such field"))
            }
        }
    }

    /// A span of the list, without judging what else it says.
    fn span(&self, at: usize, span: Value<'a>) -> Result<CharSpan, Fault> {
        let [mut start, mut end, mut label, mut text] = [None; 4];
        if span.kind()? == "an object" {
            span.fields::<Malformed>(|name, value| {
                match name {
                    "start" => start = Some(value),
                    "end" => end = Some(value),
                    "label" => label = Some(value),
                    "text" => text = Some(value),
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
        let span = CharSpan::new(self.place.line, bound("start", start)?, bound("end", end)?, name);
        // A text that is none says nothing.
        let marked = text.and_then(|text| string(text).ok().flatten()).map(String::into_boxed_str);
        Ok(CharSpan { marked, ..span })
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
        let (path, line) = (self.path.to_owned(), self.place.line);
        Fault::Content(ReadError::Record { path, line, found: found.into(), expected: expected.into() })
    }
}
