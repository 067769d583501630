//! Text files to documents, as a stream in bounded memory.
//!
//! | file | documents |
//! |---|---|
//! | `.txt` | divided by blank lines, one per line or one per file; one paragraph a line |
//! | `.jsonl`, `.json`, `.ndjson` | one record a line, the text in one of its fields |
//! | `.parquet` | one row each, the text in one column (cargo feature `parquet`) |
//! | `.tar`, `.zip` | those of the files in it, by their names, in the order of the archive |
//!
//! Each but `.zip` may be compressed: `.txt.gz`, `.jsonl.zst`, `.tar.xz`, `.parquet.bz2` and so on. Of other names
//! [`ReadOptions::kind`] says what the files hold. Lines end as [`lines`](crate::lines)
//! says; a line in which nothing is seen is blank, and a byte order mark in front of one is no part of
//! it, as where files that begin with one were put together.

mod archive;
mod bomb;
mod compressed;
mod compression;
mod decoder;
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
mod standard_input;
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
pub use standard_input::StandardInput;
