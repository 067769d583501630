//! Texts with spans, gone through twice: what their offsets count and how they are divided is found out before
//! they are used.

use super::beside::Beside;
use super::error::ReadError;
use super::input::Input;
use super::offsets::{OffsetEvidence, OffsetPolicy, OffsetUse, Offsets, Ruler, Survey};
use super::options::ReadOptions;
use super::text::{AnnotatedText, Take};
use crate::words::{WordDivision, is_unspaced};

/// A reader of texts.
pub(super) type EachText = fn(&Input<'_>, &ReadOptions, Take<'_>) -> Result<Beside, ReadError>;

/// What is known of the texts of a file before they are used.
pub(super) struct Surveyed {
    /// The unit of their offsets; none where spans are of words.
    pub offsets: Option<OffsetUse>,
    /// The division into words of texts that have none.
    pub words: WordDivision,
}

/// Goes through the texts of a file a first time. Without a policy spans are of words.
pub(super) fn survey(
    input: &Input<'_>,
    options: &ReadOptions,
    each: EachText,
    policy: Option<OffsetPolicy>,
) -> Result<Surveyed, ReadError> {
    let given = options.offsets.map(|unit| OffsetUse { unit, because: OffsetEvidence::Given });
    let (mut offsets, mut unspaced, mut spaced) = (Survey::default(), 0, 0);
    if let (Some(words), true) = (options.words, given.is_some() || policy.is_none()) {
        return Ok(Surveyed { offsets: given.filter(|_| policy.is_some()), words });
    }
    each(input, options, &mut |text: AnnotatedText| {
        offsets.add(&text.text, &text.spans, text.record);
        for c in text.text.chars().filter(|c| c.is_alphabetic()) {
            *(if is_unspaced(c) { &mut unspaced } else { &mut spaced }) += 1usize;
        }
        Ok(())
    })?;
    let found = match policy {
        Some(policy) => Some(given.map_or_else(|| offsets.decide(input.path, policy), Ok)?),
        None => None,
    };
    let by_script = if unspaced > spaced { WordDivision::Characters } else { WordDivision::Marks };
    Ok(Surveyed { offsets: found, words: options.words.unwrap_or(by_script) })
}

/// Goes through the texts of a file with their spans in code points.
pub(super) fn each_measured(
    input: &Input<'_>,
    options: &ReadOptions,
    each: EachText,
    surveyed: &Surveyed,
    take: Take<'_>,
) -> Result<Beside, ReadError> {
    let unit = surveyed.offsets.map_or(Offsets::CodePoints, |offsets| offsets.unit);
    each(input, options, &mut |mut text: AnnotatedText| {
        if !text.spans.is_empty() {
            let ruler = Ruler::new(&text.text, unit);
            text.spans.iter_mut().for_each(|span| ruler.measure(span));
        }
        take(text)
    })
}
