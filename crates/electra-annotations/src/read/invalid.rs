//! Transitions that the scheme of a file does not allow, packed: a file may have nothing else.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::Sentences;
use crate::scheme::Violation;
use crate::sentences::{TagNames, packed};

/// Two neighbouring tags that the scheme of the file does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct InvalidTransition<'a> {
    /// Line of the second of them, or of the last token of the sentence if an entity is open there.
    pub line: usize,
    /// The token of that line.
    pub token: &'a str,
    /// The first tag; none at the beginning of the sentence.
    pub from: Option<&'a str>,
    /// The second tag; none at the end of the sentence.
    pub to: Option<&'a str>,
}

/// Every such transition of a file, in its order.
#[derive(Clone, Default)]
pub struct InvalidTransitions {
    /// The tokens, one behind the other.
    text: String,
    names: TagNames,
    all: Vec<Packed>,
}

/// A transition; tags are numbers of their names.
#[derive(Clone, Copy)]
struct Packed {
    line: u32,
    /// The end of its token in the text.
    token_end: u32,
    from: Option<u16>,
    to: Option<u16>,
}

impl InvalidTransitions {
    /// The number of invalid transitions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The one of this number, from 0.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn get(&self, at: usize) -> InvalidTransition<'_> {
        let Packed { line, token_end, from, to } = self.all[at];
        let start = at.checked_sub(1).map_or(0, |before| self.all[before].token_end);
        let name = |number: Option<u16>| number.map(|number| self.names.name(number));
        InvalidTransition {
            line: line as usize,
            token: &self.text[start as usize..token_end as usize],
            from: name(from),
            to: name(to),
        }
    }

    /// The invalid transitions, one after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = InvalidTransition<'_>> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Adds what is wrong with a sentence; `line` gives the line of a token.
    pub(super) fn add(
        &mut self,
        sentences: &Sentences,
        sentence: usize,
        violations: &[Violation],
        line: impl Fn(usize) -> usize,
    ) {
        for Violation { token, from, to } in violations {
            self.text.push_str(sentences.get(sentence).token(*token));
            let mut number = |tag: &Option<String>| tag.as_deref().map(|tag| self.names.number(tag));
            let (from, to) = (number(from), number(to));
            let (line, token_end) = (packed(line(*token)), packed(self.text.len()));
            self.all.push(Packed { line, token_end, from, to });
        }
    }
}

impl PartialEq for InvalidTransitions {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for InvalidTransitions {}

impl fmt::Debug for InvalidTransitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The classes with their counts, as a list.
impl Serialize for InvalidTransitions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
