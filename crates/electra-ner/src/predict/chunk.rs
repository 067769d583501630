//! Sentences to windows, chunk by chunk.
//!
//! Where a chunk ends follows from the text alone: not from how the input comes in, nor from the
//! size of batches, nor from other texts that are tagged meanwhile. With document context the sentences around a chunk are laid out with it, a
//! window's length on either side, so that no word has less context for standing at its border.

use std::collections::VecDeque;
use std::io::Read;

use electra_text::{Coverage, SpecialIds};

use super::passage::{Passage, Passages, Tail};
use super::settings::{Documents, PredictSettings};
use crate::window::{Context, WindowSettings, plan};
use electra_annotations::{AlignedSentence, Aligner, TextError};

/// A chunk is full with this many pieces of words: enough windows to find some of like length for
/// a batch, few enough for results to come soon.
const CHUNK_PIECES: usize = 1 << 14;

/// Or with this much text, white space counted.
const CHUNK_BYTES: usize = 1 << 20;

/// Sentences and the windows in which their words are scored.
pub(super) struct Chunk {
    pub passages: Vec<Passage>,
    pub windows: Vec<ChunkWindow>,
    /// For each sentence the words of which the tagger sees nothing but `[UNK]`.
    pub unknown: Vec<Vec<usize>>,
    words: usize,
}

/// A window with the words that are scored in it.
pub(super) struct ChunkWindow {
    pub ids: Vec<u32>,
    /// The first piece of each word.
    pub first_pieces: Vec<usize>,
    /// The number of each word in the chunk.
    pub words: Vec<usize>,
}

impl Chunk {
    /// Words of all sentences.
    pub(super) fn words(&self) -> usize {
        self.words
    }
}

/// The chunks of a stream, one after the other.
pub(super) struct Chunks<R: Read> {
    passages: Passages<R>,
    coverage: Coverage,
    special: SpecialIds,
    windows: WindowSettings,
    settings: PredictSettings,
    /// Pieces around a chunk that are laid out with it.
    margin: usize,
    /// The sentences that were scored before and are context now.
    before: Vec<AlignedSentence>,
    /// The sentences that were read and not scored.
    queue: VecDeque<Prepared>,
    /// Number of the document that is being read.
    document: usize,
    ended: bool,
}

struct Prepared {
    passage: Passage,
    aligned: AlignedSentence,
}

impl<R: Read> Chunks<R> {
    pub(super) fn new(
        input: R,
        special: SpecialIds,
        windows: WindowSettings,
        settings: PredictSettings,
    ) -> Self {
        Self {
            passages: Passages::new(input, settings.form),
            coverage: Coverage::default(),
            special,
            windows,
            settings,
            margin: match windows.context {
                Context::Sentence => 0,
                Context::Document => windows.length,
            },
            before: Vec::new(),
            queue: VecDeque::new(),
            document: 0,
            ended: false,
        }
    }

    /// The text behind the last sentence, to be asked for once, when there are no more chunks.
    pub(super) fn take_tail(&mut self) -> Result<Tail, TextError> {
        self.passages.take_tail()
    }

    /// Reads until the queue holds a chunk and a margin behind it; how many sentences the chunk has.
    fn fill(&mut self, aligner: &mut Aligner<'_>) -> usize {
        let (mut count, mut pieces, mut bytes, mut behind) = (0, 0, 0, 0);
        for at in 0.. {
            if at == self.queue.len() && !self.read(aligner) {
                break;
            }
            let Prepared { passage, aligned } = &self.queue[at];
            if pieces < CHUNK_PIECES && bytes < CHUNK_BYTES {
                count += 1;
                pieces += aligned.pieces().len();
                bytes += passage.before.len() + passage.sentence.text.len();
            } else {
                behind += aligned.pieces().len();
            }
            if behind >= self.margin && (pieces >= CHUNK_PIECES || bytes >= CHUNK_BYTES) {
                break;
            }
        }
        count
    }

    /// Reads a sentence into the queue, if there is one.
    fn read(&mut self, aligner: &mut Aligner<'_>) -> bool {
        if self.ended {
            return false;
        }
        let Some(passage) = self.passages.next() else {
            self.ended = true;
            return false;
        };
        let sentence = &passage.sentence;
        self.document = match (passage.record, self.settings.documents) {
            (Some(record), _) => record.document,
            (None, Documents::Whole) => self.document,
            (None, Documents::BlankLine) => self.document + usize::from(sentence.starts_paragraph),
            (None, Documents::Sentence) => self.document + 1,
        };
        let words: Vec<&str> = sentence.tokens().collect();
        let aligned = aligner.align(&words, self.document);
        self.queue.push_back(Prepared { passage, aligned });
        true
    }

    /// The words of a sentence that are nothing but `[UNK]` to the tagger.
    fn unknown(&self, sentence: &AlignedSentence) -> Vec<usize> {
        let is_unknown = |word: &usize| sentence.word(*word).iter().all(|&id| id == self.special.unk);
        (0..sentence.words()).filter(is_unknown).collect()
    }

    /// The coverage of the chunks so far by the tokenizer.
    pub(super) fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// The next chunk, if there is one. `aligner`, of one tokenizer at every call, may have aligned other texts
    /// in between.
    pub(super) fn next(&mut self, aligner: &mut Aligner<'_>) -> Option<Chunk> {
        // What others have aligned is not of this text.
        aligner.take_coverage();
        let count = self.fill(aligner);
        self.coverage.add(&aligner.take_coverage());
        if count == 0 {
            return None;
        }
        let mut sentences = std::mem::take(&mut self.before);
        let first = sentences.len();
        let (mut passages, mut starts, mut words) = (Vec::with_capacity(count), Vec::with_capacity(count), 0);
        let mut unknown = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(Prepared { passage, aligned }) = self.queue.pop_front() else { break };
            starts.push(words);
            words += aligned.words();
            unknown.push(self.unknown(&aligned));
            passages.push(passage);
            sentences.push(aligned);
        }
        let last = sentences.len();
        if self.margin > 0 {
            sentences.extend(self.queue.iter().map(|prepared| prepared.aligned.clone()));
        }

        let mut windows = Vec::new();
        for window in plan(&sentences, self.special, &self.windows) {
            let scored = window.scored.iter().filter(|word| (first..last).contains(&word.sentence));
            let (first_pieces, words): (Vec<_>, Vec<_>) =
                scored.map(|word| (word.piece, starts[word.sentence - first] + word.word)).unzip();
            if !words.is_empty() {
                windows.push(ChunkWindow { ids: window.ids, first_pieces, words });
            }
        }

        sentences.truncate(last);
        let mut pieces = 0;
        let context = sentences.iter().rev().take_while(|sentence| {
            let is_needed = pieces < self.margin;
            pieces += sentence.pieces().len();
            is_needed
        });
        let context = context.count();
        self.before = sentences.split_off(last - context);
        Some(Chunk { passages, windows, unknown, words })
    }
}
