//! The scheme of a file, by its letters and by how its entities begin.

use super::tag::{Tag, TagRole, parse};
use super::{Scheme, begins};

/// A token of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagPlace {
    /// The index of the sentence, from 0.
    pub sentence: usize,
    /// Which of its tokens, from 0.
    pub token: usize,
}

/// Tags that are not those of one scheme.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum SchemeError {
    /// A tag of no scheme.
    #[error("{tag:?} is a tag of no scheme")]
    UnknownTag {
        /// The place of the tag.
        at: TagPlace,
        /// The tag as it is written.
        tag: String,
    },
    /// Letters that no scheme has together.
    #[error("no scheme has both {first_tag:?} and {tag:?}")]
    Mixed {
        /// The place of the first of the two tags.
        first: TagPlace,
        /// The first of the two tags.
        first_tag: String,
        /// The place of the second tag.
        at: TagPlace,
        /// The second of the two tags.
        tag: String,
    },
    /// A letter that the scheme asked for does not have.
    #[error("{tag:?} is no tag of {scheme}")]
    NotInScheme {
        /// The place of the tag.
        at: TagPlace,
        /// The tag as it is written.
        tag: String,
        /// The scheme asked for.
        scheme: Scheme,
    },
}

/// The scheme of a file from the tags of all its sentences; the module's documentation says how.
///
/// # Errors
/// The first tag of no scheme, or that no scheme has together with one before it.
pub fn detect_scheme<'a, T, S>(sentences: impl IntoIterator<Item = T>) -> Result<Scheme, SchemeError>
where
    T: IntoIterator<Item = &'a S>,
    S: AsRef<str> + ?Sized + 'a,
{
    let mut possible: Vec<Scheme> = Scheme::ALL.to_vec();
    // The first tag with each letter.
    let mut seen: Vec<(TagPlace, &str, Tag<'_>)> = Vec::new();
    let mut begins_with = Habits::default();
    each_tag(sentences, |at, tag, before, now| {
        begins_with.count(before, now);
        if seen.iter().any(|(_, _, earlier)| earlier.letter == now.letter) {
            return Ok(());
        }
        possible.retain(|&scheme| has(scheme, now));
        if possible.is_empty() {
            let together = |other| Scheme::ALL.iter().any(|&scheme| has(scheme, other) && has(scheme, now));
            let culprit = seen.iter().find(|(_, _, earlier)| !together(*earlier));
            let (first, first_tag, _) = *culprit.expect("letters that agree in pairs have a scheme");
            return Err(SchemeError::Mixed { first, first_tag: first_tag.into(), at, tag: tag.into() });
        }
        seen.push((at, tag, now));
        Ok(())
    })?;
    Ok(match possible[..] {
        // In the order of `ALL`: IOBES before BMES.
        [Scheme::Iob1, ..] if begins_with.inside > begins_with.begin => Scheme::Iob1,
        [Scheme::Iob1, ..] => Scheme::Iob2,
        [scheme, ..] => scheme,
        [] => unreachable!("an error was returned"),
    })
}

/// Checks that all tags have letters of `scheme`.
///
/// # Errors
/// The first tag that has not.
pub(crate) fn expect_scheme<'a, T, S>(
    scheme: Scheme,
    sentences: impl IntoIterator<Item = T>,
) -> Result<(), SchemeError>
where
    T: IntoIterator<Item = &'a S>,
    S: AsRef<str> + ?Sized + 'a,
{
    each_tag(sentences, |at, tag, _, now| {
        if has(scheme, now) { Ok(()) } else { Err(SchemeError::NotInScheme { at, tag: tag.into(), scheme }) }
    })
}

/// The counts of entities that begin as one of two schemes would not have it.
#[derive(Default)]
struct Habits {
    /// The number of entities that begin with `B` where IOB1 writes `I`.
    begin: usize,
    /// The number of entities that begin with `I` where IOB2 writes `B`.
    inside: usize,
}

impl Habits {
    fn count(&mut self, before: Option<Tag<'_>>, now: Tag<'_>) {
        let behind_its_own = before.is_some_and(|before| before.kind == now.kind);
        match now.role() {
            TagRole::Begin if !behind_its_own => self.begin += 1,
            TagRole::Inside if begins(before, now) => self.inside += 1,
            _ => {}
        }
    }
}

fn has(scheme: Scheme, tag: Tag<'_>) -> bool {
    tag.letter == 'O' || scheme.letters().contains(tag.letter)
}

/// Visits the tags of a file, each with the one before it in its sentence.
fn each_tag<'a, T, S>(
    sentences: impl IntoIterator<Item = T>,
    mut visit: impl FnMut(TagPlace, &'a str, Option<Tag<'a>>, Tag<'a>) -> Result<(), SchemeError>,
) -> Result<(), SchemeError>
where
    T: IntoIterator<Item = &'a S>,
    S: AsRef<str> + ?Sized + 'a,
{
    for (sentence, tags) in sentences.into_iter().enumerate() {
        let mut before = None;
        for (token, tag) in tags.into_iter().enumerate() {
            let (at, tag) = (TagPlace { sentence, token }, tag.as_ref());
            let now = parse(tag).ok_or_else(|| SchemeError::UnknownTag { at, tag: tag.to_owned() })?;
            visit(at, tag, before, now)?;
            before = Some(now);
        }
    }
    Ok(())
}
