//! A shard opened for reading: checked, mapped, rows by number.

use std::path::{Path, PathBuf};

use electra_files::regular;
use memmap2::Mmap;

use super::row::{RowCounts, row_prefix};
use super::{
    Example, HEADER_BYTES, Header, IdSlice, IdWidth, MAGIC, ROW_PREFIX_BYTES, RowShape, SHARD_VERSION,
    ShardRecord,
};
use crate::data_error::DataError;
use crate::vocab::SpecialIds;

/// One shard, mapped and ready for random access.
#[derive(Debug)]
pub struct Shard {
    path: PathBuf,
    map: Mmap,
    shape: RowShape,
    examples: u64,
}

impl Shard {
    /// Maps the shard that `record` describes, the one numbered `index` of its split, after checking
    /// its header and its length.
    pub fn open(
        folder: &Path,
        record: &ShardRecord,
        index: u32,
        shape: RowShape,
        tokenizer: &str,
    ) -> Result<Self, DataError> {
        let path = folder.join(&record.file);
        let file = regular::open(&path).map_err(DataError::reading(&path))?;
        let found = file.metadata().map_err(DataError::reading(&path))?.len();
        if found != record.bytes {
            return Err(DataError::ShardLength { path, found, expected: record.bytes });
        }
        if found < HEADER_BYTES as u64 {
            return Err(DataError::NotAShard { path });
        }
        // SAFETY: the file is only read here. Whoever changes it while it is mapped changes the
        // ids that are read, which are checked against nothing but their bounds anyway; cutting
        // it short meanwhile ends the process with a bus error, as for every mapped file.
        let map = unsafe { Mmap::map(&file) }.map_err(DataError::reading(&path))?;
        let header: &Header = bytemuck::from_bytes(&map[..HEADER_BYTES]);
        if header.magic != MAGIC {
            return Err(DataError::NotAShard { path });
        }
        if header.version > SHARD_VERSION {
            return Err(DataError::ShardVersion { path, found: header.version, supported: SHARD_VERSION });
        }
        if header.version == 0 || header.checksum != header.expected_checksum() {
            return Err(DataError::HeaderDamaged { path });
        }
        let tokenizer_found = blake3::Hash::from_bytes(header.tokenizer).to_hex().to_string();
        let agreement: [(&'static str, String, String); 7] = [
            ("examples", header.examples.to_string(), record.examples.to_string()),
            ("tokens", header.tokens.to_string(), record.tokens.to_string()),
            ("sequence length", header.seq_len.to_string(), shape.seq_len.to_string()),
            ("vocabulary size", header.vocab_size.to_string(), shape.vocab_size.to_string()),
            ("split", header.split.to_string(), record.split.index().to_string()),
            ("index", header.index.to_string(), index.to_string()),
            ("tokenizer", tokenizer_found, tokenizer.to_owned()),
        ];
        for (what, found, expected) in agreement {
            if found != expected {
                return Err(DataError::ShardMismatch { path, what, found, expected });
            }
        }
        let expected = shape.shard_bytes(record.examples).unwrap_or(u64::MAX);
        if found != expected || header.id_bytes as usize != shape.id_width().bytes() {
            return Err(DataError::ShardLength { path, found, expected });
        }
        Ok(Shard { path, examples: record.examples, map, shape })
    }

    /// Number of rows.
    pub fn len(&self) -> u64 {
        self.examples
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.examples == 0
    }

    /// The path of the shard.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The row at `row`, borrowed from the map.
    ///
    /// A damaged length never leads out of the row; [`crate::verify`] finds the damage.
    pub fn get(&self, row: u64) -> Example<'_> {
        let bytes = self.row(row);
        let (length, segment_b_start) = row_prefix(bytes);
        let length = length.min(self.shape.seq_len);
        let ids = &bytes[ROW_PREFIX_BYTES..];
        let ids = match self.shape.id_width() {
            IdWidth::U16 => IdSlice::U16(&bytemuck::cast_slice(ids)[..length]),
            IdWidth::U32 => IdSlice::U32(&bytemuck::cast_slice(ids)[..length]),
        };
        Example { ids, segment_b_start }
    }

    /// The row at `row`, if a builder can have written it.
    pub(crate) fn get_checked(&self, row: u64, special: SpecialIds) -> Result<Example<'_>, DataError> {
        self.count(row, special)?;
        Ok(self.get(row))
    }

    fn count(&self, row: u64, special: SpecialIds) -> Result<RowCounts, DataError> {
        let counts = RowCounts::of(self.row(row), self.shape, special);
        counts.map_err(|what| DataError::RowDamaged { path: self.path.clone(), row, what })
    }

    fn row(&self, row: u64) -> &[u8] {
        assert!(row < self.examples, "row {row} asked of a shard that holds {}", self.examples);
        let row_bytes = self.shape.row_bytes();
        let start = HEADER_BYTES + row as usize * row_bytes;
        &self.map[start..start + row_bytes]
    }

    /// Recomputes the hash of the file, looks at every row and counts what they hold.
    pub(crate) fn verify(&self, record: &ShardRecord, special: SpecialIds) -> Result<RowCounts, DataError> {
        let found = blake3::hash(&self.map).to_hex().to_string();
        if found != record.blake3 {
            return Err(DataError::ShardDamaged {
                path: self.path.clone(),
                found,
                expected: record.blake3.clone(),
            });
        }
        let mut counts = RowCounts::default();
        for row in 0..self.examples {
            counts.add(self.count(row, special)?);
        }
        if counts.tokens != record.tokens {
            let (found, expected) = (counts.tokens.to_string(), record.tokens.to_string());
            let what = "number of tokens";
            return Err(DataError::ShardMismatch { path: self.path.clone(), what, found, expected });
        }
        Ok(counts)
    }
}
