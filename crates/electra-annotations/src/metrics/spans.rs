//! Tags to spans, by the rules of the `conlleval` script or strictly by one scheme.

use std::fmt;
use std::str::FromStr;

use crate::Span;

/// The mode of evaluation: the rule by which tags count as an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The rules of `conlleval`, and seqeval's default: an entity begins where the type changes, at
    /// `B` or `S`, and at `I` or `E` behind `E`, `S` or `O`. Forgives a wrong prefix, so it needs no
    /// scheme.
    Default,
    /// Only what the scheme allows, as in seqeval's `mode="strict"`: an entity that does not begin
    /// or end as it should is none.
    Strict(StrictScheme),
}

impl Mode {
    /// `default` or `strict`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Strict(_) => "strict",
        }
    }

    /// Name of the scheme; `any` in default mode.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Default => "any",
            Self::Strict(scheme) => scheme.name(),
        }
    }
}

/// A scheme that says of every tag where it may stand. (IOB1 does not: readers convert it.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StrictScheme {
    /// `B` begins an entity, `I` continues it.
    Iob2,
    /// As IOB2, but the last token is `E`, and an only one `S`.
    Iobes,
    /// As IOBES with other letters: the last token is `L`, an only one `U`.
    Bilou,
}

impl StrictScheme {
    /// Every strict scheme.
    pub const ALL: [Self; 3] = [Self::Iob2, Self::Iobes, Self::Bilou];

    /// The usual name of the scheme.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Iob2 => "IOB2",
            Self::Iobes => "IOBES",
            Self::Bilou => "BILOU",
        }
    }

    /// The letters of the last and of an only token.
    fn closing(self) -> [Option<char>; 2] {
        match self {
            Self::Iob2 => [None, None],
            Self::Iobes => [Some('E'), Some('S')],
            Self::Bilou => [Some('L'), Some('U')],
        }
    }
}

impl fmt::Display for StrictScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for StrictScheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| "strict mode knows iob2, iobes and bilou".into())
    }
}

/// A tag that does not belong to the scheme of strict mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("the tag {tag:?} does not belong to {scheme}")]
pub struct NotInScheme {
    /// The index of the token in the sentence, from 0.
    pub token: usize,
    /// The tag as it is written.
    pub tag: String,
    /// The scheme asked for.
    pub scheme: StrictScheme,
}

/// The entities of one sentence, by start and end strictly ascending.
///
/// They are disjoint in strict mode, and in default mode if no prefix but `B`, `I`, `O`, `E` and
/// `S` occurs. With other prefixes seqeval's rule, which this follows, may let an entity reach back
/// over the one before it; but never into the sentence before, as seqeval does when it scores.
///
/// # Errors
/// In strict mode, the first tag that does not belong to the scheme. Default mode takes every tag.
pub fn spans<T: AsRef<str>>(tags: &[T], mode: Mode) -> Result<Vec<Span>, NotInScheme> {
    let mut spans = match mode {
        Mode::Default => chunks(tags),
        Mode::Strict(scheme) => strict(tags, scheme)?,
    };
    // A comparison keeps those of every sentence.
    spans.shrink_to_fit();
    Ok(spans)
}

/// A tag in its parts.
#[derive(Clone, Copy)]
struct Tag<'a> {
    prefix: char,
    kind: &'a str,
}

const OUTSIDE: Tag<'static> = Tag { prefix: 'O', kind: "_" };

impl<'a> Tag<'a> {
    /// The type is what stands behind the first `-`, or behind the prefix if there is none.
    fn lenient(tag: &'a str) -> Self {
        let Some((prefix, rest)) = halves(tag) else { return OUTSIDE };
        let kind = rest.split_once('-').map_or(rest, |(_, kind)| kind);
        Self { prefix, kind: if kind.is_empty() { "_" } else { kind } }
    }

    /// The type is what stands behind the prefix, without `-` around it: seqeval's strict mode
    /// reads types in another way than its default mode.
    fn strict(tag: &'a str) -> Self {
        let Some((prefix, rest)) = halves(tag) else { return OUTSIDE };
        let kind = rest.trim_matches('-');
        Self { prefix, kind: if kind.is_empty() { "_" } else { kind } }
    }
}

/// The first character and the rest.
fn halves(tag: &str) -> Option<(char, &str)> {
    let mut characters = tag.chars();
    characters.next().map(|prefix| (prefix, characters.as_str()))
}

fn chunks<T: AsRef<str>>(tags: &[T]) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut start = 0;
    // No type equals that of what stands before the sentence.
    let mut before = Tag { prefix: 'O', kind: "" };
    let tags = tags.iter().map(|tag| Tag::lenient(tag.as_ref()));
    for (at, tag) in tags.chain([OUTSIDE]).enumerate() {
        if ends_between(before, tag) {
            spans.push(Span { start, end: at, kind: before.kind.to_owned() });
        }
        if begins_between(before, tag) {
            start = at;
        }
        before = tag;
    }
    spans
}

fn ends_between(before: Tag<'_>, tag: Tag<'_>) -> bool {
    match (before.prefix, tag.prefix) {
        ('E' | 'S', _) | ('B' | 'I', 'B' | 'S' | 'O') => true,
        // conlleval gives `.` to punctuation outside of entities.
        ('O' | '.', _) => false,
        _ => before.kind != tag.kind,
    }
}

fn begins_between(before: Tag<'_>, tag: Tag<'_>) -> bool {
    match (before.prefix, tag.prefix) {
        (_, 'B' | 'S') | ('E' | 'S' | 'O', 'E' | 'I') => true,
        (_, 'O' | '.') => false,
        _ => before.kind != tag.kind,
    }
}

fn strict<T: AsRef<str>>(all: &[T], scheme: StrictScheme) -> Result<Vec<Span>, NotInScheme> {
    let [last, single] = scheme.closing();
    let is = |prefix: char, letter: Option<char>| letter == Some(prefix);
    let tags: Vec<Tag<'_>> = all.iter().map(|tag| Tag::strict(tag.as_ref())).collect();
    let known = |prefix| matches!(prefix, 'O' | 'B' | 'I') || is(prefix, last) || is(prefix, single);
    if let Some(token) = tags.iter().position(|tag| !known(tag.prefix)) {
        return Err(NotInScheme { token, tag: all[token].as_ref().to_owned(), scheme });
    }
    let mut spans = Vec::new();
    let mut start = 0;
    while start < tags.len() {
        let first = tags[start];
        let mut end = start + 1;
        if first.prefix == 'B' {
            let continues =
                |tag: Tag<'_>| (tag.prefix == 'I' || is(tag.prefix, last)) && tag.kind == first.kind;
            while end < tags.len() && !is(tags[end - 1].prefix, last) && continues(tags[end]) {
                end += 1;
            }
        }
        let closed = is(tags[end - 1].prefix, last);
        if is(first.prefix, single) || (first.prefix == 'B' && (last.is_none() || closed)) {
            spans.push(Span { start, end, kind: first.kind.to_owned() });
        }
        start = end;
    }
    Ok(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tags: &str, mode: Mode) -> String {
        let tags: Vec<&str> = tags.split_whitespace().collect();
        let spans = spans(&tags, mode).unwrap();
        let shown: Vec<String> =
            spans.iter().map(|span| format!("{}[{},{}]", span.kind, span.start, span.end)).collect();
        shown.join(" ")
    }

    #[test]
    fn default_mode_forgives_wrong_prefixes() {
        for (tags, expected) in [
            ("I-PER I-PER O", "PER[0,2]"),
            ("B-PER I-LOC", "PER[0,1] LOC[1,2]"),
            ("B-PER B-PER I-PER", "PER[0,1] PER[1,3]"),
            ("S-PER I-PER E-PER E-PER", "PER[0,1] PER[1,3] PER[3,4]"),
            ("B I O B-", "_[0,2] _[3,4]"),
            ("B-MISC-X I-MISC-X I-MISC", "MISC-X[0,2] MISC[2,3]"),
            ("X-PER M-PER O", "PER[0,2]"),
            ("BPER", "PER[0,1]"),
            ("Ä-PER", "PER[0,1]"),
        ] {
            assert_eq!(found(tags, Mode::Default), expected, "{tags}");
        }
    }

    #[test]
    fn strict_mode_drops_what_the_scheme_forbids() {
        use StrictScheme::*;
        for (tags, scheme, expected) in [
            ("I-PER I-PER B-LOC I-LOC I-PER", Iob2, "LOC[2,4]"),
            ("B-PER I-PER E-PER B-PER E-PER S-PER", Iobes, "PER[0,3] PER[3,5] PER[5,6]"),
            ("B-PER I-PER O E-PER B-PER E-LOC I-PER", Iobes, ""),
            ("B-PER B-PER E-PER E-PER", Iobes, "PER[1,3]"),
            ("U-PER B-LOC L-LOC L-LOC U", Bilou, "PER[0,1] LOC[1,3] _[4,5]"),
        ] {
            assert_eq!(found(tags, Mode::Strict(scheme)), expected, "{tags}");
        }
    }

    #[test]
    fn strict_mode_names_a_tag_of_another_scheme() {
        for (tag, scheme) in
            [("E-PER", StrictScheme::Iob2), ("S", StrictScheme::Bilou), ("", StrictScheme::Iob2)]
        {
            let result = spans(&["O", tag], Mode::Strict(scheme));
            if tag.is_empty() {
                assert_eq!(result, Ok(vec![]));
            } else {
                assert_eq!(result, Err(NotInScheme { token: 1, tag: tag.to_owned(), scheme }));
            }
        }
    }

    #[test]
    fn a_scheme_is_named_as_it_is_written() {
        for scheme in [StrictScheme::Iob2, StrictScheme::Iobes, StrictScheme::Bilou] {
            assert_eq!(scheme.name().to_lowercase().parse(), Ok(scheme));
        }
        assert!("iob1".parse::<StrictScheme>().is_err());
    }
}
