//! A tagger that reads text, on three threads.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use burn::prelude::*;
use electra_kernels::Pass;
use electra_model::{Precision, WindowBatchData};
use electra_text::{Coverage, Tokenizer};

use crate::calibration::{LeftOutEntities, MinScores};
use crate::folder_error::FolderError;
use crate::head::Decoder;
use crate::tagger_folder::TaggerFolder;
use crate::token_classifier::TokenClassifier;
use crate::window::{WindowError, WindowSettings};
use electra_annotations::{Aligner, LabelSet, TextError};

use super::batch::{ChunkBatch, batches};
use super::chunk::{Chunk, Chunks};
use super::counts::TaggedCounts;
use super::passage::Tail;
use super::profile::Profile;
use super::settings::PredictSettings;
use super::tagged::{Decode, TaggedSentence};

/// Chunks that are read ahead of the model.
const READ_AHEAD: usize = 2;

/// Predictor: a tagger that reads a stream of text on a device.
pub struct Predictor {
    tagger: TokenClassifier,
    decoder: Decoder,
    labels: LabelSet,
    tokenizer: Arc<Tokenizer>,
    windows: WindowSettings,
    device: Device,
    min_scores: MinScores,
}

/// Summary of a text that was tagged.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionSummary {
    /// Number of sentences.
    pub sentences: u64,
    /// Words, each of which has been labelled.
    pub words: u64,
    /// Number of entities.
    pub entities: u64,
    /// Entities that were left out for their scores, beside these.
    pub left_out: LeftOutEntities,
    /// Sentences that were cut for their length: words where they were cut saw less of their context.
    pub cut: u64,
    /// The coverage of the text by the tokenizer.
    pub coverage: Coverage,
    /// The input behind the last sentence.
    pub tail: Tail,
    /// The times of the parts of the work.
    pub profile: Profile,
}

/// A tagger with which no text can be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PredictorError {
    /// The folder does not hold a usable tagger.
    #[error("{0}")]
    Folder(
        #[from]
        #[diagnostic_source]
        FolderError,
    ),
    /// The windows of the tagger hold no text.
    #[error("{path}: {source}")]
    Window {
        /// Path of the folder.
        path: PathBuf,
        /// The reason why its windows hold no text.
        #[diagnostic_source]
        source: WindowError,
    },
}

/// An error that stops tagging before the end of the text. What came before has been handed out.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PredictError {
    /// The text that was given.
    #[error("{0}")]
    Text(
        #[from]
        #[diagnostic_source]
        TextError,
    ),
    /// The sink could not take what was found.
    #[error("cannot write what was found: {0}")]
    Sink(#[source] io::Error),
}

impl Predictor {
    /// The tagger of a folder on a device, with matrix products in `precision`.
    ///
    /// # Errors
    /// Weights that do not fit the folder's own sizes, or a window too short for any word.
    pub fn new(folder: &TaggerFolder, device: &Device, precision: Precision) -> Result<Self, PredictorError> {
        let windows = WindowSettings::new(folder.settings.window, folder.settings.context);
        windows.validate().map_err(|source| PredictorError::Window { path: folder.path.clone(), source })?;
        folder.check_window(windows.length)?;
        let tagger = folder.tagger(device, precision)?;
        Ok(Self {
            decoder: folder.decoder(&tagger),
            tagger,
            labels: folder.labels.clone(),
            tokenizer: Arc::new(folder.tokenizer.clone()),
            windows,
            device: device.clone(),
            min_scores: MinScores::default(),
        })
    }

    /// This tagger, which leaves out entities with lower scores.
    #[must_use]
    pub fn with_min_scores(self, min_scores: MinScores) -> Self {
        Self { min_scores, ..self }
    }

    /// The decoding of its logits into entities, of which those are kept that these scores keep.
    pub(super) fn decode_with<'a>(&'a self, min_scores: &'a MinScores) -> Decode<'a> {
        Decode { decoder: &self.decoder, labels: &self.labels, min_scores }
    }

    /// The logits of the words of a batch, `[W, L]`.
    pub(super) fn logits_of(&self, batch: &WindowBatchData) -> Vec<f32> {
        self.tagger.logits(Pass::Prediction, batch, &self.device)
    }

    /// The tokenizer of the tagger.
    pub(super) fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The settings of its windows.
    pub(super) fn windows(&self) -> WindowSettings {
        self.windows
    }

    /// The labels that it tells apart.
    pub fn labels(&self) -> &LabelSet {
        &self.labels
    }

    /// Tags everything that `input` gives. The sentences come to `sink` in reading order, some
    /// hundred at a time, on another thread.
    ///
    /// # Errors
    /// Text that cannot be read, after all sentences in front of it; an error of the sink. The
    /// thread that reads `input` is left alone then: it may be waiting for a terminal.
    ///
    /// # Panics
    /// If a batch is to have no windows.
    pub fn run<R, S>(
        &self,
        input: R,
        settings: &PredictSettings,
        sink: S,
    ) -> Result<PredictionSummary, PredictError>
    where
        R: Read + Send + 'static,
        S: FnMut(&[TaggedSentence]) -> io::Result<()> + Send,
    {
        assert!(settings.batch_size > 0, "batches of no windows");
        let start = Instant::now();
        let mut profile = Profile::default();
        let (messages, reader) = self.read_ahead(input, *settings);
        let decoding = self.decode_with(&self.min_scores);
        let (mut read, written) = thread::scope(|scope| {
            let (to_writer, computed) = sync_channel(1);
            let writer = scope.spawn(move || write(computed, decoding, sink));
            let mut read = None;
            while let Ok(message) = timed(&mut profile.waiting_for_text, || messages.recv()) {
                match message {
                    Message::Chunk(chunk, batches) => {
                        let logits = timed(&mut profile.model, || self.logits(&chunk, &batches));
                        let sent = timed(&mut profile.waiting_for_sink, || to_writer.send((chunk, logits)));
                        if sent.is_err() {
                            break;
                        }
                    }
                    Message::End(end) => read = Some(end),
                }
            }
            drop(to_writer);
            (read, timed(&mut profile.waiting_for_sink, || rethrown(writer.join())))
        });
        let written = written.map_err(PredictError::Sink)?;
        if read.is_none() {
            rethrown(reader.join());
        }
        let End { tail, coverage, busy } =
            read.take().expect("a reader that does not panic says how it ended");
        profile = Profile {
            total: start.elapsed(),
            reading: busy,
            decoding: written.decoding,
            writing: written.writing,
            ..profile
        };
        let TaggedCounts { sentences, words, entities, left_out, cut } = written.counts;
        Ok(PredictionSummary { sentences, words, entities, left_out, cut, coverage, tail: tail?, profile })
    }

    /// Starts a thread that prepares chunks until nobody wants them any more.
    fn read_ahead<R: Read + Send + 'static>(
        &self,
        input: R,
        settings: PredictSettings,
    ) -> (Receiver<Message>, thread::JoinHandle<()>) {
        let (sender, receiver) = sync_channel(READ_AHEAD);
        let (tokenizer, windows) = (Arc::clone(&self.tokenizer), self.windows);
        let work = move || read(input, &tokenizer, windows, settings, &sender);
        let reader = thread::Builder::new().name("reader".into()).spawn(work);
        (receiver, reader.expect("the system can start a thread"))
    }

    /// `[W, L]` for the words of a chunk.
    fn logits(&self, chunk: &Chunk, batches: &[ChunkBatch]) -> Vec<f32> {
        let l = self.labels.len();
        let mut logits = vec![0.0; chunk.words() * l];
        let mut scored = 0;
        for batch in batches {
            let found = self.logits_of(&batch.windows);
            for (row, &word) in found.chunks_exact(l).zip(&batch.words) {
                logits[word * l..][..l].copy_from_slice(row);
                scored += 1;
            }
        }
        assert_eq!(scored, chunk.words(), "every word is scored once");
        logits
    }
}

/// From the reader to the model.
enum Message {
    Chunk(Chunk, Vec<ChunkBatch>),
    End(End),
}

struct End {
    tail: Result<Tail, TextError>,
    coverage: Coverage,
    busy: Duration,
}

fn read<R: Read>(
    input: R,
    tokenizer: &Tokenizer,
    windows: WindowSettings,
    settings: PredictSettings,
    sender: &SyncSender<Message>,
) {
    let (mut aligner, special) = (Aligner::new(tokenizer), tokenizer.special());
    let mut chunks = Chunks::new(input, special, windows, settings);
    let mut busy = Duration::ZERO;
    let mut next = || {
        let mut chunk = chunks.next(&mut aligner)?;
        let of_chunk = std::mem::take(&mut chunk.windows);
        let batches = batches(&of_chunk, settings.batch_size, windows.length, special.pad);
        Some((chunk, batches))
    };
    while let Some((chunk, batches)) = timed(&mut busy, &mut next) {
        if sender.send(Message::Chunk(chunk, batches)).is_err() {
            return;
        }
    }
    // Nobody has to be there to hear it.
    let coverage = chunks.coverage();
    let _ = sender.send(Message::End(End { tail: chunks.take_tail(), coverage, busy }));
}

#[derive(Default)]
struct Written {
    counts: TaggedCounts,
    decoding: Duration,
    writing: Duration,
}

fn write(
    computed: Receiver<(Chunk, Vec<f32>)>,
    decoding: Decode<'_>,
    mut sink: impl FnMut(&[TaggedSentence]) -> io::Result<()>,
) -> io::Result<Written> {
    let mut written = Written::default();
    for (chunk, logits) in computed {
        let tagged = timed(&mut written.decoding, || decoding.sentences(chunk.passages, &logits));
        written.counts.add(&tagged);
        timed(&mut written.writing, || sink(&tagged))?;
    }
    Ok(written)
}

fn timed<T>(sum: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *sum += start.elapsed();
    result
}

/// The value that a thread gave, or its panic again.
fn rethrown<T>(joined: thread::Result<T>) -> T {
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
