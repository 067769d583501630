//! Text to ids on disk: vocabulary, WordPiece, corpus, packing, shards.
//!
//! ```text
//! corpus ──► wordpiece ──► pack ──► shard ──► dataset
//! files      text to ids   rows     files     rows by number
//! ```
//!
//! Nothing here knows a tensor. Everything that is written is a function of the corpus, the
//! tokenizer and the settings: not of the machine, the time or the number of threads.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

/// Version of how text becomes rows of word pieces and how rows are read again, raised with every change
/// that gives other rows or other hashes for the same text (`docs/decisions/0007`).
pub const READER_VERSION: u32 = 1;

pub mod build;
pub mod concern;
pub mod corpus;
pub mod coverage;
mod data_error;
pub mod dataset;
pub mod heldout;
pub mod in_order;
pub mod inspect;
pub mod invisible;
pub mod lines;
pub mod manifest;
mod once;
pub mod pack;
pub mod shard;
pub mod verify;
pub mod vocab;
pub mod wordpiece;

pub use coverage::Coverage;
pub use data_error::DataError;
pub use dataset::{DataSet, Examples};
pub use manifest::Manifest;
pub use shard::{Example, IdSlice, Split};
pub use vocab::{SpecialIds, Vocabulary};
pub use wordpiece::Tokenizer;
