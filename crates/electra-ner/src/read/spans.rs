//! Text with spans of characters to words with tags.

use std::cmp::Reverse;
use std::fmt;

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

/// A span that cannot be said in tags of whole words. Bounds count Unicode characters from 0, the
/// second one past the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MisalignedSpan {
    /// Line of the record.
    pub line: usize,
    /// Where the span begins.
    pub start: i64,
    /// One past its end.
    pub end: i64,
    /// Its type.
    pub label: String,
    /// The text within these bounds, as far as there is any.
    pub text: String,
    /// The closest bounds that are those of words; none in a text without words.
    pub nearest: Option<(usize, usize)>,
    /// The text within the closest bounds.
    pub nearest_text: String,
    /// What is wrong.
    pub reason: Misalignment,
}

/// Why a span cannot be said in tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Misalignment {
    /// It begins or ends within a word.
    WithinWord,
    /// No word lies in it: it is empty, ends before it begins, or holds white space alone.
    NoWord,
    /// It begins or ends beyond the text.
    BeyondText {
        /// Characters of the text.
        length: usize,
    },
    /// Another span has some of its words.
    Overlap {
        /// Where the other begins.
        start: i64,
        /// One past its end.
        end: i64,
        /// Its type.
        label: String,
    },
}

impl fmt::Display for MisalignedSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MisalignedSpan { line, start, end, label, text, .. } = self;
        write!(f, "line {line}: {label} {start}..{end} {text:?} ")?;
        match &self.reason {
            Misalignment::WithinWord => f.write_str("begins or ends within a word")?,
            Misalignment::NoWord => f.write_str("has no word in it")?,
            Misalignment::BeyondText { length } => {
                write!(f, "goes beyond the {length} characters of the text")?
            }
            Misalignment::Overlap { start, end, label } => {
                return write!(f, "overlaps with {label} {start}..{end}");
            }
        }
        match self.nearest {
            Some((start, end)) => write!(f, ", the nearest words are {start}..{end} {:?}", self.nearest_text),
            None => f.write_str(", and neither has the text"),
        }
    }
}

/// A span as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CharSpan {
    pub start: i64,
    pub end: i64,
    pub label: String,
}

/// A word in a text; bounds count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub text: &'a str,
    pub start: usize,
    pub end: usize,
}

/// Divides a text into words and single punctuation marks. No character is divided from what
/// combines with it, and Chinese characters and hiragana stand alone, since nothing in the writing
/// says where their words end. White space and what is invisible belong to no word.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = Vec::new();
    let (mut at, mut goes_on) = (0, false);
    for (byte, cluster) in text.grapheme_indices(true) {
        let first = cluster.chars().next().expect("no cluster is empty");
        let end = at + cluster.chars().count();
        let kind = Kind::of(first);
        match words.last_mut() {
            Some(word) if kind == Kind::Letter && goes_on => {
                word.text = &text[byte - word.text.len()..byte + cluster.len()];
                word.end = end;
            }
            _ if kind != Kind::Invisible => words.push(Word { text: cluster, start: at, end }),
            _ => {}
        }
        goes_on = kind == Kind::Letter;
        at = end;
    }
    words
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Goes on with others of its kind.
    Letter,
    /// A word by itself.
    Alone,
    /// No part of any word.
    Invisible,
}

impl Kind {
    fn of(character: char) -> Kind {
        match character {
            c if c.is_whitespace() || c.is_control() => Kind::Invisible,
            '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}' | '\u{feff}' => Kind::Invisible,
            // Hiragana; the ideographs that BERT's normaliser sets apart.
            '\u{3041}'..='\u{309f}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{2fa1f}' => Kind::Alone,
            c if c.is_alphanumeric() => Kind::Letter,
            _ => Kind::Alone,
        }
    }
}

/// Tags of the words in IOB2, and the spans that do not fit them.
pub(super) fn align(
    text: &str,
    words: &[Word<'_>],
    spans: &[CharSpan],
    line: usize,
) -> (Vec<String>, Vec<MisalignedSpan>) {
    let characters: Vec<char> = text.chars().collect();
    let mut owners: Vec<Option<&CharSpan>> = vec![None; words.len()];
    let mut tags = vec!["O".to_owned(); words.len()];
    let mut misaligned = Vec::new();
    // Of two that share a word the outer one stays.
    let mut spans: Vec<&CharSpan> = spans.iter().collect();
    spans.sort_by_key(|span| (span.start, Reverse(span.end)));
    // The same said twice is said once.
    spans.dedup();
    for span in spans {
        let placed = place(span, words, &characters).and_then(|range| {
            match owners[range.clone()].iter().flatten().next() {
                Some(CharSpan { start, end, label }) => {
                    Err(Misalignment::Overlap { start: *start, end: *end, label: label.clone() })
                }
                None => Ok(range),
            }
        });
        match placed {
            Ok(range) => {
                for at in range.clone() {
                    owners[at] = Some(span);
                    tags[at] = format!("{}-{}", if at == range.start { 'B' } else { 'I' }, span.label);
                }
            }
            Err(reason) => misaligned.push(describe(span, reason, words, &characters, line)),
        }
    }
    (tags, misaligned)
}

/// The words that a span consists of.
fn place(
    span: &CharSpan,
    words: &[Word<'_>],
    characters: &[char],
) -> Result<std::ops::Range<usize>, Misalignment> {
    let length = characters.len();
    let within = |bound: i64| usize::try_from(bound).ok().filter(|&bound| bound <= length);
    let (Some(mut start), Some(mut end)) = (within(span.start), within(span.end)) else {
        return Err(Misalignment::BeyondText { length });
    };
    while start < end && Kind::of(characters[start]) == Kind::Invisible {
        start += 1;
    }
    while start < end && Kind::of(characters[end - 1]) == Kind::Invisible {
        end -= 1;
    }
    if start >= end {
        return Err(Misalignment::NoWord);
    }
    let first = words.iter().position(|word| word.start == start);
    let last = words.iter().position(|word| word.end == end);
    first.zip(last).map(|(first, last)| first..last + 1).ok_or(Misalignment::WithinWord)
}

fn describe(
    span: &CharSpan,
    reason: Misalignment,
    words: &[Word<'_>],
    characters: &[char],
    line: usize,
) -> MisalignedSpan {
    let clamp = |bound: i64| usize::try_from(bound).unwrap_or(0).min(characters.len());
    let (start, end) = (clamp(span.start), clamp(span.end).max(clamp(span.start)));
    let touched = |word: &&Word<'_>| word.start < end && word.end > start;
    let nearest = match (words.iter().find(touched), words.iter().rfind(touched)) {
        (Some(first), Some(last)) => Some((first.start, last.end)),
        _ => {
            let distance =
                |word: &&Word<'_>| word.start.saturating_sub(end).max(start.saturating_sub(word.end));
            words.iter().min_by_key(distance).map(|word| (word.start, word.end))
        }
    };
    let text = |start: usize, end: usize| characters[start..end].iter().collect::<String>();
    MisalignedSpan {
        line,
        start: span.start,
        end: span.end,
        label: span.label.clone(),
        text: text(start, end),
        nearest,
        nearest_text: nearest.map_or_else(String::new, |(start, end)| text(start, end)),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        words(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn text_is_divided_into_words_and_single_marks() {
        assert_eq!(split("Dr. O'Neil's 3.5%"), ["Dr", ".", "O", "'", "Neil", "'", "s", "3", ".", "5", "%"]);
        assert_eq!(split("東京タワーは高い"), ["東", "京", "タワー", "は", "高", "い"]);
        // A combining accent, a family joined by zero-width joiners, Devanagari's vowel signs.
        assert_eq!(split("Jose\u{301} 👩\u{200d}👧 हिन्दी\u{200b}"), ["Jose\u{301}", "👩\u{200d}👧", "हिन्दी"]);
        assert_eq!(split(" \t\u{feff} "), [""; 0]);
        let word = words("a\u{301}b c").pop().unwrap();
        assert_eq!((word.start, word.end), (4, 5), "bounds count characters");
    }

    #[test]
    fn the_nearest_words_are_named_for_a_span_that_fits_none() {
        let text = "In Paris, now";
        let words = words(text);
        let nearest = |start, end| {
            let span = CharSpan { start, end, label: "LOC".into() };
            let (tags, misaligned) = align(text, &words, &[span], 7);
            assert!(tags.iter().all(|tag| tag == "O"));
            let found = &misaligned[0];
            (found.reason.clone(), found.nearest, found.nearest_text.clone())
        };
        let cases = [
            (4, 6, Misalignment::WithinWord, (3, 8), "Paris"),
            (4, 10, Misalignment::WithinWord, (3, 9), "Paris,"),
            (2, 3, Misalignment::NoWord, (0, 2), "In"),
            (8, 3, Misalignment::NoWord, (3, 8), "Paris"),
            (10, 99, Misalignment::BeyondText { length: 13 }, (10, 13), "now"),
            (-5, 2, Misalignment::BeyondText { length: 13 }, (0, 2), "In"),
        ];
        for (start, end, reason, bounds, text) in cases {
            assert_eq!(nearest(start, end), (reason, Some(bounds), text.to_owned()), "{start}..{end}");
        }
    }
}
