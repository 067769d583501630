//! Which tag may follow which.

use super::tag::{Tag, TagRole, parse};
use super::{Scheme, UnknownTag};

/// Two neighbouring tags that the scheme does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The token that is wrong, from 0: the second of the two, or the last of the sentence if an
    /// entity is open at its end.
    pub token: usize,
    /// The first tag; none at the beginning of the sentence.
    pub from: Option<String>,
    /// The second tag; none at the end of the sentence.
    pub to: Option<String>,
}

/// Every transition of a sentence that `scheme` does not allow.
///
/// # Errors
/// The first tag of no scheme.
pub fn violations<S: AsRef<str>>(tags: &[S], scheme: Scheme) -> Result<Vec<Violation>, UnknownTag> {
    let parsed = tags
        .iter()
        .enumerate()
        .map(|(token, tag)| parse(tag.as_ref()).ok_or_else(|| UnknownTag { token, tag: tag.as_ref().into() }))
        .collect::<Result<Vec<Tag<'_>>, _>>()?;
    let text = |at: usize| tags.get(at).map(|tag| tag.as_ref().to_owned());
    Ok((0..=tags.len())
        .filter(|&at| {
            !is_legal(at.checked_sub(1).map(|before| parsed[before]), parsed.get(at).copied(), scheme)
        })
        .map(|at| Violation {
            token: at.min(tags.len() - 1),
            from: at.checked_sub(1).and_then(text),
            to: text(at),
        })
        .collect())
}

/// Whether `now` may follow `before`; `None` stands for the edges of a sentence.
pub(crate) fn is_legal(before: Option<Tag<'_>>, now: Option<Tag<'_>>, scheme: Scheme) -> bool {
    let same = matches!((before, now), (Some(b), Some(n)) if b.kind == n.kind);
    let role = now.map_or(TagRole::Outside, Tag::role);
    match scheme {
        Scheme::Iob1 => role != TagRole::Begin || same,
        Scheme::Iob2 => role != TagRole::Inside || same,
        Scheme::Iobes | Scheme::Bilou | Scheme::Bmes => {
            let open = before.is_some_and(|b| matches!(b.role(), TagRole::Begin | TagRole::Inside));
            match role {
                TagRole::Inside | TagRole::End => open && same,
                TagRole::Outside | TagRole::Begin | TagRole::Single => !open,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens at which a sentence breaks the rules.
    fn at(tags: &str, scheme: Scheme) -> Vec<usize> {
        let tags: Vec<&str> = tags.split(' ').collect();
        violations(&tags, scheme).unwrap().iter().map(|violation| violation.token).collect()
    }

    #[test]
    fn iob_schemes_mind_where_an_entity_begins() {
        assert_eq!(at("B-A I-A B-A O I-A I-B", Scheme::Iob2), [4, 5]);
        assert_eq!(at("B-A I-A B-A O I-A I-B", Scheme::Iob1), [0]);
        assert_eq!(at("I-A B-A B-B", Scheme::Iob1), [2]);
    }

    #[test]
    fn the_others_mind_where_it_ends_too() {
        assert_eq!(at("B-A I-A E-A S-B O", Scheme::Iobes), [0; 0]);
        assert_eq!(at("B-A O S-A E-A", Scheme::Iobes), [1, 3]);
        assert_eq!(at("U-A B-A L-B", Scheme::Bilou), [2]);
        // Open at the end: the last token is to blame.
        let open = violations(&["O", "B-A", "M-A"], Scheme::Bmes).unwrap();
        assert_eq!(open, [Violation { token: 2, from: Some("M-A".into()), to: None }]);
    }
}
