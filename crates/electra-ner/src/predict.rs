//! Text of any length to entities with their places, as a stream in bounded memory.
//!
//! ```text
//! thread 1   input -> sentences -> pieces -> windows -> batches        in blocks of some thousand pieces
//! this one   batches -> logits
//! thread 2   logits of a sentence -> labels -> entities -> the caller's sink
//! ```
//!
//! Between the threads are queues of few blocks, so that the model finds the next block ready and
//! nothing runs ahead of it. Every word is given one label, from the window in which it has most
//! context, and words are never split: an entity is a run of words.

mod block;
mod entity;
mod lossy;
mod passage;
mod profile;

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use burn::prelude::*;
use electra_kernels::Pass;
use electra_model::Precision;
use electra_text::{Coverage, Tokenizer};

use crate::decode::{Decision, Decoder};
use crate::folder_error::FolderError;
use crate::tagger::Tagger;
use crate::tagger_folder::TaggerFolder;
use crate::window::{WindowError, WindowSettings};
use electra_annotations::{LabelSet, RawSentence, TextError};

use block::{Block, Blocks};

pub use block::Documents;
pub use entity::{Entity, entities};
pub use lossy::Lossy;
pub use passage::{MAX_GAP_BYTES, Passage, Passages, RecordPlace, Tail, TextForm};
pub use profile::Profile;

/// Blocks that are read ahead of the model.
const READ_AHEAD: usize = 2;

/// How text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredictSettings {
    /// Running text, words with spaces between them, or records of text.
    pub form: TextForm,
    /// Where one document ends and the next begins, for taggers that see neighbouring sentences.
    pub documents: Documents,
    /// Windows that go through the model together; no influence on the labels but by rounding.
    pub batch_size: usize,
}

/// A tagger ready to read text.
pub struct Predictor {
    tagger: Tagger,
    decoder: Decoder,
    labels: LabelSet,
    tokenizer: Arc<Tokenizer>,
    windows: WindowSettings,
    device: Device,
}

/// A sentence of the input with what was found in it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaggedSentence {
    /// White space, and what else is in no word, between the sentence before and this one.
    pub before: String,
    /// Lines of words, or records, that hold no word between the sentence before and this one.
    pub empty_before: u64,
    /// The sentence.
    pub sentence: RawSentence,
    /// The record that it stands in, where the input has records.
    pub record: Option<RecordPlace>,
    /// Whether the next sentence is the rest of the same line of words.
    pub goes_on: bool,
    /// One tag for each word: of IOB2, or the label itself where labels follow no scheme.
    pub tags: Vec<String>,
    /// What was found, in reading order.
    pub entities: Vec<Entity>,
}

/// What there was in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Sentences.
    pub sentences: u64,
    /// Words, each of which has been labelled.
    pub words: u64,
    /// Entities.
    pub entities: u64,
    /// Sentences that were cut for their length: words where they were cut saw less of their context.
    pub cut: u64,
    /// How much of the text the tokenizer has pieces for.
    pub coverage: Coverage,
    /// What lies behind the last sentence.
    pub tail: Tail,
    /// Where the time went.
    pub profile: Profile,
}

/// A tagger with which no text can be read.
#[derive(Debug, thiserror::Error)]
pub enum PredictorError {
    /// The folder does not hold a usable tagger.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its windows hold no text.
    #[error("{path}: {source}")]
    Window {
        /// The folder.
        path: PathBuf,
        /// What is wrong with its window.
        source: WindowError,
    },
}

/// Why tagging stopped before the end of the text. What came before has been handed out.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The sink.
    #[error("cannot write what was found")]
    Sink(#[source] io::Error),
}

impl Predictor {
    /// The tagger of a folder on a device.
    ///
    /// # Errors
    /// Weights that do not fit the folder's own sizes, or a window too short for any word.
    pub fn new(folder: &TaggerFolder, device: &Device) -> Result<Self, PredictorError> {
        let windows = WindowSettings::new(folder.settings.window, folder.settings.context);
        windows.validate().map_err(|source| PredictorError::Window { path: folder.path.clone(), source })?;
        folder.check_window(windows.length)?;
        let tagger = folder.tagger(device, Precision::F32)?;
        Ok(Self {
            decoder: folder.decoder(&tagger),
            tagger,
            labels: folder.labels.clone(),
            tokenizer: Arc::new(folder.tokenizer.clone()),
            windows,
            device: device.clone(),
        })
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
    pub fn run<R, S>(&self, input: R, settings: &PredictSettings, sink: S) -> Result<Summary, PredictError>
    where
        R: Read + Send + 'static,
        S: FnMut(&[TaggedSentence]) -> io::Result<()> + Send,
    {
        assert!(settings.batch_size > 0, "batches of no windows");
        let start = Instant::now();
        let mut profile = Profile::default();
        let (messages, reader) = self.read_ahead(input, *settings);
        let (decoder, labels) = (&self.decoder, &self.labels);
        let (mut read, written) = thread::scope(|scope| {
            let (to_writer, computed) = sync_channel(1);
            let writer = scope.spawn(move || write(computed, decoder, labels, sink));
            let mut read = None;
            while let Ok(message) = timed(&mut profile.waiting_for_text, || messages.recv()) {
                match message {
                    Message::Block(block) => {
                        let logits = timed(&mut profile.model, || self.logits(&block));
                        let sent = timed(&mut profile.waiting_for_sink, || to_writer.send((block, logits)));
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
        let Written { sentences, words, entities, cut, .. } = written;
        Ok(Summary { sentences, words, entities, cut, coverage, tail: tail?, profile })
    }

    /// Starts a thread that prepares blocks until nobody wants them any more.
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

    /// `[W, L]` for the words of a block.
    fn logits(&self, block: &Block) -> Vec<f32> {
        let l = self.labels.len();
        let mut logits = vec![0.0; block.words() * l];
        let mut scored = 0;
        for batch in &block.batches {
            let found = self.tagger.logits(Pass::Prediction, &batch.windows, &self.device);
            for (row, &word) in found.chunks_exact(l).zip(&batch.words) {
                logits[word * l..][..l].copy_from_slice(row);
                scored += 1;
            }
        }
        assert_eq!(scored, block.words(), "every word is scored once");
        logits
    }
}

/// From the reader to the model.
enum Message {
    Block(Block),
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
    let mut blocks = Blocks::new(input, tokenizer, windows, settings);
    let mut busy = Duration::ZERO;
    while let Some(block) = timed(&mut busy, || blocks.next()) {
        if sender.send(Message::Block(block)).is_err() {
            return;
        }
    }
    // Nobody has to be there to hear it.
    let coverage = blocks.coverage();
    let _ = sender.send(Message::End(End { tail: blocks.finish(), coverage, busy }));
}

#[derive(Default)]
struct Written {
    sentences: u64,
    words: u64,
    entities: u64,
    cut: u64,
    decoding: Duration,
    writing: Duration,
}

fn write(
    computed: Receiver<(Block, Vec<f32>)>,
    decoder: &Decoder,
    labels: &LabelSet,
    mut sink: impl FnMut(&[TaggedSentence]) -> io::Result<()>,
) -> io::Result<Written> {
    let mut written = Written::default();
    for (block, logits) in computed {
        let tagged = timed(&mut written.decoding, || decode(block, &logits, decoder, labels));
        written.sentences += tagged.len() as u64;
        written.words += tagged.iter().map(|sentence| sentence.tags.len() as u64).sum::<u64>();
        written.entities += tagged.iter().map(|sentence| sentence.entities.len() as u64).sum::<u64>();
        written.cut += tagged.iter().filter(|sentence| sentence.sentence.is_cut).count() as u64;
        timed(&mut written.writing, || sink(&tagged))?;
    }
    Ok(written)
}

fn decode(block: Block, logits: &[f32], decoder: &Decoder, labels: &LabelSet) -> Vec<TaggedSentence> {
    let mut start = 0;
    let tag = |Passage { before, empty_before, sentence, record, goes_on }: Passage| {
        let end = start + sentence.words.len() * labels.len();
        let decisions: Vec<Decision> = decoder.decode(&logits[start..end]);
        start = end;
        let ids: Vec<usize> = decisions.iter().map(|decision| decision.label).collect();
        let (tags, entities) = (labels.tags(&ids), entities(labels, &decisions));
        TaggedSentence { before, empty_before, sentence, record, goes_on, tags, entities }
    };
    block.passages.into_iter().map(tag).collect()
}

fn timed<T>(sum: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *sum += start.elapsed();
    result
}

/// What a thread gave, or its panic.
fn rethrown<T>(joined: thread::Result<T>) -> T {
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
