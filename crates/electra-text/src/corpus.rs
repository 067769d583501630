//! Text files to documents, as a stream in bounded memory.
//!
//! | file | documents |
//! |---|---|
//! | `.txt` | divided by blank lines, one per line or one per file; one paragraph a line |
//! | `.jsonl` | one record a line, the text in one of its fields |
//! | `.parquet` | one row each, the text in one column (cargo feature `parquet`) |
//!
//! Each may be compressed: `.txt.gz`, `.jsonl.zst` and so on. Lines end as [`lines`](crate::lines)
//! says; a line in which nothing is seen is blank, and a byte order mark in front of one is no part of
//! it, as where files that begin with one were put together.

mod bomb;
mod compressed;
mod compression;
mod document;
mod document_reader;
mod error;
mod files;
mod jsonl;
mod limits;
mod lines;
#[cfg(feature = "parquet")]
mod parquet;
mod read_options;
mod read_progress;
mod signature;
mod skipped;
mod text;

pub use compressed::{Content, open_content, read_content};
pub use compression::Compression;
pub use document::Document;
pub use document_reader::DocumentReader;
pub use error::{CorpusError, ParquetRemedy};
pub use files::{FileKind, expand, total_bytes};
pub use jsonl::field as json_object;
pub use limits::{MAX_CONTENT_BYTES, MAX_DOCUMENT_BYTES};
pub use read_options::{DocumentsBy, ReadOptions};
pub use read_progress::{FileHash, ReadProgress};
pub use signature::Signature;
pub use skipped::Skipped;
