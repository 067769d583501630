//! Fixed-length rows of token ids in one memory-mapped file.
//!
//! A shard is a header of [`HEADER_BYTES`] followed by rows of equal size, little endian:
//!
//! | field | type | meaning |
//! |---|---|---|
//! | length | u16 | ids in use, `[CLS]` and `[SEP]` included |
//! | segment B | u16 | index of the first token of type 1, 0 = there is none |
//! | ids | `seq_len` x (u16 or u32) | zero behind the length; padding is the reader's business |
//!
//! Rows of equal size make random access one multiplication and one page, and let the length of
//! the file alone tell whether it was cut short.

mod reader;
mod row;
mod writer;

use std::path::Path;

use bytemuck::{Pod, Zeroable};
use electra_files::regular;
use serde::{Deserialize, Serialize};

pub use reader::Shard;
pub(crate) use row::RowCounts;
pub use row::{Example, IdSlice, Ids, Rows};
pub use writer::ShardWriter;

use crate::data_error::DataError;

#[cfg(not(target_endian = "little"))]
compile_error!("shards are little endian and are read in place");

/// Size of the header in front of the rows.
pub const HEADER_BYTES: usize = 128;

/// The layout written here and the newest that can be read.
pub const SHARD_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"ELECSHRD";
const ROW_PREFIX_BYTES: usize = 4;

/// Which side of the held-out split an example belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Examples to learn from.
    Train,
    /// Examples of documents that are never trained on.
    HeldOut,
}

impl Split {
    /// Both splits, in the order in which they are written.
    pub const ALL: [Split; 2] = [Split::Train, Split::HeldOut];

    /// The name used in file names and reports: `train` or `heldout`.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::HeldOut => "heldout",
        }
    }

    /// Position in [`Split::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// The width of an id on disk: two bytes when the vocabulary allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdWidth {
    /// Vocabularies of at most 65,536 pieces.
    U16,
    /// Larger vocabularies.
    U32,
}

impl IdWidth {
    /// The narrowest width that holds every id below `vocab_size`.
    pub fn for_vocabulary(vocab_size: usize) -> Self {
        if vocab_size <= 1 << 16 { IdWidth::U16 } else { IdWidth::U32 }
    }

    /// Bytes of one id: 2 or 4.
    pub fn bytes(self) -> usize {
        match self {
            IdWidth::U16 => 2,
            IdWidth::U32 => 4,
        }
    }
}

/// The shape of all rows of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowShape {
    /// Ids a row has room for.
    pub seq_len: usize,
    /// Pieces in the vocabulary; every id is below it.
    pub vocab_size: usize,
}

impl RowShape {
    /// Width of an id.
    pub fn id_width(self) -> IdWidth {
        IdWidth::for_vocabulary(self.vocab_size)
    }

    /// Bytes of one row on disk.
    pub fn row_bytes(self) -> usize {
        ROW_PREFIX_BYTES + self.seq_len * self.id_width().bytes()
    }

    /// Bytes of a shard of so many rows; none if there is no such number.
    pub fn shard_bytes(self, examples: u64) -> Option<u64> {
        examples.checked_mul(self.row_bytes() as u64)?.checked_add(HEADER_BYTES as u64)
    }

    /// More ids in use than so many rows have room for.
    pub(crate) fn check_tokens(self, tokens: u64, examples: u64) -> Result<(), String> {
        match examples.checked_mul(self.seq_len as u64) {
            Some(places) if tokens <= places => Ok(()),
            _ => Err(format!("{tokens} tokens in {examples} rows of {}", self.seq_len)),
        }
    }

    /// Rows in every shard but the last: as many as fit in 64 MiB.
    pub fn rows_per_shard(self) -> u64 {
        ((64 << 20) / self.row_bytes() as u64).max(1)
    }
}

/// The 128 bytes in front of the rows.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Header {
    magic: [u8; 8],
    version: u32,
    id_bytes: u32,
    seq_len: u32,
    vocab_size: u32,
    split: u32,
    index: u32,
    examples: u64,
    tokens: u64,
    tokenizer: [u8; 32],
    reserved: [u8; 16],
    /// blake3 of everything above.
    checksum: [u8; 32],
}

const _: () = assert!(size_of::<Header>() == HEADER_BYTES);

impl Header {
    fn sealed(mut self) -> Self {
        self.checksum = self.expected_checksum();
        self
    }

    fn expected_checksum(&self) -> [u8; 32] {
        *blake3::hash(&bytemuck::bytes_of(self)[..HEADER_BYTES - 32]).as_bytes()
    }
}

/// The record of one shard in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardRecord {
    /// File name inside the data folder.
    pub file: String,
    /// Which split its rows belong to.
    pub split: Split,
    /// Number of rows.
    pub examples: u64,
    /// Ids in use over all rows.
    pub tokens: u64,
    /// Size of the file.
    pub bytes: u64,
    /// blake3 of the whole file, as `b3sum` prints it.
    pub blake3: String,
}

/// File name of the `index`-th shard of a split, for example `train-00000.ids`.
pub fn shard_file_name(split: Split, index: u32) -> String {
    format!("{}-{index:05}.ids", split.name())
}

/// Whether a file is called as a shard is.
pub(crate) fn is_shard_file_name(name: &str) -> bool {
    let index =
        |split: Split| name.strip_prefix(split.name())?.strip_prefix('-')?.strip_suffix(".ids")?.parse().ok();
    Split::ALL
        .into_iter()
        .any(|split| index(split).is_some_and(|index| shard_file_name(split, index) == name))
}

/// blake3 of a file's content.
pub fn hash_file(path: &Path) -> Result<blake3::Hash, DataError> {
    let file = regular::open(path).map_err(DataError::reading(path))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(DataError::reading(path))?;
    Ok(hasher.finalize())
}
