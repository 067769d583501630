//! Text with spans of characters to words with tags.

use std::cmp::Reverse;
use std::fmt;

use serde::Serialize;

use crate::words::{Word, is_unseen};

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

/// Tags of the words in IOB2, and the spans that do not fit them.
pub(super) fn align(
    text: &str,
    words: &[Word],
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
    words: &[Word],
    characters: &[char],
) -> Result<std::ops::Range<usize>, Misalignment> {
    let length = characters.len();
    let within = |bound: i64| usize::try_from(bound).ok().filter(|&bound| bound <= length);
    let (Some(mut start), Some(end)) = (within(span.start), within(span.end)) else {
        return Err(Misalignment::BeyondText { length });
    };
    // What is not seen is within a span or not as it pleases, also at the end of a word.
    while start < end && is_unseen(characters[start]) {
        start += 1;
    }
    let first = words.partition_point(|word| word.chars.end <= start);
    let last = words.partition_point(|word| word.chars.start < end);
    if start >= end || first >= last {
        return Err(Misalignment::NoWord);
    }
    let is_left_out = |from: usize, to: usize| characters[from..to].iter().all(|&c| is_unseen(c));
    let is_whole = words[first].chars.start >= start
        && (words[last - 1].chars.end <= end || is_left_out(end, words[last - 1].chars.end));
    if is_whole { Ok(first..last) } else { Err(Misalignment::WithinWord) }
}

fn describe(
    span: &CharSpan,
    reason: Misalignment,
    words: &[Word],
    characters: &[char],
    line: usize,
) -> MisalignedSpan {
    let clamp = |bound: i64| usize::try_from(bound).unwrap_or(0).min(characters.len());
    let (start, end) = (clamp(span.start), clamp(span.end).max(clamp(span.start)));
    let touched = |word: &&Word| word.chars.start < end && word.chars.end > start;
    let nearest = match (words.iter().find(touched), words.iter().rfind(touched)) {
        (Some(first), Some(last)) => Some((first.chars.start, last.chars.end)),
        _ => {
            let distance =
                |word: &&Word| word.chars.start.saturating_sub(end).max(start.saturating_sub(word.chars.end));
            words.iter().min_by_key(distance).map(|word| (word.chars.start, word.chars.end))
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
    use crate::words::{WordDivision, divide};

    fn words(text: &str) -> Vec<Word> {
        divide(text, WordDivision::Marks).collect()
    }

    #[test]
    fn what_is_not_seen_may_be_within_a_span_or_not() {
        // A heart with its selector, a soft hyphen, a zero-width space, marks of direction.
        let text = "\u{2066}\u{2764}\u{fe0f} Ber\u{ad}lin\u{200b}!";
        let words = words(text);
        let tags = |start, end| {
            let span = CharSpan { start, end, label: "X".into() };
            align(text, &words, &[span], 1).0.join(" ")
        };
        for (start, end) in [(0, 3), (1, 3), (1, 2), (0, 4)] {
            assert_eq!(tags(start, end), "B-X O O", "{start}..{end}");
        }
        for (start, end) in [(4, 11), (4, 12), (3, 11)] {
            assert_eq!(tags(start, end), "O B-X O", "{start}..{end}");
        }
        assert_eq!(tags(8, 11), "O O O", "the soft hyphen divides no word");
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
