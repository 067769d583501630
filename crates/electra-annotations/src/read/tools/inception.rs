//! INCEpTION and WebAnno: their TSV of version 3, in which every token has a line.
//!
//! ```text
//! #FORMAT=WebAnno TSV 3.3
//! #T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value
//!
//! #Text=In New York
//! 1-1 TAB 0-2 TAB In TAB _ TAB _
//! 1-2 TAB 3-6 TAB New TAB *[1] TAB LOC[1]
//! 1-3 TAB 7-11 TAB York TAB *[1] TAB LOC[1]
//! ```
//!
//! Tokens of one span share a number in brackets; `|` stands between spans that share a token. Offsets count
//! UTF-16 units of the whole text. Marks of the format are written with a backslash in front.

use std::collections::BTreeMap;

use electra_text::corpus::json_object::excerpt;

use crate::read::beside::Beside;
use crate::read::document;
use crate::read::error::ReadError;
use crate::read::input::Input;
use crate::read::lines::lines;
use crate::read::offsets::{Offsets, Ruler};
use crate::read::options::ReadOptions;
use crate::read::spans::CharSpan;
use crate::read::text::{AnnotatedText, Take};
use crate::words::{has_visible, without_unseen};

const FORMAT: &str = "#FORMAT=WebAnno TSV ";
/// The layer of named entities that both programs come with.
const ENTITIES: &str = "NamedEntity";

pub(in crate::read) fn recognises(input: &Input<'_>) -> bool {
    input.text.starts_with(FORMAT)
}

/// A span whose tokens are read, by its number or its place.
struct Open {
    first: usize,
    last: usize,
    label: String,
    line: usize,
    is_torn: bool,
    /// The bounds of a part of a token, in code points of the sentence.
    part: Option<(i64, i64)>,
}

/// The sentence that is read.
#[derive(Default)]
struct Sentence {
    line: usize,
    text: Option<String>,
    words: Vec<String>,
    /// The offsets of each word in the file.
    offsets: Vec<(i64, i64)>,
    spans: BTreeMap<String, Open>,
}

pub(in crate::read) fn each_text(
    input: &Input<'_>,
    _: &ReadOptions,
    take: Take<'_>,
) -> Result<Beside, ReadError> {
    let mut beside = Beside::default();
    let types = column_of_types(input)?;
    let name = document::name_of_string(&input.path.file_name().unwrap_or_default().to_string_lossy());
    let mut sentence = Sentence::default();
    for (line, content) in lines(&input.text).chain([(0, "")]) {
        if let Some(text) = content.strip_prefix("#Text=") {
            // The text of a sentence goes on where it has line ends of its own.
            match &mut sentence.text {
                Some(whole) => {
                    whole.push('\n');
                    whole.push_str(&unescaped(text));
                }
                None => sentence.text = Some(unescaped(text)),
            }
        } else if content.starts_with('#') {
            beside.comments += 1;
        } else if has_visible(content) {
            sentence.add(input, line, content, types)?;
        } else if !sentence.words.is_empty() {
            take(std::mem::take(&mut sentence).into_text(&name))?;
        }
    }
    Ok(beside)
}

/// The column with the types of the layer whose spans are the entities: that of named entities, or the only
/// one with spans and types.
fn column_of_types(input: &Input<'_>) -> Result<usize, ReadError> {
    let error = |line: usize, found: &str, expected: String| ReadError::Line {
        path: input.path.to_owned(),
        line,
        found: excerpt(found, 0, 60),
        expected,
    };
    let first = lines(&input.text).next().map_or("", |(_, line)| line);
    if !first.strip_prefix(FORMAT).is_some_and(|version| version.starts_with('3')) {
        return Err(error(1, first, format!("{FORMAT}3, which INCEpTION and WebAnno 3 export")));
    }
    // Behind number, offsets and token.
    let mut column = 3;
    let mut layers = Vec::new();
    for (_, content) in
        lines(&input.text).skip(1).take_while(|(_, line)| line.starts_with('#') || line.is_empty())
    {
        let Some((kind, layer)) = content.strip_prefix("#T_").and_then(|rest| rest.split_once('=')) else {
            continue;
        };
        let mut parts = layer.split('|');
        let name = parts.next().unwrap_or_default().to_owned();
        let features: Vec<&str> = parts.collect();
        // A layer without features has a column of stars. Where a relation begins is named as its last feature.
        let columns = features.len().max(1);
        if kind == "SP" {
            let typed = ["value", "label", "type", "class", "category"];
            let feature = typed.iter().find_map(|name| features.iter().position(|feature| feature == name));
            let feature = feature.or((features.len() == 1 && !features[0].is_empty()).then_some(0));
            layers.push((name, feature.map(|feature| column + feature)));
        }
        column += columns;
    }
    let is_entities = |name: &str| name.rsplit('.').next() == Some(ENTITIES);
    let typed: Vec<&(String, Option<usize>)> = layers.iter().filter(|(_, column)| column.is_some()).collect();
    // Those of every token are no entities.
    let of_tokens = |name: &str| {
        ["POS", "Lemma", "MorphologicalFeatures", "Token", "Stem"].iter().any(|word| name.ends_with(word))
    };
    let own: Vec<_> = typed.iter().filter(|(name, _)| !of_tokens(name)).collect();
    let chosen = match (typed.iter().find(|(name, _)| is_entities(name)), own.as_slice()) {
        (Some((_, Some(column))), _) => *column,
        (None, [(_, Some(column))]) => *column,
        _ => {
            let names: Vec<&str> = own.iter().map(|(name, _)| name.as_str()).collect();
            let found =
                if names.is_empty() { "no layer of spans with types".into() } else { names.join(", ") };
            let expected = format!("a layer {ENTITIES}, or one layer of spans alone");
            return Err(error(2, &found, expected));
        }
    };
    Ok(chosen)
}

impl Sentence {
    /// Adds the token of a line, or a part of one.
    fn add(&mut self, input: &Input<'_>, line: usize, content: &str, types: usize) -> Result<(), ReadError> {
        let cells: Vec<&str> = content.split('\t').collect();
        let error = |found: &str, expected: &str| ReadError::Line {
            path: input.path.to_owned(),
            line,
            found: excerpt(found, 0, 60),
            expected: expected.to_owned(),
        };
        let bounds = |cell: &str| {
            let (start, end) = cell.split_once('-')?;
            Some((start.parse::<i64>().ok()?, end.parse::<i64>().ok()?))
        };
        let (Some(number), Some(place)) = (cells.first(), cells.get(1).copied().and_then(bounds)) else {
            return Err(error(
                content,
                "sentence-token, start-end, the token and its annotations, with tabs between them",
            ));
        };
        let Some((types, token)) = cells.get(types).zip(cells.get(2)) else {
            return Err(error(content, "a column for each feature that the head of the file names"));
        };
        // `1-2.1` is a part of the token that the line before has, or one behind it.
        let is_part = number.contains('.');
        if !is_part {
            if self.words.is_empty() {
                self.line = line;
            }
            self.words.push(unescaped(token));
            self.offsets.push(place);
        }
        let Some(at) = self.words.len().checked_sub(1) else {
            return Err(error(content, "the token in front of its part"));
        };
        if *types == "_" {
            return Ok(());
        }
        for (stacked, written) in divided(types).into_iter().enumerate() {
            let (label, id) = numbered(written);
            let label = without_unseen(&unescaped(label)).into_owned();
            // A star is a span without a type.
            let label = if label == "*" || label.is_empty() { "_".to_owned() } else { label };
            let key = id.map_or_else(|| format!("line {line} {stacked}"), |id| format!("id {id}"));
            let part = is_part.then_some(place);
            let open = self.spans.entry(key).or_insert_with(|| Open {
                first: at,
                last: at,
                label,
                line,
                is_torn: false,
                part,
            });
            open.is_torn |= at > open.last + 1;
            open.last = at;
        }
        Ok(())
    }

    fn into_text(self, document: &str) -> AnnotatedText {
        let words = self.words.iter().map(|word| if word.is_empty() { "_" } else { word.as_str() });
        let joined = AnnotatedText::of_words(self.line, words.clone());
        // As it was written, where that is told.
        let mut text = self.text.and_then(|text| placed(&text, &self.words)).unwrap_or(joined);
        text.line = self.line;
        let base = self.offsets.first().map_or(0, |(start, _)| *start);
        let ruler = Ruler::new(&text.text, Offsets::Utf16);
        let first =
            text.words.as_ref().and_then(|words| words.first()).map_or(0, |word| word.chars.start as i64);
        text.spans = self
            .spans
            .into_values()
            .map(|open| {
                let whole = text.span_of_words(open.line, open.first..open.last + 1, open.label.clone());
                match open.part {
                    Some((start, end)) => CharSpan {
                        start: first.saturating_add(ruler.place(start.saturating_sub(base))),
                        end: first.saturating_add(ruler.place(end.saturating_sub(base))),
                        ..whole
                    },
                    // Its parts are not told apart: that there are some is enough.
                    None if open.is_torn => {
                        let parts = vec![(whole.start, whole.start), (whole.end, whole.end)];
                        CharSpan { parts, ..whole }
                    }
                    None => whole,
                }
            })
            .collect();
        text.document = Some(document.into());
        text
    }
}

/// The text with these words, if they stand in it one behind the other.
fn placed(text: &str, words: &[String]) -> Option<AnnotatedText> {
    let (mut places, mut at, mut chars) = (Vec::new(), 0, 0);
    for word in words {
        let gap = text[at..].find(word.as_str()).filter(|&gap| !has_visible(&text[at..at + gap]))?;
        let start = chars + text[at..at + gap].chars().count();
        let end = start + word.chars().count();
        places.push(start..end);
        (at, chars) = (at + gap + word.len(), end);
    }
    let mut found = AnnotatedText { text: text.to_owned(), ..AnnotatedText::default() };
    found.set_words(places.into_iter());
    Some(found)
}

/// The annotations of a cell, which `|` divides unless a backslash stands before it.
fn divided(cell: &str) -> Vec<&str> {
    let (mut parts, mut start, mut is_escaped) = (Vec::new(), 0, false);
    for (at, c) in cell.char_indices() {
        if c == '|' && !is_escaped {
            parts.push(&cell[start..at]);
            start = at + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    parts.push(&cell[start..]);
    parts
}

/// An annotation and the number in brackets behind it, if there is one.
fn numbered(written: &str) -> (&str, Option<&str>) {
    let found = written.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    match found {
        Some((label, id))
            if !label.ends_with('\\') && !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (label, Some(id))
        }
        _ => (written, None),
    }
}

/// Text without the backslashes in front of marks of the format.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, characters.clone().next()) {
            ('\\', Some(next)) => {
                characters.next();
                plain.push(match next {
                    't' => '\t',
                    'n' => '\n',
                    'r' => '\r',
                    other => other,
                });
            }
            _ => plain.push(c),
        }
    }
    plain
}
