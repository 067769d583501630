//! Tags of sentences, packed: a number for each, and what the numbers stand for.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

/// Different tags that one collection can number.
const MAX_NAMES: usize = 1 << 16;

/// Tags of sentences, packed.
#[derive(Clone, Default)]
pub struct TagSequences {
    names: TagNames,
    numbers: Vec<u16>,
    /// The end of each sentence; tags behind the last belong to one that is not ended.
    pub(super) ends: Vec<u32>,
}

/// The different tags of a collection, numbered as they are met.
#[derive(Clone, Debug, Default)]
pub(crate) struct TagNames {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u16>,
}

/// The tags of one sentence.
#[derive(Clone, Copy)]
pub struct Tags<'a> {
    names: &'a TagNames,
    numbers: &'a [u16],
}

impl TagSequences {
    pub(crate) fn with_capacity(sentences: usize, tokens: usize) -> Self {
        let (numbers, ends) = (Vec::with_capacity(tokens), Vec::with_capacity(sentences));
        Self { names: TagNames::default(), numbers, ends }
    }

    /// Number of sentences.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The tags of the sentence of this number, from 0.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn get(&self, sentence: usize) -> Tags<'_> {
        Tags { names: &self.names, numbers: &self.numbers[self.range(sentence)] }
    }

    /// The tags of every sentence.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Tags<'_>> + Clone {
        (0..self.len()).map(|sentence| self.get(sentence))
    }

    /// Every different tag once, in the order in which they are met.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.names.iter().map(|name| &**name)
    }

    /// Adds the tags of a sentence.
    ///
    /// # Panics
    /// If there are more than 2^16 different ones.
    pub fn push<S: AsRef<str>>(&mut self, tags: &[S]) {
        tags.iter().for_each(|tag| self.push_tag(tag.as_ref()));
        self.end_sentence();
    }

    pub(crate) fn push_tag(&mut self, tag: &str) {
        let number = self.names.number(tag);
        self.numbers.push(number);
    }

    pub(crate) fn end_sentence(&mut self) {
        self.ends.push(packed(self.numbers.len()));
    }

    /// Tags of the sentence that is not ended.
    pub(super) fn open(&self) -> usize {
        self.numbers.len() - self.ends.last().map_or(0, |&end| end as usize)
    }

    /// The places of a sentence's tags.
    pub(super) fn range(&self, sentence: usize) -> Range<usize> {
        let start = sentence.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        start..self.ends[sentence] as usize
    }

    pub(super) fn convert(&mut self, mut convert: impl FnMut(&[&str]) -> Vec<String>) {
        let mut names = TagNames::default();
        for sentence in 0..self.len() {
            let range = self.range(sentence);
            let before: Vec<&str> = self.get(sentence).iter().collect();
            let after = convert(&before);
            assert_eq!(before.len(), after.len(), "one tag for each token");
            for (number, tag) in self.numbers[range].iter_mut().zip(&after) {
                *number = names.number(tag);
            }
        }
        self.names = names;
    }
}

impl TagNames {
    /// The number of a tag.
    ///
    /// # Panics
    /// If there are more than 2^16 different ones.
    pub(crate) fn number(&mut self, name: &str) -> u16 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        assert!(self.names.len() < MAX_NAMES, "more than {MAX_NAMES} different tags");
        let number = self.names.len() as u16;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// The tag of a number.
    pub(crate) fn name(&self, number: u16) -> &str {
        &self.names[usize::from(number)]
    }
}

impl<'a> Tags<'a> {
    /// The number of tags.
    #[must_use]
    pub fn len(self) -> usize {
        self.numbers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.numbers.is_empty()
    }

    /// The tag of a token, from 0.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn get(self, token: usize) -> &'a str {
        self.names.name(self.numbers[token])
    }

    /// The tags, one after the other.
    pub fn iter(self) -> TagIter<'a> {
        TagIter { names: self.names, numbers: self.numbers.iter() }
    }

    /// Each of them in a list, for what wants to look back and forth.
    #[must_use]
    pub fn to_vec(self) -> Vec<&'a str> {
        self.iter().collect()
    }
}

/// A place in a packed collection.
pub(crate) fn packed(place: usize) -> u32 {
    u32::try_from(place).unwrap_or_else(|_| panic!("{place} is beyond what a packed collection can hold"))
}

impl PartialEq for Tags<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl PartialEq for TagSequences {
    fn eq(&self, other: &Self) -> bool {
        self.ends == other.ends && self.iter().eq(other.iter())
    }
}

impl Eq for Tags<'_> {}
impl Eq for TagSequences {}

impl fmt::Debug for Tags<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for TagSequences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<S: AsRef<str>> FromIterator<Vec<S>> for TagSequences {
    fn from_iter<I: IntoIterator<Item = Vec<S>>>(sentences: I) -> Self {
        let mut packed = Self::default();
        sentences.into_iter().for_each(|tags| packed.push(&tags));
        packed
    }
}

/// Iterator over the tags of a sentence.
#[derive(Clone)]
pub struct TagIter<'a> {
    names: &'a TagNames,
    numbers: std::slice::Iter<'a, u16>,
}

impl<'a> Iterator for TagIter<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.numbers.next().map(|&number| self.names.name(number))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.numbers.size_hint()
    }
}

impl DoubleEndedIterator for TagIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.numbers.next_back().map(|&number| self.names.name(number))
    }
}

impl ExactSizeIterator for TagIter<'_> {}

impl<'a> IntoIterator for Tags<'a> {
    type Item = &'a str;
    type IntoIter = TagIter<'a>;

    fn into_iter(self) -> TagIter<'a> {
        self.iter()
    }
}
