//! Text to token ids on disk: vocabulary, WordPiece, corpus, packing, shards.
//!
//! ```
//! use electra_text::{Tokenizer, Vocabulary};
//! use electra_text::wordpiece::{OffsetUnit, Settings};
//!
//! let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "electron", "##s", "spin"];
//! let vocabulary = Vocabulary::new(pieces.map(String::from).into(), "vocab.txt".as_ref())?;
//! let tokenizer = Tokenizer::new(vocabulary, Settings::UNCASED);
//! let encoding = tokenizer.encode("Electrons spin", OffsetUnit::Bytes, None);
//! let found: Vec<&str> = tokenizer.pieces(encoding.ids).collect();
//! assert_eq!(found, ["[CLS]", "electron", "##s", "spin", "[SEP]"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//! corpus ──► wordpiece ──► pack ──► shard ──► dataset
//! files      text to ids   rows     files     rows by number
//! ```
//!
//! | to | use |
//! |---|---|
//! | read documents of text, JSONL, Parquet files, compressed or not | [`corpus`] |
//! | train a vocabulary | [`wordpiece::train`] |
//! | encode, with offsets | [`Tokenizer`] |
//! | write the data of a pretraining, at once or in parts | [`build::build`], [`build::build_part`] |
//! | read its rows by number | [`DataSet`], [`Examples`] |
//! | look whether it is intact | [`verify`] |
//! | know what a vocabulary cannot write | [`Coverage`] |
//!
//! | feature | what it reads |
//! |---|---|
//! | `parquet` | `.parquet` files |
//!
//! # What it never does
//!
//! It knows no tensor, prints nothing, and opens no connection. What it writes is a function of the corpus,
//! the tokenizer and the settings: not of the machine, the time or the number of threads.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![warn(unreachable_pub)]

/// Version of how text becomes rows of word pieces and how rows are read again, raised with every change
/// that gives other rows or other hashes for the same text (`docs/decisions/0007`).
pub const READER_VERSION: u32 = 1;

pub mod build;
pub mod corpus;
pub mod coverage;
mod data_error;
pub mod dataset;
pub mod heldout;
pub mod inspect;
pub mod invisible;
pub mod lines;
pub mod manifest;
pub mod map_in_order;
pub mod near_duplicates;
pub mod pack;
mod read_once;
pub mod shard;
pub mod verify;
pub mod vocab;
pub mod warning;
pub mod wordpiece;

pub use coverage::Coverage;
pub use data_error::DataError;
pub use dataset::{DataSet, Examples};
pub use manifest::Manifest;
pub use shard::{Example, IdSlice, Split};
pub use vocab::{SpecialIds, Vocabulary};
pub use wordpiece::Tokenizer;
