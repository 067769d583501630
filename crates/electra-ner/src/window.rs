//! Which pieces go through the model together, and where each word is scored.
//!
//! A window is `[CLS] pieces [SEP]` of a bounded length. Every word of every sentence is scored in
//! exactly one window, at its first piece; what else a window holds is context.
//!
//! 1. A sentence, or in [`Context::Document`] all sentences of a document one behind the other,
//!    is laid out as one sequence of pieces. If it is longer than a window, overlapping windows
//!    are cut from it at word boundaries. A window starts early enough to hold a sentence whole
//!    that the window before cut off; only a sentence that is longer than a window is in no
//!    window whole.
//! 2. A sentence that some window holds whole is scored in one window, so that no entity of it is
//!    decided half here, half there. Of the windows that hold it, it is scored in the one with the
//!    most context: the greatest minimum of the pieces before it and the pieces after it, the
//!    earlier window in a tie. The words of a sentence that fits no window are each placed by the
//!    same rule.
//!
//! A word of more pieces than a window holds is cut to the first pieces that fit.

mod batch;

use std::ops::Range;

use electra_text::SpecialIds;
use serde::{Deserialize, Serialize};

use crate::align::AlignedSentence;

pub use batch::{Batch, BatchSettings, batches};

/// The shortest window, `[CLS]` and `[SEP]` counted: below it there is no context to speak of.
pub const MIN_WINDOW: usize = 8;

/// What may surround a sentence in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// Nothing: each sentence on its own.
    Sentence,
    /// Its neighbours in the same document, on both sides, up to the length of the window.
    Document,
}

/// How windows are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSettings {
    /// Pieces in a window at most, `[CLS]` and `[SEP]` counted.
    pub length: usize,
    /// What may surround a sentence.
    pub context: Context,
    /// Pieces at most that a window repeats from the window before it, where no sentence has to
    /// be repeated whole. With `c` = `length - 2`, a long document costs `c / (c - overlap)` times
    /// its pieces, and away from its ends a word has about half the overlap as context on its
    /// poorer side.
    pub overlap: usize,
}

/// Windows that cannot be cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// No room for words and context.
    #[error("a window of {length} pieces is too short: it needs at least {MIN_WINDOW}")]
    TooShort {
        /// What was asked for.
        length: usize,
    },
    /// Windows would not move forward.
    #[error(
        "windows of {length} pieces cannot overlap by {overlap}: [CLS], [SEP] and at least one new piece \
         leave {} at most",
        .length - 3
    )]
    OverlapTooLong {
        /// Pieces in a window.
        length: usize,
        /// What was asked for.
        overlap: usize,
    },
}

impl WindowSettings {
    /// Windows that overlap by half.
    pub fn new(length: usize, context: Context) -> Self {
        WindowSettings { length, context, overlap: length.saturating_sub(2) / 2 }
    }

    /// Whether windows can be cut like this.
    pub fn validate(&self) -> Result<(), WindowError> {
        let WindowSettings { length, overlap, .. } = *self;
        if length < MIN_WINDOW {
            return Err(WindowError::TooShort { length });
        }
        if overlap > length - 3 {
            return Err(WindowError::OverlapTooLong { length, overlap });
        }
        Ok(())
    }

    /// Room for pieces of words.
    fn capacity(&self) -> usize {
        self.length - 2
    }
}

/// What goes through the model as one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// `[CLS]`, pieces of words, `[SEP]`; not padded.
    pub ids: Vec<u32>,
    /// The words that are scored here, in reading order; never empty.
    pub scored: Vec<ScoredWord>,
    /// Pieces of words in front of the first scored word.
    pub context_before: usize,
    /// Pieces of words behind the last scored word.
    pub context_after: usize,
}

/// A word and where its label stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoredWord {
    /// Index of its first piece in [`Window::ids`].
    pub piece: usize,
    /// Index of its sentence among those that were planned.
    pub sentence: usize,
    /// Index of the word in its sentence.
    pub word: usize,
}

impl Window {
    /// One label for each of [`Window::ids`]: that of the word at the first piece of a word that
    /// is scored here, `ignored` at special tokens, continuation pieces and context.
    pub fn labels<L: Clone>(&self, ignored: L, label: impl Fn(ScoredWord) -> L) -> Vec<L> {
        let mut labels = vec![ignored; self.ids.len()];
        for &word in &self.scored {
            labels[word.piece] = label(word);
        }
        labels
    }
}

/// The windows of `sentences`, in reading order. Sentences of a document stand next to each
/// other; a number that comes back later is another document. Sentences without words have none.
///
/// # Panics
///
/// If the settings are not [valid](WindowSettings::validate).
pub fn plan(sentences: &[AlignedSentence], special: SpecialIds, settings: &WindowSettings) -> Vec<Window> {
    if let Err(error) = settings.validate() {
        panic!("{error}");
    }
    let mut windows = Vec::new();
    let mut add = |first: usize, sentences: &[AlignedSentence]| {
        Layout::new(first, sentences, settings.capacity()).plan(special, settings.overlap, &mut windows);
    };
    match settings.context {
        Context::Sentence => {
            sentences.iter().enumerate().for_each(|(n, sentence)| add(n, std::slice::from_ref(sentence)));
        }
        Context::Document => {
            let mut first = 0;
            for document in sentences.chunk_by(|a, b| a.document == b.document) {
                add(first, document);
                first += document.len();
            }
        }
    }
    windows
}

/// Sentences one behind the other.
struct Layout {
    pieces: Vec<u32>,
    /// Where each word's pieces start, and where the last one's end.
    starts: Vec<usize>,
    /// Sentence and index in it of each word.
    words: Vec<(usize, usize)>,
    /// Words that are scored in the same window: a sentence, or a word of a long sentence.
    units: Vec<Range<usize>>,
    capacity: usize,
}

impl Layout {
    fn new(first: usize, sentences: &[AlignedSentence], capacity: usize) -> Self {
        let mut layout =
            Layout { pieces: Vec::new(), starts: vec![0], words: Vec::new(), units: Vec::new(), capacity };
        for (index, sentence) in (first..).zip(sentences) {
            let (first_word, first_piece) = (layout.words.len(), layout.pieces.len());
            for word in 0..sentence.words() {
                let pieces = sentence.word(word);
                layout.pieces.extend_from_slice(&pieces[..pieces.len().min(capacity)]);
                layout.starts.push(layout.pieces.len());
                layout.words.push((index, word));
            }
            let words = first_word..layout.words.len();
            if layout.pieces.len() - first_piece > capacity {
                layout.units.extend(words.map(|word| word..word + 1));
            } else if !words.is_empty() {
                layout.units.push(words);
            }
        }
        layout
    }

    fn plan(&self, special: SpecialIds, overlap: usize, windows: &mut Vec<Window>) {
        if self.words.is_empty() {
            return;
        }
        let spans = self.spans(overlap);
        let mut at = 0;
        // Words scored in window `at`.
        let mut scored = 0..0;
        for unit in &self.units {
            // The later of two windows has more context exactly if it has more on the left than
            // the earlier one has on the right: its right side is longer than the earlier one's.
            // Both borders grow from window to window, so that no later window can be better if
            // the next one is not.
            while at + 1 < spans.len()
                && self.distance(spans[at + 1].start, unit.start) > self.distance(unit.end, spans[at].end)
            {
                windows.extend(self.window(&spans[at], scored, special));
                scored = unit.start..unit.start;
                at += 1;
            }
            scored.end = unit.end;
        }
        windows.extend(self.window(&spans[at], scored, special));
    }

    /// Pieces from one word's start to another's, negative if it lies behind.
    fn distance(&self, from: usize, to: usize) -> i64 {
        self.starts[to] as i64 - self.starts[from] as i64
    }

    /// Which words each window holds; starts and ends both increase.
    fn spans(&self, overlap: usize) -> Vec<Range<usize>> {
        let fits = |start: usize, end: usize| self.starts[end] - self.starts[start] <= self.capacity;
        let mut spans = Vec::new();
        let mut units = self.units.iter().peekable();
        let mut start = 0;
        let mut end = 0;
        loop {
            while end < self.words.len() && fits(start, end + 1) {
                end += 1;
            }
            if end == self.words.len() {
                spans.push(start..end);
                return spans;
            }
            spans.push(start..end);
            // The unit that the first word behind the window belongs to; the next window has to
            // hold it from its start.
            while units.next_if(|unit| unit.end <= end).is_some() {}
            let latest = units.peek().expect("a word behind the window belongs to a unit").start;
            let before = start;
            start += 1;
            while start < latest
                && !(fits(start, end + 1) && self.starts[end] - self.starts[start] <= overlap)
            {
                start += 1;
            }
            if fits(start, self.words.len()) {
                // The last window: room at its end is better filled at its start.
                start = (before + 1..start).find(|&earlier| fits(earlier, self.words.len())).unwrap_or(start);
            }
        }
    }

    fn window(&self, span: &Range<usize>, scored: Range<usize>, special: SpecialIds) -> Option<Window> {
        if scored.is_empty() {
            return None;
        }
        let first_piece = self.starts[span.start];
        let pieces = &self.pieces[first_piece..self.starts[span.end]];
        let mut ids = Vec::with_capacity(pieces.len() + 2);
        ids.push(special.cls);
        ids.extend_from_slice(pieces);
        ids.push(special.sep);
        let context_before = self.starts[scored.start] - first_piece;
        let context_after = self.starts[span.end] - self.starts[scored.end];
        let scored = scored
            .map(|at| {
                let (sentence, word) = self.words[at];
                ScoredWord { piece: 1 + self.starts[at] - first_piece, sentence, word }
            })
            .collect();
        Some(Window { ids, scored, context_before, context_after })
    }
}
