//! Text of any length to entities with their places, as a stream in bounded memory.
//!
//! ```text
//! thread 1   input -> sentences -> pieces -> windows -> batches        in chunks of some thousand pieces
//! this one   batches -> logits
//! thread 2   logits of a sentence -> labels -> entities -> the caller's sink
//! ```
//!
//! Between the threads are queues of few chunks, so that the model finds the next chunk ready and
//! nothing runs ahead of it. Every word is given one label, from the window in which it has most
//! context, and words are never split: an entity is a run of words.

mod batch;
mod chunk;
mod counts;
mod entity;
mod entity_json;
mod lossy;
mod passage;
mod predictor;
mod profile;
mod sentence_tagger;
mod session;
mod settings;
mod tagged;
mod windowed;

pub use counts::TaggedCounts;
pub use entity::TaggedEntity;
pub use entity_json::EntityJson;
pub use lossy::Lossy;
pub use passage::{Passages, RecordPlace, Tail, TextForm};
pub use predictor::{PredictError, PredictionSummary, Predictor, PredictorError};
pub use sentence_tagger::SentenceTagger;
pub use session::{SessionEvent, StepSize, TaggingSession};
pub use settings::{Documents, PredictSettings};
pub use tagged::TaggedSentence;
pub use windowed::WindowedSentences;
