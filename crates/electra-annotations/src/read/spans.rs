//! Text with spans of characters to words with tags.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use serde::Serialize;

use super::record_place::RecordPlace;
use crate::sentences::packed;
use crate::words::{Word, is_invisible};

/// Characters of a text that are repeated in what is said of a span: a record may have a span for each
/// of its characters, and each of them go to its end.
const MAX_EXCERPT: usize = 100;

/// A span that cannot be said in tags of whole words. Bounds count Unicode characters from 0, the
/// second one past the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MisalignedSpan {
    /// Line of the record.
    pub line: usize,
    /// The file of that line, where the data are a folder of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The place of the record in that line, where the line has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordPlace>,
    /// The start of the span.
    pub start: i64,
    /// One past its end.
    pub end: i64,
    /// The entity type, such as `PER`.
    pub label: String,
    /// The text within these bounds, as far as there is any; cut where it is long.
    pub text: String,
    /// The closest bounds that are those of words; none in a text without words.
    pub nearest: Option<(usize, usize)>,
    /// The text within the closest bounds, cut likewise.
    pub nearest_text: String,
    /// A description of what is wrong.
    pub reason: Misalignment,
}

/// The reason why a span cannot be stated in tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Misalignment {
    /// The span begins or ends within a word.
    WithinWord,
    /// No word lies in it: it is empty, ends before it begins, or holds white space alone.
    NoWord,
    /// The span begins or ends within a character: its offsets count something else.
    WithinCharacter,
    /// The span begins or ends beyond the text.
    BeyondText {
        /// Characters of the text.
        length: usize,
    },
    /// Another span has some of the span's words.
    Overlap {
        /// The start of the other span.
        start: i64,
        /// One past its end.
        end: i64,
        /// The entity type of the other, such as `PER`.
        label: String,
    },
    /// The span is of several parts with other words between them.
    Discontinuous {
        /// Number of its parts.
        parts: usize,
    },
    /// The text within the bounds is another than the record says that it is.
    OtherText {
        /// The text of the span as the record has it; cut where it is long.
        marked: String,
    },
}

impl fmt::Display for MisalignedSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MisalignedSpan { line, start, end, label, text, .. } = self;
        write!(f, "line {line}")?;
        if let Some(RecordPlace { number, column }) = self.record {
            write!(f, ", record {number} at character {column}")?;
        }
        if let Some(file) = &self.file {
            write!(f, " of {file}")?;
        }
        write!(f, ": {label} {start}..{end} {text:?} ")?;
        match &self.reason {
            Misalignment::WithinWord => f.write_str("begins or ends within a word")?,
            Misalignment::NoWord => f.write_str("has no word in it")?,
            Misalignment::WithinCharacter => {
                f.write_str("begins or ends within a character, so its offsets count something else")?
            }
            Misalignment::BeyondText { length } => {
                write!(f, "goes beyond the {length} characters of the text")?
            }
            Misalignment::Overlap { start, end, label } => {
                return write!(f, "overlaps with {label} {start}..{end}");
            }
            Misalignment::Discontinuous { parts } => {
                return write!(f, "is of {parts} parts with other words between them");
            }
            Misalignment::OtherText { marked } => return write!(f, "is {marked:?} by the record itself"),
        }
        match self.nearest {
            Some((start, end)) => write!(f, ", the nearest words are {start}..{end} {:?}", self.nearest_text),
            None => f.write_str(", and neither has the text"),
        }
    }
}

/// A span as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CharSpan {
    /// The line that says so.
    pub line: usize,
    pub start: i64,
    pub end: i64,
    pub label: String,
    /// The bounds of each part, where there are several; `start` and `end` are those of all.
    pub parts: Vec<(i64, i64)>,
    /// The text of the span, where the file repeats it.
    pub marked: Option<Box<str>>,
    /// Whether a bound lies within a character, which it does not in the unit that the file counts in.
    pub is_within_character: bool,
}

impl CharSpan {
    /// A span of one part, of which nothing more is said.
    pub(crate) fn new(line: usize, start: i64, end: i64, label: String) -> Self {
        Self { line, start, end, label, parts: Vec::new(), marked: None, is_within_character: false }
    }
}

/// Whether a file that calls the text of a span `marked` can mean `text`: tools differ in what they make of
/// white space, and some of them write the end of a line as `\n`.
pub(super) fn is_same_text(marked: &str, text: impl Iterator<Item = char>) -> bool {
    seen(marked.chars()).eq(seen(text))
}

/// The characters that are seen, without the ends of lines that are written out.
fn seen(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    let mut text = text.peekable();
    std::iter::from_fn(move || {
        loop {
            let next = text.next()?;
            let is_written_end = next == '\\' && text.next_if_eq(&'n').is_some();
            if !is_written_end && !is_invisible(next) {
                return Some(next);
            }
        }
    })
}

/// The words of a span.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SpanOfWords<'a> {
    pub words: Range<usize>,
    pub label: &'a str,
    pub span: &'a CharSpan,
}

/// Spans held against the words of their text.
#[derive(Debug, Default)]
pub(crate) struct Aligned<'a> {
    /// Those that are of whole words, in the order of the text.
    pub placed: Vec<SpanOfWords<'a>>,
    /// Those that are not, or share words that they may not share.
    pub misaligned: Vec<MisalignedSpan>,
    /// The number of spans that say what another one says.
    pub repeated: usize,
}

/// The spans as words, without common words unless they may have some.
pub(crate) fn align<'a>(text: &str, words: &[Word], spans: &'a [CharSpan], may_overlap: bool) -> Aligned<'a> {
    let text = Characters::of(text);
    let Aligned { mut placed, mut misaligned, .. } = Aligned::default();
    let mut last: Option<&CharSpan> = None;
    // The same said twice is said once.
    let mut said = HashSet::new();
    let mut is_new = |span: &'a CharSpan| said.insert((span.start, span.end, &span.label, &span.parts));
    let mut distinct: Vec<&CharSpan> = spans.iter().filter(|span| is_new(span)).collect();
    let repeated = spans.len() - distinct.len();
    // Of two that share a word the outer one stays.
    distinct.sort_by_key(|span| (span.start, Reverse(span.end)));
    for span in distinct {
        let fits = text.check(span).and_then(|()| place(span, words, &text));
        let fits = fits.and_then(|range| match (last, placed.last()) {
            // Those before began in front of it: none but the last can reach into it.
            (Some(CharSpan { start, end, label, .. }), Some(before))
                if !may_overlap && before.words.end > range.start =>
            {
                Err(Misalignment::Overlap { start: *start, end: *end, label: label.clone() })
            }
            _ => Ok(range),
        });
        match fits {
            Ok(words) => {
                placed.push(SpanOfWords { words, label: &span.label, span });
                last = Some(span);
            }
            Err(reason) => misaligned.push(describe(span, reason, words, &text)),
        }
    }
    Aligned { placed, misaligned, repeated }
}

/// The characters of a text, by number.
pub(crate) struct Characters {
    all: Vec<char>,
    /// For each character, and for the end, the first from there on that is seen. A text may hold
    /// many spans and much that is not seen.
    next_seen: Vec<u32>,
}

impl Characters {
    pub(crate) fn of(text: &str) -> Self {
        let all: Vec<char> = text.chars().collect();
        let mut next_seen = vec![packed(all.len()); all.len() + 1];
        for at in (0..all.len()).rev() {
            next_seen[at] = if is_invisible(all[at]) { next_seen[at + 1] } else { packed(at) };
        }
        Self { all, next_seen }
    }

    fn len(&self) -> usize {
        self.all.len()
    }

    /// The first character from `at` on that is seen, or the end.
    fn next_seen(&self, at: usize) -> usize {
        self.next_seen[at] as usize
    }

    /// What of a span no words could mend: bounds beyond the text, several parts, another text than it says.
    pub(crate) fn check(&self, span: &CharSpan) -> Result<(), Misalignment> {
        let (start, end) = bounds(span, self.len())?;
        if let Some(marked) = &span.marked
            && span.parts.is_empty()
            && start <= end
            && !is_same_text(marked, self.all[start..end].iter().copied())
        {
            let marked = Self::of(marked);
            return Err(Misalignment::OtherText { marked: marked.excerpt(0, marked.len()) });
        }
        // Between parts that white space alone divides, such as the end of a line, no word stands.
        let gap = |pair: &[(i64, i64)]| -> Result<bool, Misalignment> {
            let gap = CharSpan::new(span.line, pair[0].1, pair[1].0, String::new());
            let (start, end) = bounds(&gap, self.len())?;
            Ok(start > end || self.all[start..end].iter().any(|&c| !is_invisible(c)))
        };
        for pair in span.parts.windows(2) {
            if gap(pair)? {
                return Err(Misalignment::Discontinuous { parts: span.parts.len() });
            }
        }
        Ok(())
    }

    /// Whether anything is to be seen in a span that lies within the text.
    pub(crate) fn is_seen(&self, span: &CharSpan) -> bool {
        let bounds = bounds(span, self.len()).ok().filter(|(start, end)| start < end);
        bounds.is_some_and(|(start, end)| self.next_seen(start) < end)
    }

    /// The text between two places, cut where it is long.
    fn excerpt(&self, start: usize, end: usize) -> String {
        let shown = end.min(start.saturating_add(MAX_EXCERPT));
        let mut excerpt: String = self.all[start..shown].iter().collect();
        if shown < end {
            excerpt.push('…');
        }
        excerpt
    }
}

/// The bounds of a span within a text of so many characters.
fn bounds(span: &CharSpan, length: usize) -> Result<(usize, usize), Misalignment> {
    if span.is_within_character {
        return Err(Misalignment::WithinCharacter);
    }
    let within = |bound: i64| usize::try_from(bound).ok().filter(|&bound| bound <= length);
    within(span.start).zip(within(span.end)).ok_or(Misalignment::BeyondText { length })
}

/// The words that a span consists of.
fn place(span: &CharSpan, words: &[Word], text: &Characters) -> Result<Range<usize>, Misalignment> {
    let (start, end) = bounds(span, text.len())?;
    // What is not seen is within a span or not as it pleases, also at the end of a word.
    let start = if start < end { text.next_seen(start).min(end) } else { start };
    let first = words.partition_point(|word| word.chars.end <= start);
    let last = words.partition_point(|word| word.chars.start < end);
    if start >= end || first >= last {
        return Err(Misalignment::NoWord);
    }
    let is_left_out = |from: usize, to: usize| text.next_seen(from) >= to;
    let is_whole = words[first].chars.start >= start
        && (words[last - 1].chars.end <= end || is_left_out(end, words[last - 1].chars.end));
    if is_whole { Ok(first..last) } else { Err(Misalignment::WithinWord) }
}

/// A span that does not fit, with what is nearest to it.
pub(crate) fn describe(
    span: &CharSpan,
    reason: Misalignment,
    words: &[Word],
    text: &Characters,
) -> MisalignedSpan {
    let clamp = |bound: i64| usize::try_from(bound).unwrap_or(0).min(text.len());
    let (start, end) = (clamp(span.start), clamp(span.end).max(clamp(span.start)));
    // The words that end behind its start and begin in front of its end.
    let first = words.partition_point(|word| word.chars.end <= start);
    let behind = words.partition_point(|word| word.chars.start < end);
    let nearest = if first < behind {
        Some((words[first].chars.start, words[behind - 1].chars.end))
    } else {
        let distance =
            |word: &&Word| word.chars.start.saturating_sub(end).max(start.saturating_sub(word.chars.end));
        let around = &words[behind.saturating_sub(1)..(first + 1).min(words.len())];
        around.iter().min_by_key(distance).map(|word| (word.chars.start, word.chars.end))
    };
    MisalignedSpan {
        line: span.line,
        file: None,
        record: None,
        start: span.start,
        end: span.end,
        label: span.label.clone(),
        text: text.excerpt(start, end),
        nearest,
        nearest_text: nearest.map_or_else(String::new, |(start, end)| text.excerpt(start, end)),
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
            let spans = [CharSpan::new(1, start, end, "X".into())];
            let placed = align(text, &words, &spans, false).placed;
            let tag = |at: usize| match placed.iter().find(|span| span.words.contains(&at)) {
                Some(SpanOfWords { words, label, .. }) if words.start == at => format!("B-{label}"),
                Some(SpanOfWords { label, .. }) => format!("I-{label}"),
                None => "O".to_owned(),
            };
            (0..words.len()).map(tag).collect::<Vec<_>>().join(" ")
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
            let spans = [CharSpan::new(7, start, end, "LOC".into())];
            let Aligned { placed, misaligned, .. } = align(text, &words, &spans, false);
            assert_eq!(placed, []);
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
