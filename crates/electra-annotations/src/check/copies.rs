//! Sentences that occur more than once: within a file, and in two files.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use serde::{Serialize, Serializer};

use crate::sentences::packed;
use crate::{SentenceView, Sentences};

/// Sentences of one file that occur more than once, token by token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// Sentences that would go if each were kept once.
    pub sentences: usize,
    /// Sentences that occur with different tags.
    pub contradictions: usize,
    /// All of them, in the order of the file.
    pub groups: CopyGroups,
}

/// A sentence that occurs more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CopyGroup<'a> {
    /// Lines where it begins.
    pub lines: &'a [u32],
    /// Number of its tokens.
    pub tokens: usize,
    /// Whether its tags are not the same everywhere.
    pub contradiction: bool,
}

/// Sentences that occur more than once, packed: each sentence of a file may be one of two.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CopyGroups {
    /// Lines of all groups, one behind the other.
    lines: Vec<u32>,
    groups: Vec<Group>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Group {
    /// The end of its lines.
    end: u32,
    tokens: u32,
    contradiction: bool,
}

impl CopyGroups {
    /// The number of groups.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The groups of copies, one after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = CopyGroup<'_>> {
        self.groups.iter().enumerate().map(|(at, group)| {
            let start = at.checked_sub(1).map_or(0, |before| self.groups[before].end);
            CopyGroup {
                lines: &self.lines[start as usize..group.end as usize],
                tokens: group.tokens as usize,
                contradiction: group.contradiction,
            }
        })
    }
}

impl fmt::Debug for CopyGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The classes with their counts, as a list.
impl Serialize for CopyGroups {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Sentences that two files share, token by token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Leak {
    /// Name of the first split.
    #[serde(rename = "with")]
    pub from: String,
    /// Name of the second split.
    #[serde(rename = "split")]
    pub to: String,
    /// Sentences of the second that occur in the first, too.
    pub sentences: usize,
    /// The share of these sentences in the second split.
    pub share: f64,
    /// The number of these sentences that have an entity.
    pub with_entities: usize,
    /// The number of these sentences that have other tags in the first file.
    pub contradictions: usize,
    /// The lines at which each begins: in the first file, where it is first met, and in the second.
    pub lines: Vec<[u32; 2]>,
}

/// Which sentence of a file has given tokens, the first of them: a table of the numbers of sentences
/// with open addressing, 4 bytes a place.
struct Known<'a> {
    sentences: &'a Sentences,
    hasher: RandomState,
    /// A power of two of places, at most three in four of them taken.
    places: Vec<u32>,
}

/// A place without a sentence.
const FREE: u32 = u32::MAX;

impl<'a> Known<'a> {
    /// A table for all sentences, which knows none of them yet.
    fn new(sentences: &'a Sentences) -> Self {
        let places = vec![FREE; (sentences.len() * 4 / 3 + 1).next_power_of_two()];
        Self { sentences, hasher: RandomState::new(), places }
    }

    /// A table of the first `most` sentences.
    fn first(sentences: &'a Sentences, most: usize) -> Self {
        let mut known = Self::new(sentences);
        for sentence in 0..most.min(sentences.len()) {
            known.first_like(sentence);
        }
        known
    }

    /// The first known sentence with the tokens of this one, which is known from now on.
    fn first_like(&mut self, sentence: usize) -> usize {
        let place = self.place(self.sentences.get(sentence));
        match &mut self.places[place] {
            free @ &mut FREE => {
                *free = packed(sentence);
                sentence
            }
            known => *known as usize,
        }
    }

    /// The first known sentence with these tokens.
    fn get(&self, sentence: SentenceView<'_>) -> Option<SentenceView<'a>> {
        let found = self.places[self.place(sentence)];
        (found != FREE).then(|| self.sentences.get(found as usize))
    }

    /// The place of a sentence with these tokens in the table, or of one that would be there.
    fn place(&self, sentence: SentenceView<'_>) -> usize {
        let last = self.places.len() - 1;
        let mut hasher = self.hasher.build_hasher();
        sentence.tokens().for_each(|token| token.hash(&mut hasher));
        let mut place = hasher.finish() as usize & last;
        while self.places[place] != FREE
            && !self.sentences.get(self.places[place] as usize).has_tokens_of(sentence)
        {
            place = (place + 1) & last;
        }
        place
    }
}

pub(super) fn duplicates(sentences: &Sentences) -> Duplicates {
    let mut known = Known::new(sentences);
    // The first sentence with the tokens of a copy, and the copy.
    let mut copies: Vec<[u32; 2]> = Vec::new();
    for sentence in 0..sentences.len() {
        let first = known.first_like(sentence);
        if first != sentence {
            copies.push([packed(first), packed(sentence)]);
        }
    }
    drop(known);
    copies.sort_unstable();
    let view = |number: u32| sentences.get(number as usize);
    let line = |number: u32| packed(view(number).line);
    let mut groups = CopyGroups::default();
    for of_one in copies.chunk_by(|one, other| one[0] == other[0]) {
        let first = view(of_one[0][0]);
        groups.lines.push(packed(first.line));
        groups.lines.extend(of_one.iter().map(|&[_, copy]| line(copy)));
        groups.groups.push(Group {
            end: packed(groups.lines.len()),
            tokens: packed(first.len()),
            contradiction: of_one.iter().any(|&[_, copy]| view(copy).tags() != first.tags()),
        });
    }
    Duplicates {
        sentences: copies.len(),
        contradictions: groups.groups.iter().filter(|group| group.contradiction).count(),
        groups,
    }
}

/// Sentences of a file with its name; the first `most` of them are looked at.
#[derive(Clone, Copy)]
pub(crate) struct Named<'n, 'a> {
    pub name: &'n str,
    pub sentences: &'a Sentences,
    pub most: usize,
}

impl Named<'_, '_> {
    /// The number of sentences that are looked at.
    pub(crate) fn len(&self) -> usize {
        self.most.min(self.sentences.len())
    }
}

/// Every pair of files that share a sentence, with the lines of all of them or none.
pub(crate) fn leaks(splits: &[Named<'_, '_>], with_lines: bool) -> Vec<Leak> {
    let mut leaks = Vec::new();
    for (at, from) in splits.iter().enumerate() {
        let others = &splits[at + 1..];
        if others.is_empty() {
            continue;
        }
        let known = Known::first(from.sentences, from.most);
        for to in others {
            let (mut sentences, mut with_entities, mut contradictions) = (0, 0, 0);
            let mut lines = Vec::new();
            for sentence in to.sentences.iter().take(to.most) {
                let Some(first) = known.get(sentence) else { continue };
                sentences += 1;
                with_entities += usize::from(sentence.tags().iter().any(|tag| tag != "O"));
                contradictions += usize::from(first.tags() != sentence.tags());
                if with_lines {
                    lines.push([packed(first.line), packed(sentence.line)]);
                }
            }
            if sentences == 0 {
                continue;
            }
            leaks.push(Leak {
                from: from.name.to_owned(),
                to: to.name.to_owned(),
                sentences,
                share: sentences as f64 / to.len() as f64,
                with_entities,
                contradictions,
                lines,
            });
        }
    }
    leaks
}
