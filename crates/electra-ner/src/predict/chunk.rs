//! Sentences to batches, chunk by chunk.
//!
//! Where a chunk ends follows from the text alone: not from how the input comes in, nor from the
//! size of batches. With document context the sentences around a chunk are laid out with it, a
//! window's length on either side, so that no word has less context for standing at its border.

use std::collections::VecDeque;
use std::io::Read;

use electra_text::{Coverage, SpecialIds, Tokenizer};

use super::passage::{Passage, Passages, Tail};
use super::settings::{Documents, PredictSettings};
use crate::window::{BatchSettings, Context, Window, WindowSettings, batches, plan};
use electra_annotations::{AlignedSentence, Aligner, TextError};
use electra_model::WindowBatchData;

/// A chunk is full with this many pieces of words: enough windows to find some of like length for
/// a batch, few enough for results to come soon.
const CHUNK_PIECES: usize = 1 << 14;

/// Or with this much text, white space counted.
const CHUNK_BYTES: usize = 1 << 20;

/// Rows are padded to a multiple of this.
const MULTIPLE_OF: usize = 8;

/// Sentences and the batches in which their words are scored.
pub(super) struct Chunk {
    pub passages: Vec<Passage>,
    pub batches: Vec<ChunkBatch>,
    words: usize,
}

/// Windows, and for each row of their logits the word of the chunk.
pub(super) struct ChunkBatch {
    pub windows: WindowBatchData,
    pub words: Vec<usize>,
}

impl Chunk {
    /// Words of all sentences.
    pub(super) fn words(&self) -> usize {
        self.words
    }
}

/// Iterator over the chunks of a stream.
pub(super) struct Chunks<'t, R: Read> {
    passages: Passages<R>,
    aligner: Aligner<'t>,
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

impl<'t, R: Read> Chunks<'t, R> {
    pub(super) fn new(
        input: R,
        tokenizer: &'t Tokenizer,
        windows: WindowSettings,
        settings: PredictSettings,
    ) -> Self {
        Self {
            passages: Passages::new(input, settings.form),
            aligner: Aligner::new(tokenizer),
            special: tokenizer.special(),
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

    /// The text behind the last sentence, when there are no more chunks.
    pub(super) fn finish(self) -> Result<Tail, TextError> {
        self.passages.finish()
    }

    /// Reads until the queue holds a chunk and a margin behind it; how many sentences the chunk has.
    fn fill(&mut self) -> usize {
        let (mut count, mut pieces, mut bytes, mut behind) = (0, 0, 0, 0);
        for at in 0.. {
            if at == self.queue.len() && !self.read() {
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
    fn read(&mut self) -> bool {
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
        let aligned = self.aligner.align(&words, self.document);
        self.queue.push_back(Prepared { passage, aligned });
        true
    }

    fn batches(&self, windows: &[Window], word: impl Fn(usize, usize) -> usize) -> Vec<ChunkBatch> {
        let order: Vec<usize> = (0..windows.len()).collect();
        let settings = BatchSettings {
            size: self.settings.batch_size,
            pool: usize::MAX,
            multiple_of: MULTIPLE_OF,
            max_length: self.windows.length,
        };
        let gathered = batches(windows, &order, &settings);
        let chunk_batch = |batch: &crate::window::Batch| {
            let mut data = WindowBatchData::new(batch.length);
            let mut words = Vec::new();
            for &window in &batch.windows {
                let Window { ids, scored, .. } = &windows[window];
                let places: Vec<usize> = scored.iter().map(|word| word.piece).collect();
                data.push(ids, &places, self.special.pad);
                words.extend(scored.iter().map(|scored| word(scored.sentence, scored.word)));
            }
            ChunkBatch { windows: data, words }
        };
        gathered.iter().map(chunk_batch).collect()
    }

    /// The coverage of the text so far by the tokenizer.
    pub(super) fn coverage(&mut self) -> Coverage {
        self.aligner.coverage()
    }
}

impl<R: Read> Iterator for Chunks<'_, R> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let count = self.fill();
        if count == 0 {
            return None;
        }
        let mut sentences = std::mem::take(&mut self.before);
        let first = sentences.len();
        let (mut passages, mut starts, mut words) = (Vec::with_capacity(count), Vec::with_capacity(count), 0);
        for Prepared { passage, aligned } in self.queue.drain(..count) {
            starts.push(words);
            words += aligned.words();
            passages.push(passage);
            sentences.push(aligned);
        }
        let last = sentences.len();
        if self.margin > 0 {
            sentences.extend(self.queue.iter().map(|prepared| prepared.aligned.clone()));
        }

        let mut windows = plan(&sentences, self.special, &self.windows);
        for window in &mut windows {
            window.scored.retain(|word| (first..last).contains(&word.sentence));
        }
        windows.retain(|window| !window.scored.is_empty());
        let batches = self.batches(&windows, |sentence, word| starts[sentence - first] + word);

        sentences.truncate(last);
        let mut pieces = 0;
        let context = sentences.iter().rev().take_while(|sentence| {
            let is_needed = pieces < self.margin;
            pieces += sentence.pieces().len();
            is_needed
        });
        let context = context.count();
        self.before = sentences.split_off(last - context);
        Some(Chunk { passages, batches, words })
    }
}
