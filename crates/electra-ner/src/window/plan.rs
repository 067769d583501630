//! The windows of sentences: which pieces each has, and which words are scored in it.

use std::ops::Range;

use electra_text::SpecialIds;
use serde::{Deserialize, Serialize};

use electra_annotations::AlignedSentence;

use super::index::index32;

/// The shortest window, `[CLS]` and `[SEP]` counted: below it there is no context to speak of.
pub const MIN_WINDOW: usize = 8;

/// Context of a sentence in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// No context: each sentence on its own.
    Sentence,
    /// Neighbouring sentences of the same document, on both sides, up to the length of the window.
    Document,
}

/// Settings of windows: their length, context and overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSettings {
    /// Pieces in a window at most, `[CLS]` and `[SEP]` counted.
    pub length: usize,
    /// The context that may surround a sentence.
    pub context: Context,
    /// Pieces at most that a window repeats from the window before it, where no sentence has to
    /// be repeated whole. With `c` = `length - 2`, a long document costs `c / (c - overlap)` times
    /// its pieces, and away from its ends a word has about half the overlap as context on its
    /// poorer side.
    pub overlap: usize,
}

/// Windows that cannot be cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum WindowError {
    /// No room for words and context.
    #[error("a window of {length} pieces is too short: it needs at least {MIN_WINDOW}")]
    TooShort {
        /// The length that was asked for.
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
        /// The overlap that was asked for.
        overlap: usize,
    },
}

impl WindowSettings {
    /// Windows that overlap by half.
    pub fn new(length: usize, context: Context) -> Self {
        WindowSettings { length, context, overlap: length.saturating_sub(2) / 2 }
    }

    /// Checks that windows can be cut with these settings.
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

/// A window: the pieces that go through the model as one row.
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
    let mut windows = Vec::new();
    let mut planner = Planner::new(special, settings);
    sentences.iter().for_each(|sentence| planner.push(sentence, &mut |window| windows.push(window)));
    planner.finish(&mut |window| windows.push(window));
    windows
}

/// Plans the windows of sentences that come one by one. What it holds is the open document, or a
/// sentence.
pub(crate) struct Planner {
    settings: WindowSettings,
    special: SpecialIds,
    /// Number of the next sentence.
    next: usize,
    document: Option<usize>,
    layout: Layout,
}

impl Planner {
    /// # Panics
    /// If the settings are not [valid](WindowSettings::validate).
    pub(crate) fn new(special: SpecialIds, settings: &WindowSettings) -> Self {
        if let Err(error) = settings.validate() {
            panic!("{error}");
        }
        let layout = Layout::new(settings.capacity());
        Self { settings: *settings, special, next: 0, document: None, layout }
    }

    /// Takes the next sentence, and gives the windows that it completes to `emit`.
    pub(crate) fn push(&mut self, sentence: &AlignedSentence, emit: &mut impl FnMut(Window)) {
        let goes_on = self.settings.context == Context::Document && self.document == Some(sentence.document);
        if !goes_on {
            self.end_layout(emit);
        }
        self.document = Some(sentence.document);
        self.layout.push(self.next, sentence);
        self.next += 1;
    }

    /// Gives the last windows to `emit`.
    pub(crate) fn finish(mut self, emit: &mut impl FnMut(Window)) {
        self.end_layout(emit);
    }

    fn end_layout(&mut self, emit: &mut impl FnMut(Window)) {
        self.layout.plan(self.special, self.settings.overlap, emit);
        self.layout.clear();
    }
}

/// Sentences one behind the other.
struct Layout {
    pieces: Vec<u32>,
    /// The start of each word's pieces, and the end of the last word's.
    starts: Vec<u32>,
    /// Sentence and index in it of each word.
    words: Vec<(u32, u32)>,
    /// Words that are scored in the same window: a sentence, or a word of a long sentence.
    units: Vec<Range<u32>>,
    capacity: usize,
}

impl Layout {
    fn new(capacity: usize) -> Self {
        Layout { pieces: Vec::new(), starts: vec![0], words: Vec::new(), units: Vec::new(), capacity }
    }

    fn clear(&mut self) {
        self.pieces.clear();
        self.starts.truncate(1);
        self.words.clear();
        self.units.clear();
    }

    fn push(&mut self, index: usize, sentence: &AlignedSentence) {
        let (first_word, first_piece) = (self.words.len(), self.pieces.len());
        for word in 0..sentence.words() {
            let pieces = sentence.word(word);
            self.pieces.extend_from_slice(&pieces[..pieces.len().min(self.capacity)]);
            self.starts.push(index32(self.pieces.len()));
            self.words.push((index32(index), index32(word)));
        }
        let words = index32(first_word)..index32(self.words.len());
        if self.pieces.len() - first_piece > self.capacity {
            self.units.extend(words.map(|word| word..word + 1));
        } else if !words.is_empty() {
            self.units.push(words);
        }
    }

    /// The start of a word's pieces.
    fn start(&self, word: usize) -> usize {
        self.starts[word] as usize
    }

    /// The words of each unit.
    fn units(&self) -> impl Iterator<Item = Range<usize>> {
        self.units.iter().map(|unit| unit.start as usize..unit.end as usize)
    }

    fn plan(&self, special: SpecialIds, overlap: usize, emit: &mut impl FnMut(Window)) {
        if self.words.is_empty() {
            return;
        }
        let spans = self.spans(overlap);
        let mut at = 0;
        // Words scored in window `at`.
        let mut scored = 0..0;
        for unit in self.units() {
            // The later of two windows has more context exactly if it has more on the left than
            // the earlier one has on the right: its right side is longer than the earlier one's.
            // Both borders grow from window to window, so that no later window can be better if
            // the next one is not.
            while at + 1 < spans.len()
                && self.distance(spans[at + 1].start, unit.start) > self.distance(unit.end, spans[at].end)
            {
                self.window(&spans[at], scored, special).into_iter().for_each(&mut *emit);
                scored = unit.start..unit.start;
                at += 1;
            }
            scored.end = unit.end;
        }
        self.window(&spans[at], scored, special).into_iter().for_each(emit);
    }

    /// Pieces from one word's start to another's, negative if it lies behind.
    fn distance(&self, from: usize, to: usize) -> i64 {
        i64::from(self.starts[to]) - i64::from(self.starts[from])
    }

    /// Which words each window holds; starts and ends both increase.
    fn spans(&self, overlap: usize) -> Vec<Range<usize>> {
        let fits = |start: usize, end: usize| self.start(end) - self.start(start) <= self.capacity;
        let mut spans = Vec::new();
        let mut units = self.units().peekable();
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
            while start < latest && !(fits(start, end + 1) && self.start(end) - self.start(start) <= overlap)
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
        let first_piece = self.start(span.start);
        let pieces = &self.pieces[first_piece..self.start(span.end)];
        let mut ids = Vec::with_capacity(pieces.len() + 2);
        ids.push(special.cls);
        ids.extend_from_slice(pieces);
        ids.push(special.sep);
        let context_before = self.start(scored.start) - first_piece;
        let context_after = self.start(span.end) - self.start(scored.end);
        let scored = scored
            .map(|at| {
                let (sentence, word) = self.words[at];
                let piece = 1 + self.start(at) - first_piece;
                ScoredWord { piece, sentence: sentence as usize, word: word as usize }
            })
            .collect();
        Some(Window { ids, scored, context_before, context_after })
    }
}
