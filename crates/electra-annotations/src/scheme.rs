//! Tagging schemes: which one a file uses, and how its tags read in another.
//!
//! | scheme | one token | several tokens |
//! |---|---|---|
//! | IOB1 | `I` | `I I I`, the first `B` only right behind an entity of the same type |
//! | IOB2 | `B` | `B I I` |
//! | IOBES | `S` | `B I E` |
//! | BILOU | `U` | `B I L` |
//! | BMES | `S` | `B M E` |
//!
//! A tag is `O`, or one of these letters, `-` and a type. The type is all that stands behind the
//! first `-`, so that of `B-GPE-LOC` is `GPE-LOC`; a bare letter has the type `_`.
//!
//! # How the scheme is decided
//!
//! By the letters of the whole file: `L` or `U` are BILOU's alone, `M` is BMES's alone, and `E` or
//! `S` without `M` are read as IOBES. (A file with `B`, `E` and `S` alone fits IOBES and BMES, and
//! reads the same in both.) Letters that no single scheme has together are an error.
//!
//! With `B` and `I` alone two numbers decide: how many entities begin with `B` where IOB1 writes
//! `I`, and how many begin with `I` where IOB2 writes `B`. The more frequent habit is the scheme,
//! IOB2 if they are equally frequent, and each of the others is an invalid transition. So an `I`
//! behind an `O` makes no file IOB1 that elsewhere begins entities with `B`. The choice decides what
//! is reported and never where an entity stands: every entity is read as `conlleval` reads it, which
//! gives the same in both.

mod detect;
mod legal;
mod tag;

use std::fmt;

use serde::Serialize;

pub(crate) use detect::expect_scheme;
pub use detect::{SchemeError, TagPlace, detect_scheme};
pub(crate) use legal::is_legal;
pub use legal::{Violation, violations};
pub(crate) use tag::{Tag, looks_like_tag, parse};
pub use tag::{TagRole, UnknownTag};

/// Tagging scheme: which letters the tokens of an entity have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Scheme {
    /// `B` only where an entity follows one of its own type.
    #[serde(rename = "IOB1")]
    Iob1,
    /// Every entity begins with `B`. What readers give.
    #[serde(rename = "IOB2")]
    Iob2,
    /// With an own letter for the last token, `E`, and for the only one, `S`.
    #[serde(rename = "IOBES")]
    Iobes,
    /// As IOBES, with the letters `L` and `U`.
    #[serde(rename = "BILOU")]
    Bilou,
    /// As IOBES, with `M` in the middle.
    #[serde(rename = "BMES")]
    Bmes,
}

impl Scheme {
    /// Every one, in the order of the table above.
    pub const ALL: [Scheme; 5] = [Scheme::Iob1, Scheme::Iob2, Scheme::Iobes, Scheme::Bilou, Scheme::Bmes];

    /// The usual name of the scheme.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Iob1 => "IOB1",
            Scheme::Iob2 => "IOB2",
            Scheme::Iobes => "IOBES",
            Scheme::Bilou => "BILOU",
            Scheme::Bmes => "BMES",
        }
    }

    /// Whether it has letters of its own for the last token of an entity and for an only one.
    pub(crate) fn marks_ends(self) -> bool {
        match self {
            Scheme::Iob1 | Scheme::Iob2 => false,
            Scheme::Iobes | Scheme::Bilou | Scheme::Bmes => true,
        }
    }

    /// The letters of the scheme's tags, `O` left out.
    pub fn letters(self) -> &'static str {
        match self {
            Scheme::Iob1 | Scheme::Iob2 => "BI",
            Scheme::Iobes => "BIES",
            Scheme::Bilou => "BILU",
            Scheme::Bmes => "BMES",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The tags of a sentence, of whichever scheme, in IOB2. Reads as `conlleval` does, so that invalid
/// transitions are repaired: an entity begins at `B`, `S` and `U`, where the type changes, and at
/// any other letter behind `O`, `E`, `L`, `S` or `U`.
///
/// # Errors
/// The first tag of no scheme.
pub fn to_iob2<S: AsRef<str>>(tags: &[S]) -> Result<Vec<String>, UnknownTag> {
    let mut before: Option<Tag<'_>> = None;
    tags.iter()
        .enumerate()
        .map(|(token, tag)| {
            let tag = tag.as_ref();
            let now = parse(tag).ok_or_else(|| UnknownTag { token, tag: tag.to_owned() })?;
            let read = match now.role() {
                TagRole::Outside => "O".to_owned(),
                _ if begins(before, now) => format!("B-{}", now.kind),
                _ => format!("I-{}", now.kind),
            };
            before = Some(now);
            Ok(read)
        })
        .collect()
}

fn begins(before: Option<Tag<'_>>, now: Tag<'_>) -> bool {
    let goes_on =
        before.is_some_and(|b| matches!(b.role(), TagRole::Begin | TagRole::Inside) && b.kind == now.kind);
    matches!(now.role(), TagRole::Begin | TagRole::Single) || !goes_on
}

/// Tags of IOBES, BILOU or BMES with the letters of IOBES, which mean the same.
pub(crate) fn in_letters_of_iobes<S: AsRef<str>>(tags: &[S]) -> Vec<String> {
    let spelled = |tag: &S| {
        let tag = tag.as_ref();
        let letter = match tag.chars().next() {
            Some('L') => "E",
            Some('U') => "S",
            Some('M') => "I",
            _ => return tag.to_owned(),
        };
        format!("{letter}{}", &tag[1..])
    };
    tags.iter().map(spelled).collect()
}

/// Tags of IOB2 in another scheme.
///
/// # Panics
/// On a tag that is none of IOB2: readers let none through.
pub fn from_iob2<S: AsRef<str>>(tags: &[S], scheme: Scheme) -> Vec<String> {
    let tags: Vec<Tag<'_>> = tags
        .iter()
        .map(|tag| {
            let tag = tag.as_ref();
            let parsed = parse(tag).filter(|tag| "OBI".contains(tag.letter));
            parsed.unwrap_or_else(|| panic!("{tag:?} is no tag of IOB2"))
        })
        .collect();
    (0..tags.len())
        .map(|at| {
            let now = tags[at];
            if now.letter == 'O' {
                return "O".to_owned();
            }
            let before = at.checked_sub(1).map(|before| tags[before]);
            let first = begins(before, now);
            let last = tags.get(at + 1).is_none_or(|&next| next.letter == 'O' || begins(Some(now), next));
            let [begin, inside, end, single] = match scheme {
                Scheme::Iob1 if before.is_some_and(|b| b.letter != 'O' && b.kind == now.kind) => {
                    ['B', 'I', 'I', 'B']
                }
                Scheme::Iob1 => ['I'; 4],
                Scheme::Iob2 => ['B', 'I', 'I', 'B'],
                Scheme::Iobes => ['B', 'I', 'E', 'S'],
                Scheme::Bilou => ['B', 'I', 'L', 'U'],
                Scheme::Bmes => ['B', 'M', 'E', 'S'],
            };
            let letter = match (first, last) {
                (true, true) => single,
                (true, false) => begin,
                (false, false) => inside,
                (false, true) => end,
            };
            format!("{letter}-{}", now.kind)
        })
        .collect()
}
