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
//! A star is an annotation without a value. Other layers of spans, relations (`#T_RL`) and chains (`#T_CH`) are
//! counted, each annotation once.
//!
//! Tokens of one span share a number in brackets; `|` stands between spans that share a token. Offsets count
//! UTF-16 units of the whole text. Marks of the format are written with a backslash in front.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Its type; none of a span without a value.
    label: Option<String>,
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
    /// Annotations of other layers, by their column and their number or place.
    others: BTreeSet<(usize, String)>,
}

/// The columns of a file that are read.
struct Columns {
    /// That of the types of entities.
    types: usize,
    /// The first of each other layer whose annotations are counted.
    others: Vec<usize>,
}

pub(in crate::read) fn each_text(
    input: &Input<'_>,
    _: &ReadOptions,
    take: Take<'_>,
) -> Result<Beside, ReadError> {
    let mut beside = Beside::default();
    let columns = columns(input)?;
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
            sentence.add(input, line, content, &columns)?;
        } else if !sentence.words.is_empty() {
            let sentence = std::mem::take(&mut sentence);
            beside.passed_over.untyped += sentence.spans.values().filter(|span| span.label.is_none()).count();
            beside.passed_over.other_annotations += sentence.others.len();
            take(sentence.into_text(&name))?;
        }
    }
    Ok(beside)
}

/// The columns of the layer whose spans are the entities, which is that of named entities or the only one with spans
/// and types, and of the others.
fn columns(input: &Input<'_>) -> Result<Columns, ReadError> {
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
    // The first column of each layer, with whether it says something of every token.
    let mut firsts: Vec<(usize, bool)> = Vec::new();
    // Those of every token are no entities.
    let of_tokens = |name: &str| {
        ["POS", "Lemma", "MorphologicalFeatures", "Token", "Stem"].iter().any(|word| name.ends_with(word))
    };
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
        firsts.push((column, kind == "SP" && of_tokens(&name)));
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
    // The layer of the entities is the last that begins at its column or in front of it.
    let own = firsts.iter().map(|(first, _)| *first).filter(|first| *first <= chosen).max();
    let others = firsts.iter().filter(|(first, of_tokens)| !of_tokens && Some(*first) != own);
    Ok(Columns { types: chosen, others: others.map(|(first, _)| *first).collect() })
}

impl Sentence {
    /// Adds the token of a line, or a part of one.
    fn add(
        &mut self,
        input: &Input<'_>,
        line: usize,
        content: &str,
        columns: &Columns,
    ) -> Result<(), ReadError> {
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
        let Some((types, token)) = cells.get(columns.types).zip(cells.get(2)) else {
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
        for (&column, cell) in columns.others.iter().filter_map(|column| Some((column, cells.get(*column)?)))
        {
            for (stacked, written) in divided(cell).into_iter().enumerate().filter(|(_, cell)| *cell != "_") {
                let number = numbered(written.split("->").next().unwrap_or(written)).1;
                self.others.insert((column, key(number, line, stacked)));
            }
        }
        if *types == "_" {
            return Ok(());
        }
        for (stacked, written) in divided(types).into_iter().enumerate() {
            let (label, id) = numbered(written);
            let label = without_unseen(&unescaped(label)).into_owned();
            let label = Some(label).filter(|label| label != "*" && !label.is_empty());
            let part = is_part.then_some(place);
            let open = self.spans.entry(key(id, line, stacked)).or_insert_with(|| Open {
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
        let mut text =
            self.text.and_then(|text| AnnotatedText::with_words_placed(&text, &self.words)).unwrap_or(joined);
        text.line = self.line;
        let base = self.offsets.first().map_or(0, |(start, _)| *start);
        let ruler = Ruler::new(&text.text, Offsets::Utf16);
        let first =
            text.words.as_ref().and_then(|words| words.first()).map_or(0, |word| word.chars.start as i64);
        text.spans = self
            .spans
            .into_values()
            .filter_map(|open| {
                let whole = text.span_of_words(open.line, open.first..open.last + 1, open.label?);
                Some(match open.part {
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
                })
            })
            .collect();
        text.document = Some(document.into());
        text
    }
}

/// The name of an annotation within its sentence: its number, else its place.
fn key(number: Option<&str>, line: usize, stacked: usize) -> String {
    number.map_or_else(|| format!("line {line} {stacked}"), |number| format!("id {number}"))
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
