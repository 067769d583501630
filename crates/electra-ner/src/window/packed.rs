//! The windows of a whole data set, packed as its sentences are.

use std::ops::Range;

use electra_text::SpecialIds;

use super::Window;
use super::index::index32;

/// Windows in reading order, whose scored words, one window behind the other, are all words of all
/// sentences: a word is known by its number among them.
#[derive(Clone, Debug)]
pub struct Windows {
    special: SpecialIds,
    /// The ids between `[CLS]` and `[SEP]` of all windows, and where those of each end.
    ids: Vec<u32>,
    id_ends: Vec<usize>,
    /// The position of each word's first piece in its window, and the ends of the words of each window.
    pieces: Vec<u32>,
    word_ends: Vec<u32>,
    /// The ends of the words of each sentence.
    sentence_ends: Vec<u32>,
}

/// A word of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordPlace {
    /// The number of the word among those of all sentences.
    pub number: usize,
    /// The number of its sentence.
    pub sentence: usize,
}

impl Windows {
    /// No windows yet, with room for those of so many sentences with so many words together, where a
    /// sentence is a window.
    pub(crate) fn with_capacity(special: SpecialIds, sentences: usize, words: usize) -> Self {
        Self {
            special,
            ids: Vec::with_capacity(words),
            id_ends: Vec::with_capacity(sentences),
            pieces: Vec::with_capacity(words),
            word_ends: Vec::with_capacity(sentences),
            sentence_ends: Vec::with_capacity(sentences),
        }
    }

    /// Number of windows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.id_ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.id_ends.is_empty()
    }

    /// Words of all sentences.
    #[must_use]
    pub fn words(&self) -> usize {
        self.pieces.len()
    }

    /// The ids of a window, not padded.
    ///
    /// # Panics
    /// If there are not so many windows; so do the functions below.
    #[must_use]
    pub fn ids(&self, window: usize) -> Vec<u32> {
        [&[self.special.cls], self.between(window), &[self.special.sep]].concat()
    }

    /// The pieces between `[CLS]` and `[SEP]`.
    fn between(&self, window: usize) -> &[u32] {
        let start = window.checked_sub(1).map_or(0, |before| self.id_ends[before]);
        &self.ids[start..self.id_ends[window]]
    }

    /// The number of ids of a window.
    #[must_use]
    pub fn length(&self, window: usize) -> usize {
        self.between(window).len() + 2
    }

    /// The positions of the first pieces of the words that are scored in a window.
    #[must_use]
    pub fn pieces(&self, window: usize) -> &[u32] {
        &self.pieces[range(&self.word_ends, window)]
    }

    /// The words that are scored in a window, never none.
    pub fn scored(&self, window: usize) -> impl Iterator<Item = WordPlace> {
        let words = range(&self.word_ends, window);
        let mut sentence = self.sentence_ends.partition_point(|&end| end as usize <= words.start);
        words.map(move |number| {
            while self.sentence_ends[sentence] as usize <= number {
                sentence += 1;
            }
            WordPlace { number, sentence }
        })
    }

    /// The sentences of the first and of the last word that is scored in a window.
    pub(crate) fn outer_sentences(&self, window: usize) -> [usize; 2] {
        let words = range(&self.word_ends, window);
        let sentence_of = |word: usize| self.sentence_ends.partition_point(|&end| end as usize <= word);
        [sentence_of(words.start), sentence_of(words.end - 1)]
    }

    /// The words of each sentence, by their numbers.
    pub fn sentences(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        (0..self.sentence_ends.len()).map(|sentence| range(&self.sentence_ends, sentence))
    }

    /// Adds the next window.
    ///
    /// # Panics
    /// If its words are not those behind the words of the window before.
    pub(crate) fn push(&mut self, window: &Window) {
        for word in &window.scored {
            self.extend_to(word.sentence + 1);
            assert_eq!(word.sentence + 1, self.sentence_ends.len(), "windows come in reading order");
            self.pieces.push(index32(word.piece));
            self.sentence_ends[word.sentence] = index32(self.pieces.len());
        }
        self.ids.extend_from_slice(&window.ids[1..window.ids.len() - 1]);
        self.id_ends.push(self.ids.len());
        self.word_ends.push(index32(self.pieces.len()));
    }

    /// These windows are all of so many sentences.
    pub(crate) fn finish(mut self, sentences: usize) -> Self {
        self.extend_to(sentences);
        self.ids.shrink_to_fit();
        self.id_ends.shrink_to_fit();
        self.word_ends.shrink_to_fit();
        self
    }

    /// Makes room for so many sentences, the last of them perhaps without words.
    fn extend_to(&mut self, sentences: usize) {
        let words = index32(self.pieces.len());
        if self.sentence_ends.len() < sentences {
            self.sentence_ends.resize(sentences, words);
        }
    }
}

/// From where the part before ends to where this one ends.
fn range(ends: &[u32], part: usize) -> Range<usize> {
    let start = part.checked_sub(1).map_or(0, |before| ends[before]);
    start as usize..ends[part] as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::ScoredWord;

    #[test]
    fn windows_come_out_as_they_were_planned() {
        let word = |piece, sentence, word| ScoredWord { piece, sentence, word };
        let window = |length: u32, scored: Vec<ScoredWord>| Window {
            ids: [&[2][..], &(10..8 + length).collect::<Vec<_>>(), &[3]].concat(),
            scored,
            context_before: 0,
            context_after: 0,
        };
        // The first and the third sentence have no words, the fourth is in two windows.
        let given = [
            window(5, vec![word(1, 1, 0), word(3, 1, 1)]),
            window(3, vec![word(1, 3, 0)]),
            window(4, vec![word(2, 3, 1), word(3, 4, 0)]),
        ];
        let mut windows =
            Windows::with_capacity(SpecialIds { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 }, 6, 5);
        given.iter().for_each(|window| windows.push(window));
        let windows = windows.finish(6);
        assert_eq!((windows.len(), windows.words()), (3, 5));
        let sentences: Vec<_> = windows.sentences().collect();
        assert_eq!(sentences, [0..0, 0..2, 2..2, 2..4, 4..5, 5..5]);
        for (at, given) in given.iter().enumerate() {
            assert_eq!((windows.ids(at), windows.length(at)), (given.ids.clone(), given.ids.len()));
            let scored: Vec<_> = windows.scored(at).zip(windows.pieces(at)).collect();
            let expected: Vec<_> = given
                .scored
                .iter()
                .map(|word| {
                    let number = sentences[word.sentence].start + word.word;
                    (WordPlace { number, sentence: word.sentence }, word.piece as u32)
                })
                .collect();
            assert_eq!(scored.iter().map(|(place, piece)| (*place, **piece)).collect::<Vec<_>>(), expected);
        }
        assert_eq!(windows.outer_sentences(2), [3, 4]);
    }
}
