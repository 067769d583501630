//! A shard opened for reading: checked, mapped, rows by number.

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::{
    Example, HEADER_BYTES, Header, IdSlice, IdWidth, MAGIC, ROW_PREFIX_BYTES, RowShape, SHARD_VERSION,
    ShardRecord,
};
use crate::data_error::DataError;

/// One shard, mapped and ready for random access.
#[derive(Debug)]
pub struct Shard {
    path: PathBuf,
    map: Mmap,
    shape: RowShape,
    examples: u64,
}

impl Shard {
    /// Maps the shard that `record` describes, after checking its header and its length.
    pub fn open(
        folder: &Path,
        record: &ShardRecord,
        shape: RowShape,
        tokenizer: &str,
    ) -> Result<Self, DataError> {
        let path = folder.join(&record.file);
        let file = File::open(&path).map_err(DataError::reading(&path))?;
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
        if header.checksum != header.expected_checksum() {
            return Err(DataError::HeaderDamaged { path });
        }
        let tokenizer_found = blake3::Hash::from_bytes(header.tokenizer).to_hex().to_string();
        let agreement: [(&'static str, String, String); 6] = [
            ("examples", header.examples.to_string(), record.examples.to_string()),
            ("tokens", header.tokens.to_string(), record.tokens.to_string()),
            ("sequence length", header.seq_len.to_string(), shape.seq_len.to_string()),
            ("vocabulary size", header.vocab_size.to_string(), shape.vocab_size.to_string()),
            ("split", header.split.to_string(), record.split.index().to_string()),
            ("tokenizer", tokenizer_found, tokenizer.to_owned()),
        ];
        for (what, found, expected) in agreement {
            if found != expected {
                return Err(DataError::ShardMismatch { path, what, found, expected });
            }
        }
        let expected = HEADER_BYTES as u64 + record.examples * shape.row_bytes() as u64;
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

    /// Where the shard lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The row at `row`, borrowed from the map.
    ///
    /// A damaged length never leads out of the row; [`crate::verify`] finds the damage.
    pub fn get(&self, row: u64) -> Example<'_> {
        assert!(row < self.examples, "row {row} asked of a shard that holds {}", self.examples);
        let row_bytes = self.shape.row_bytes();
        let start = HEADER_BYTES + row as usize * row_bytes;
        let bytes = &self.map[start..start + row_bytes];
        let (length, segment_b_start) = row_prefix(bytes);
        let length = length.min(self.shape.seq_len);
        let ids = &bytes[ROW_PREFIX_BYTES..];
        let ids = match self.shape.id_width() {
            IdWidth::U16 => IdSlice::U16(&bytemuck::cast_slice(ids)[..length]),
            IdWidth::U32 => IdSlice::U32(&bytemuck::cast_slice(ids)[..length]),
        };
        Example { ids, segment_b_start }
    }

    /// Recomputes the hash of the file and looks at every row.
    pub fn verify(&self, record: &ShardRecord) -> Result<(), DataError> {
        let found = blake3::hash(&self.map).to_hex().to_string();
        if found != record.blake3 {
            return Err(DataError::ShardDamaged {
                path: self.path.clone(),
                found,
                expected: record.blake3.clone(),
            });
        }
        for row in 0..self.examples {
            let start = HEADER_BYTES + row as usize * self.shape.row_bytes();
            let (length, segment_b_start) = row_prefix(&self.map[start..]);
            let example = self.get(row);
            let largest = example.ids.iter().max().unwrap_or(0) as usize;
            let what = if length > self.shape.seq_len {
                format!("a length of {length} in rows of {}", self.shape.seq_len)
            } else if length == 0 || segment_b_start >= length {
                format!("a length of {length} with segment B at {segment_b_start}")
            } else if largest >= self.shape.vocab_size {
                format!("id {largest} with a vocabulary of {}", self.shape.vocab_size)
            } else {
                continue;
            };
            return Err(DataError::RowDamaged { path: self.path.clone(), row, what });
        }
        Ok(())
    }
}

fn row_prefix(row: &[u8]) -> (usize, usize) {
    let field = |at: usize| usize::from(u16::from_le_bytes([row[at], row[at + 1]]));
    (field(0), field(2))
}
