//! Texts that are tagged together: windows of several texts in one batch.
//!
//! ```text
//! texts   a long one ..........        each gives a window in turn, so that short texts do not wait for
//!         a short one .                the end of long ones
//! step    windows of about `tokens` positions -> batches of like length -> logits
//! sink    sentences of a text whose chunk is scored, in reading order; the end of a text
//! ```
//!
//! A text is divided into sentences, windows and chunks as alone, whatever is tagged with it.

use std::collections::{HashMap, VecDeque};
use std::io::Cursor;
use std::sync::Arc;

use electra_annotations::{Aligner, TextError};
use electra_model::WindowBatchData;
use electra_text::Coverage;

use super::batch::MULTIPLE_OF;
use super::chunk::{Chunk, ChunkWindow, Chunks};
use super::passage::Tail;
use super::predictor::Predictor;
use super::settings::PredictSettings;
use super::tagged::TaggedSentence;
use crate::calibration::MinScores;

/// Tagging of several texts at once, whose windows share batches. Texts may be added and removed between steps.
pub struct TaggingSession<'p> {
    predictor: &'p Predictor,
    settings: PredictSettings,
    /// One for all texts: words that were seen before are not normalised again.
    aligner: Aligner<'p>,
    /// The text whose turn it is stands first.
    texts: VecDeque<TextUnderWay>,
}

/// Size of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepSize {
    /// Windows that went through the network.
    pub windows: usize,
    /// Their positions, padding left out.
    pub positions: usize,
}

/// Something that a session has found out about one of its texts.
#[derive(Debug)]
pub enum SessionEvent {
    /// Sentences of a text, behind those of its earlier events.
    Sentences {
        /// The key with which the text was added.
        key: u64,
        /// The sentences with their entities.
        sentences: Vec<TaggedSentence>,
        /// For each sentence the words of which the tagger sees nothing but `[UNK]`.
        unknown: Vec<Vec<usize>>,
    },
    /// The end of a text, which the session has forgotten.
    End {
        /// The key with which the text was added.
        key: u64,
        /// The coverage of the text by the tokenizer.
        coverage: Coverage,
        /// The text behind its last sentence; an error only for text that comes from a stream.
        tail: Result<Tail, TextError>,
    },
}

struct TextUnderWay {
    key: u64,
    chunks: Chunks<Cursor<Arc<[u8]>>>,
    min_scores: Arc<MinScores>,
    chunk: Option<ChunkUnderWay>,
}

/// A chunk of which some windows may be scored.
struct ChunkUnderWay {
    chunk: Chunk,
    /// `[W, L]` for the words of the chunk.
    logits: Vec<f32>,
    waiting: VecDeque<ChunkWindow>,
    unscored: usize,
}

/// A window that goes through the network in this step.
struct Picked {
    key: u64,
    window: ChunkWindow,
}

impl<'p> TaggingSession<'p> {
    pub(crate) fn new(predictor: &'p Predictor, settings: PredictSettings) -> Self {
        let aligner = Aligner::new(predictor.tokenizer());
        Self { predictor, settings, aligner, texts: VecDeque::new() }
    }

    /// Adds a text, of whose entities those are kept that `min_scores` keeps. `key` names it in events; the
    /// caller gives each text another one.
    pub fn add(&mut self, key: u64, text: impl Into<Arc<str>>, min_scores: Arc<MinScores>) {
        let special = self.predictor.tokenizer().special();
        let text = Arc::<[u8]>::from(text.into());
        let chunks = Chunks::new(Cursor::new(text), special, self.predictor.windows(), self.settings);
        self.texts.push_back(TextUnderWay { key, chunks, min_scores, chunk: None });
    }

    /// Forgets the texts of which `is_wanted` says no.
    pub fn retain(&mut self, mut is_wanted: impl FnMut(u64) -> bool) {
        self.texts.retain(|text| is_wanted(text.key));
    }

    /// The number of texts that are not at their end.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether no text is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Sends windows of together about `tokens` positions through the network, at least one, each text giving one
    /// in turn, and tells `sink` what is known then.
    pub fn step(&mut self, tokens: usize, sink: &mut impl FnMut(SessionEvent)) -> StepSize {
        let mut picked = self.pick(tokens, sink);
        let positions = picked.iter().map(|picked| picked.window.ids.len()).sum();
        let size = StepSize { windows: picked.len(), positions };
        let places: HashMap<u64, usize> =
            self.texts.iter().enumerate().map(|(at, text)| (text.key, at)).collect();
        picked.sort_by_key(|picked| std::cmp::Reverse(picked.window.ids.len()));
        let mut rest = picked.as_slice();
        while let Some(first) = rest.first() {
            let max_length = self.predictor.windows().length;
            let length = first.window.ids.len().next_multiple_of(MULTIPLE_OF).min(max_length);
            // Windows of less than three quarters of the length are cheaper in a batch of their own.
            let is_alike = |picked: &&Picked| 4 * picked.window.ids.len() >= 3 * length;
            let (batch, others) = rest.split_at(rest.iter().take_while(is_alike).count().max(1));
            self.score(batch, length, &places);
            rest = others;
        }
        self.decode(sink);
        size
    }

    /// The windows of this step, taken from the texts in turn. Texts that are at their end leave.
    fn pick(&mut self, tokens: usize, sink: &mut impl FnMut(SessionEvent)) -> Vec<Picked> {
        let (mut picked, mut positions) = (Vec::new(), 0);
        loop {
            let before = picked.len();
            for _ in 0..self.texts.len() {
                let Some(mut text) = self.texts.pop_front() else { break };
                if text.chunk.is_none() && !text.lay_out(&mut self.aligner, self.predictor) {
                    sink(text.end());
                    continue;
                }
                let waiting = text.chunk.as_mut().map(|chunk| &mut chunk.waiting);
                let next = waiting.as_ref().and_then(|waiting| waiting.front());
                let length = next.map_or(0, |window| window.ids.len());
                if positions > 0 && positions + length > tokens {
                    self.texts.push_front(text);
                    return picked;
                }
                positions += length;
                if let Some(window) = waiting.and_then(VecDeque::pop_front) {
                    picked.push(Picked { key: text.key, window });
                }
                self.texts.push_back(text);
            }
            if picked.len() == before {
                return picked;
            }
        }
    }

    /// Sends windows through the network in rows of `length` positions.
    fn score(&mut self, batch: &[Picked], length: usize, places: &HashMap<u64, usize>) {
        let pad = self.predictor.tokenizer().special().pad;
        let mut data = WindowBatchData::new(length);
        for Picked { window, .. } in batch {
            data.push(&window.ids, &window.first_pieces, pad);
        }
        let l = self.predictor.labels().len();
        let found = self.predictor.logits_of(&data);
        let mut rows = found.chunks_exact(l);
        for Picked { key, window } in batch {
            let chunk = self.texts[places[key]].chunk.as_mut().expect("its window was picked from its chunk");
            for &word in &window.words {
                let row = rows.next().expect("a row of logits for each word");
                chunk.logits[word * l..][..l].copy_from_slice(row);
            }
            chunk.unscored -= 1;
        }
    }

    /// Decodes the chunks whose windows are all scored, and lays out the next ones.
    fn decode(&mut self, sink: &mut impl FnMut(SessionEvent)) {
        let (predictor, aligner) = (self.predictor, &mut self.aligner);
        self.texts.retain_mut(|text| {
            let Some(ChunkUnderWay { chunk, logits, .. }) = text.chunk.take_if(|chunk| chunk.unscored == 0)
            else {
                return true;
            };
            let Chunk { passages, unknown, .. } = chunk;
            let sentences = predictor.decode_with(&text.min_scores).sentences(passages, &logits);
            sink(SessionEvent::Sentences { key: text.key, sentences, unknown });
            let goes_on = text.lay_out(aligner, predictor);
            if !goes_on {
                sink(text.end());
            }
            goes_on
        });
    }
}

impl TextUnderWay {
    /// Lays out the next chunk, if there is one.
    fn lay_out(&mut self, aligner: &mut Aligner<'_>, predictor: &Predictor) -> bool {
        let Some(mut chunk) = self.chunks.next(aligner) else { return false };
        let waiting = VecDeque::from(std::mem::take(&mut chunk.windows));
        let logits = vec![0.0; chunk.words() * predictor.labels().len()];
        self.chunk = Some(ChunkUnderWay { chunk, logits, unscored: waiting.len(), waiting });
        true
    }

    fn end(&mut self) -> SessionEvent {
        let coverage = self.chunks.coverage();
        SessionEvent::End { key: self.key, coverage, tail: self.chunks.take_tail() }
    }
}
