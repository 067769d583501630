//! Labelled sentences, packed: what readers give and everything else takes.
//!
//! A word of three letters in a `String` of its own takes 24 bytes for the `String` and 16 or more for
//! its letters; its tag as much again, and a sentence of one word 64 bytes around them. A file of
//! short sentences would take a hundred times its size. Here is one piece of memory for each kind of
//! thing instead, for however many sentences:
//!
//! ```text
//! text        AnnametBobRome              the tokens, one behind the other
//! token_ends  4 7 10 14                   where each ends
//! numbers     0 1 0 2                     the tag of each token, by number
//! names       B-PER O B-LOC               what the numbers stand for
//! ends        3 4                         where each sentence ends, in tokens
//! places      (document 0, line 1) ...    where each sentence stands in its file
//! ```
//!
//! A token takes its letters and 6 bytes, a sentence 12. Nothing is handed out but views: a
//! [`SentenceView`] is a sentence by itself, and a [`Tags`] its tags. [`TagSequences`] holds tags
//! without tokens, such as those that a tagger predicts.

mod tag_sequences;

use std::fmt;

use crate::Sentence;

pub(crate) use tag_sequences::{TagNames, packed};
pub use tag_sequences::{TagSequences, Tags};

/// Sentences with one tag for each token, packed.
#[derive(Clone, Default)]
pub struct Sentences {
    text: String,
    token_ends: Vec<u32>,
    tags: TagSequences,
    places: Vec<Place>,
}

/// The place of a sentence in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    document: u32,
    line: u32,
}

/// A view of a sentence among [`Sentences`].
#[derive(Clone, Copy)]
pub struct SentenceView<'a> {
    text: &'a str,
    /// The start of its first token in the text.
    start: u32,
    token_ends: &'a [u32],
    tags: Tags<'a>,
    /// Which document of the file it belongs to, counted from 0. Neighbouring sentences of one
    /// document may serve each other as context.
    pub document: usize,
    /// Line of its first token in the file, counted from 1.
    pub line: usize,
}

impl Sentences {
    /// No sentences, and room for so many with so many tokens together.
    pub(crate) fn with_capacity(sentences: usize, tokens: usize) -> Self {
        Self {
            text: String::new(),
            token_ends: Vec::with_capacity(tokens),
            tags: TagSequences::with_capacity(sentences, tokens),
            places: Vec::with_capacity(sentences),
        }
    }

    /// Number of sentences.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Tokens of all sentences.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.token_ends.len()
    }

    /// The sentence of this number, from 0.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn get(&self, sentence: usize) -> SentenceView<'_> {
        let tokens = self.tags.range(sentence);
        let Place { document, line } = self.places[sentence];
        SentenceView {
            text: &self.text,
            start: tokens.start.checked_sub(1).map_or(0, |before| self.token_ends[before]),
            token_ends: &self.token_ends[tokens],
            tags: self.tags.get(sentence),
            document: document as usize,
            line: line as usize,
        }
    }

    /// Every sentence, in the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = SentenceView<'_>> + DoubleEndedIterator + Clone {
        (0..self.len()).map(|sentence| self.get(sentence))
    }

    /// The tags alone.
    #[must_use]
    pub fn tags(&self) -> &TagSequences {
        &self.tags
    }

    /// The first sentences, at most `most` of them.
    #[must_use]
    pub fn first(&self, most: usize) -> Self {
        self.iter().take(most).collect()
    }

    /// These sentences with other tags.
    ///
    /// # Panics
    /// If there is not one tag for each token.
    #[must_use]
    pub(crate) fn with_tags(self, tags: TagSequences) -> Self {
        assert_eq!(self.tags.ends, tags.ends, "one tag for each token of each sentence");
        Self { tags, ..self }
    }

    /// Number of the first token of a sentence, over all sentences.
    pub(crate) fn first_token(&self, sentence: usize) -> usize {
        self.tags.range(sentence).start
    }

    /// Tokens of the sentence that is not ended.
    pub(crate) fn open_tokens(&self) -> usize {
        self.tags.open()
    }

    /// Adds a token with its tag to the sentence that is not ended.
    ///
    /// # Panics
    /// If the tokens have more than 2^32 bytes or the tags more than 2^16 names: readers refuse such
    /// files before.
    pub(crate) fn push_token(&mut self, token: &str, tag: &str) {
        self.text.push_str(token);
        self.token_ends.push(packed(self.text.len()));
        self.tags.push_tag(tag);
    }

    /// Ends the sentence.
    pub(crate) fn end_sentence(&mut self, document: usize, line: usize) {
        self.tags.end_sentence();
        self.places.push(Place { document: packed(document), line: packed(line) });
    }

    /// Adds a sentence.
    ///
    /// # Panics
    /// If it has not one tag for each token, or as [`push_token`](Self::push_token).
    fn push<'t>(
        &mut self,
        tokens: impl ExactSizeIterator<Item = &'t str>,
        tags: impl ExactSizeIterator<Item = &'t str>,
        document: usize,
        line: usize,
    ) {
        assert_eq!(tokens.len(), tags.len(), "one tag for each token");
        tokens.zip(tags).for_each(|(token, tag)| self.push_token(token, tag));
        self.end_sentence(document, line);
    }

    /// Writes the tags of every sentence anew: `convert` is given those that are there.
    ///
    /// # Panics
    /// If it gives another number of tags.
    pub(crate) fn convert_tags(&mut self, convert: impl FnMut(&[&str]) -> Vec<String>) {
        self.tags.convert(convert);
    }
}

impl<'a> SentenceView<'a> {
    /// Number of its tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.token_ends.len()
    }

    /// Whether it has none; sentences of a reader have some.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.token_ends.is_empty()
    }

    /// The tokens of the sentence; never empty strings where a reader gave them.
    #[must_use]
    pub fn tokens(self) -> impl ExactSizeIterator<Item = &'a str> + DoubleEndedIterator + Clone {
        (0..self.len()).map(move |token| self.token(token))
    }

    /// The token at an index, from 0.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn token(self, token: usize) -> &'a str {
        let start = token.checked_sub(1).map_or(self.start, |before| self.token_ends[before]);
        &self.text[start as usize..self.token_ends[token] as usize]
    }

    /// The tags of the sentence, one for each token: `O`, `B-TYPE` or `I-TYPE` once a reader has converted
    /// them.
    #[must_use]
    pub fn tags(self) -> Tags<'a> {
        self.tags
    }

    /// The text of the tokens one behind the other, with nothing between them.
    pub(crate) fn letters(self) -> &'a str {
        let end = self.token_ends.last().copied().unwrap_or(self.start);
        &self.text[self.start as usize..end as usize]
    }

    /// Whether both have the same tokens.
    pub(crate) fn has_tokens_of(self, other: SentenceView<'_>) -> bool {
        self.letters() == other.letters() && self.len() == other.len() && self.tokens().eq(other.tokens())
    }

    /// A copy of the sentence in memory of its own.
    #[must_use]
    pub fn to_owned(self) -> Sentence {
        Sentence {
            tokens: self.tokens().map(str::to_owned).collect(),
            tags: self.tags.iter().map(str::to_owned).collect(),
            document: self.document,
            line: self.line,
        }
    }
}

impl PartialEq for SentenceView<'_> {
    fn eq(&self, other: &Self) -> bool {
        let place = |sentence: &Self| (sentence.document, sentence.line);
        place(self) == place(other) && self.has_tokens_of(*other) && self.tags == other.tags
    }
}

impl PartialEq for Sentences {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for SentenceView<'_> {}
impl Eq for Sentences {}

impl fmt::Debug for SentenceView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SentenceView::to_owned(*self).fmt(f)
    }
}

impl fmt::Debug for Sentences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> FromIterator<SentenceView<'a>> for Sentences {
    fn from_iter<I: IntoIterator<Item = SentenceView<'a>>>(sentences: I) -> Self {
        let mut packed = Self::default();
        for sentence in sentences {
            packed.push(sentence.tokens(), sentence.tags.iter(), sentence.document, sentence.line);
        }
        packed
    }
}

impl FromIterator<Sentence> for Sentences {
    fn from_iter<I: IntoIterator<Item = Sentence>>(sentences: I) -> Self {
        let mut packed = Self::default();
        for Sentence { tokens, tags, document, line } in sentences {
            packed.push(tokens.iter().map(String::as_str), tags.iter().map(String::as_str), document, line);
        }
        packed
    }
}

impl From<Vec<Sentence>> for Sentences {
    fn from(sentences: Vec<Sentence>) -> Self {
        sentences.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(words: &str, tags: &str, document: usize, line: usize) -> Sentence {
        let split = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Sentence { tokens: split(words), tags: split(tags), document, line }
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let given = [
            sentence("Änna met Bob", "B-PER O B-PER", 0, 1),
            sentence("", "", 0, 4),
            sentence("Rome", "B-LOC", 3, 9),
        ];
        let packed: Sentences = given.iter().cloned().collect();
        assert_eq!(packed.iter().map(SentenceView::to_owned).collect::<Vec<_>>(), given);
        assert_eq!((packed.len(), packed.tokens(), packed.first_token(2)), (3, 4, 3));
        assert_eq!(packed.tags().names().collect::<Vec<_>>(), ["B-PER", "O", "B-LOC"]);
        let last = packed.get(2);
        assert_eq!((last.token(0), last.tags().get(0), last.letters()), ("Rome", "B-LOC", "Rome"));
        assert_eq!(packed.first(1), Sentences::from(vec![given[0].clone()]));
        assert_ne!(packed.first(2), packed);
    }

    #[test]
    fn tokens_are_told_apart_by_where_they_end() {
        let [one, two] = [sentence("ab c", "O O", 0, 1), sentence("a bc", "O O", 0, 1)];
        let both = Sentences::from(vec![one.clone(), two, one]);
        assert!(!both.get(0).has_tokens_of(both.get(1)) && both.get(0) != both.get(1));
        assert!(both.get(0).has_tokens_of(both.get(2)) && both.get(0) == both.get(2));
    }

    #[test]
    fn sentences_are_equal_whatever_numbers_their_tags_have() {
        let all = Sentences::from(vec![sentence("a", "B-X", 0, 1), sentence("b c", "O B-Y", 0, 2)]);
        let mut converted = all.clone();
        converted.convert_tags(|tags| tags.iter().map(|tag| tag.replace("B-", "I-")).collect());
        assert_eq!(converted.tags().names().collect::<Vec<_>>(), ["I-X", "O", "I-Y"]);
        assert_ne!(converted, all);
        converted.convert_tags(|tags| tags.iter().map(|tag| tag.replace("I-", "B-")).collect());
        assert_eq!(converted, all);
        // The same tags, of which another one is met first.
        let mut sea = Sentences::from(vec![sentence("b c", "O B-Y", 0, 2)]).tags().clone();
        sea.push(&["B-X"]);
        assert_eq!((sea.get(0), sea.get(1)), (all.tags().get(1), all.tags().get(0)));
    }
}
