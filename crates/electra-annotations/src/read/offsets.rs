//! Offsets of spans: what they count, and how that is found out.
//!
//! The same `start` and `end` mean other places where a tool counts code points (Python), UTF-16 units
//! (JavaScript, Java), grapheme clusters or bytes. In a text of ASCII all are the same. Elsewhere the text of
//! the span, where a file repeats it, decides; else what the format promises; else nothing does, and the file
//! is refused where it matters.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

use super::error::ReadError;
use super::record_place::RecordPlace;
use super::spans::{CharSpan, is_same_text};
use crate::sentences::packed;

/// The unit in which the offsets of spans count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offsets {
    /// Unicode code points, as Python's strings have them.
    CodePoints,
    /// Units of UTF-16, as the strings of JavaScript and Java have them: an emoji is two.
    #[serde(rename = "utf-16")]
    Utf16,
    /// Grapheme clusters: a letter with its accents, an emoji with all that belongs to it.
    Graphemes,
    /// Bytes of UTF-8.
    Bytes,
}

/// The reason why a unit was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OffsetEvidence {
    /// The caller said so.
    Given,
    /// The text of the spans, which the file repeats, fits no other.
    MarkedText,
    /// The format promises it.
    Format,
    /// All units that the format may have give the same places in this file.
    Alike,
}

/// The unit of a file's offsets, and the reason for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OffsetUse {
    /// The unit.
    pub unit: Offsets,
    /// The reason.
    pub because: OffsetEvidence,
}

/// What is known of the offsets of a format.
#[derive(Clone, Copy)]
pub(super) struct OffsetPolicy {
    /// The units that its tools have been seen to use.
    pub candidates: &'static [Offsets],
    /// The one that it promises.
    pub documented: Option<Offsets>,
}

impl OffsetPolicy {
    /// Code points, as the format says.
    pub(super) const CODE_POINTS: Self =
        Self { candidates: &[Offsets::CodePoints], documented: Some(Offsets::CodePoints) };
    /// Whatever the version or a setting of the tool has made them.
    pub(super) const OPEN: Self =
        Self { candidates: &[Offsets::CodePoints, Offsets::Utf16, Offsets::Graphemes], documented: None };
}

impl Offsets {
    /// Every unit.
    pub const ALL: [Self; 4] = [Self::CodePoints, Self::Utf16, Self::Graphemes, Self::Bytes];
}

impl fmt::Display for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CodePoints => "Unicode code points",
            Self::Utf16 => "UTF-16 units",
            Self::Graphemes => "grapheme clusters",
            Self::Bytes => "bytes of UTF-8",
        })
    }
}

impl fmt::Display for OffsetUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = match self.because {
            OffsetEvidence::Given => "as asked for",
            OffsetEvidence::MarkedText => "by the text of the spans",
            OffsetEvidence::Format => "as the format says",
            OffsetEvidence::Alike => "like every other unit here",
        };
        write!(f, "{}, {because}", self.unit)
    }
}

/// The places of a text in one unit.
pub(super) enum Ruler {
    /// As code points, of which the text has so many.
    Same,
    /// The units in front of each code point, and of the whole text.
    Units(Vec<u32>),
}

impl Ruler {
    pub(super) fn new(text: &str, unit: Offsets) -> Self {
        if text.is_ascii() || unit == Offsets::CodePoints {
            return Self::Same;
        }
        let mut units = Vec::with_capacity(text.len());
        let mut at = 0;
        match unit {
            Offsets::Graphemes => {
                for cluster in text.graphemes(true) {
                    // Within a cluster no offset points.
                    units.extend(cluster.chars().map(|_| packed(at)));
                    at += 1;
                }
            }
            _ => units.extend(text.chars().map(|c| {
                let here = packed(at);
                at += if unit == Offsets::Bytes { c.len_utf8() } else { c.len_utf16() };
                here
            })),
        }
        units.push(packed(at));
        Self::Units(units)
    }

    /// The code point at which an offset points. One within a code point points behind it, and one beyond the
    /// text as far beyond it.
    pub(super) fn place(&self, offset: i64) -> i64 {
        let Self::Units(units) = self else { return offset };
        let last = units.last().copied().map_or(0, i64::from);
        let length = units.len() as i64 - 1;
        match u32::try_from(offset) {
            Ok(within) if offset <= last => units.partition_point(|&unit| unit < within) as i64,
            _ if offset > last => length.saturating_add(offset - last),
            _ => offset,
        }
    }

    /// Whether an offset lies within a code point.
    fn is_within(&self, offset: i64) -> bool {
        let Self::Units(units) = self else { return false };
        let last = units.last().copied().unwrap_or(0);
        u32::try_from(offset).is_ok_and(|offset| offset <= last && units.binary_search(&offset).is_err())
    }

    /// The places of a span, in code points.
    pub(super) fn measure(&self, span: &mut CharSpan) {
        let parts = span.parts.iter().copied();
        let mut bounds = parts.chain([(span.start, span.end)]).flat_map(|(start, end)| [start, end]);
        span.is_within_character = bounds.any(|bound| self.is_within(bound));
        for bound in span.parts.iter_mut().flat_map(|(start, end)| [start, end]) {
            *bound = self.place(*bound);
        }
        (span.start, span.end) = (self.place(span.start), self.place(span.end));
    }
}

/// The line of the first span of a kind, and its place in a record; nothing if there is none.
type FirstSpan = Option<(usize, Option<RecordPlace>)>;

/// What the spans of a file say about the unit of their offsets.
#[derive(Default)]
pub(super) struct Survey {
    /// Spans whose text fits, by unit.
    fits: [usize; Offsets::ALL.len()],
    /// The line of the first span whose places differ between two units, and the place of its record there.
    differ: [[FirstSpan; Offsets::ALL.len()]; Offsets::ALL.len()],
}

impl Survey {
    /// Looks at the spans of a text, whose record is at that place of its line.
    pub(super) fn add(&mut self, text: &str, spans: &[CharSpan], record: Option<RecordPlace>) {
        if text.is_ascii() || spans.is_empty() {
            return;
        }
        let characters: Vec<char> = text.chars().collect();
        let rulers = Offsets::ALL.map(|unit| Ruler::new(text, unit));
        for span in spans {
            let places = rulers.each_ref().map(|ruler| (ruler.place(span.start), ruler.place(span.end)));
            for (at, (start, end)) in places.iter().enumerate() {
                let within = |place: i64| usize::try_from(place).ok();
                let text =
                    within(*start).zip(within(*end)).and_then(|(start, end)| characters.get(start..end));
                if let Some((marked, text)) = span.marked.as_deref().zip(text)
                    && span.parts.is_empty()
                    && is_same_text(marked, text.iter().copied())
                {
                    self.fits[at] += 1;
                }
                for (other, places) in places.iter().enumerate() {
                    if *places != (*start, *end) {
                        self.differ[at][other].get_or_insert((span.line, record));
                    }
                }
            }
        }
    }

    /// The unit of the file at `path`, of a format of which this is known.
    pub(super) fn decide(&self, path: &Path, policy: OffsetPolicy) -> Result<OffsetUse, ReadError> {
        let most = self.fits.iter().copied().max().unwrap_or(0);
        let fits = |unit: &Offsets| most > 0 && self.fits[*unit as usize] == most;
        // All of those that the format may have, unless the text of the spans knows better.
        let mut pool: Vec<Offsets> = policy.candidates.iter().copied().filter(fits).collect();
        if pool.is_empty() {
            pool = Offsets::ALL.into_iter().filter(fits).collect();
        }
        if pool.is_empty() {
            pool = policy.candidates.to_vec();
        }
        let pairs = || pool.iter().flat_map(|one| pool.iter().map(move |other| (*one, *other)));
        let line = pairs().find_map(|(one, other)| self.differ[one as usize][other as usize]);
        let all_alike = |unit: Offsets| {
            policy.candidates.iter().all(|other| self.differ[unit as usize][*other as usize].is_none())
        };
        let documented = policy.documented.filter(|unit| pool.contains(unit));
        match (documented, line) {
            (Some(unit), _) => Ok(OffsetUse { unit, because: OffsetEvidence::Format }),
            (None, Some((line, record))) => {
                let units = pool.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                Err(ReadError::OffsetUnits { path: path.to_owned(), line, units }.in_record(record))
            }
            (None, None) => {
                let unit = pool[0];
                let alike = policy.documented.is_none() && all_alike(unit);
                let because = if alike { OffsetEvidence::Alike } else { OffsetEvidence::MarkedText };
                Ok(OffsetUse { unit, because })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A family of three code points, five units of UTF-16, one cluster and eleven bytes; then an umlaut.
    const TEXT: &str = "\u{1f469}\u{200d}\u{1f467} in Köln";

    fn places(offsets: (i64, i64)) -> [(i64, i64); 4] {
        Offsets::ALL.map(|unit| {
            let ruler = Ruler::new(TEXT, unit);
            (ruler.place(offsets.0), ruler.place(offsets.1))
        })
    }

    #[test]
    fn every_unit_has_places_of_its_own() {
        // Köln stands behind 7 code points, 9 units, 5 clusters and 15 bytes.
        for (unit, offsets) in [(0, (7, 11)), (1, (9, 13)), (2, (5, 9)), (3, (15, 20))] {
            assert_eq!(places(offsets)[unit], (7, 11), "{:?}", Offsets::ALL[unit]);
        }
        // Beyond the text by two, below it, and within a character.
        assert_eq!(places((-3, 13))[0], (-3, 13));
        assert_eq!(Ruler::new(TEXT, Offsets::Utf16).place(15), 13);
        assert_eq!(Ruler::new(TEXT, Offsets::Bytes).place(2), 1);
        // Bounds that no text has in the unit are told, and those beyond the text are not taken for such.
        let measured = |unit, start, end| {
            let mut span = CharSpan::new(1, start, end, "LOC".into());
            Ruler::new(TEXT, unit).measure(&mut span);
            span.is_within_character
        };
        assert!(measured(Offsets::Bytes, 2, 20) && measured(Offsets::Bytes, 0, 2));
        assert!(!measured(Offsets::Bytes, 15, 20) && !measured(Offsets::Bytes, 15, 99));
        assert!(!measured(Offsets::CodePoints, 1, 2));
    }

    fn decided(spans: &[(i64, i64, Option<&str>)], policy: OffsetPolicy) -> Result<OffsetUse, String> {
        let span = |&(start, end, marked): &(i64, i64, Option<&str>)| CharSpan {
            marked: marked.map(Into::into),
            ..CharSpan::new(4, start, end, "LOC".into())
        };
        let mut survey = Survey::default();
        survey.add("Rom", &[CharSpan::new(1, 0, 3, "LOC".into())], None);
        survey.add(TEXT, &spans.iter().map(span).collect::<Vec<_>>(), None);
        survey.decide(Path::new("a"), policy).map_err(|error| error.to_string())
    }

    #[test]
    fn the_marked_text_decides_then_the_format_then_nobody() {
        use OffsetEvidence::{Alike, Format, MarkedText};
        let found = |unit, because| Ok(OffsetUse { unit, because });
        for (unit, offsets) in
            [(Offsets::Utf16, (9, 13)), (Offsets::Graphemes, (5, 9)), (Offsets::Bytes, (15, 20))]
        {
            for policy in [OffsetPolicy::OPEN, OffsetPolicy::CODE_POINTS] {
                assert_eq!(decided(&[(offsets.0, offsets.1, Some("Köln"))], policy), found(unit, MarkedText));
            }
        }
        let plain = [(7, 11, None)];
        assert_eq!(decided(&plain, OffsetPolicy::CODE_POINTS), found(Offsets::CodePoints, Format));
        let refused = decided(&plain, OffsetPolicy::OPEN).unwrap_err();
        assert!(refused.contains("line 4 of a") && refused.contains("UTF-16 units"), "{refused}");
        // A text that fits none decides nothing either.
        assert!(decided(&[(7, 11, Some("Bonn"))], OffsetPolicy::OPEN).is_err());
        assert_eq!(decided(&[(0, 0, None)], OffsetPolicy::OPEN), found(Offsets::CodePoints, Alike));
    }
}
