//! Rows to shards.

use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use electra_files::disk::DiskFile;

use super::{
    HEADER_BYTES, Header, MAGIC, RowShape, SHARD_VERSION, ShardRecord, Split, hash_file, shard_file_name,
};
use crate::data_error::DataError;

/// Writes the rows of one split as consecutive shards of equal size.
///
/// Where one shard ends and the next begins depends on the number of rows alone, so the same
/// rows give the same files however they were grouped on their way here.
pub struct ShardWriter {
    folder: PathBuf,
    split: Split,
    shape: RowShape,
    tokenizer: [u8; 32],
    open: Option<OpenShard>,
    finished: Vec<ShardRecord>,
}

struct OpenShard {
    path: PathBuf,
    file: BufWriter<DiskFile>,
    examples: u64,
    tokens: u64,
}

impl ShardWriter {
    /// A writer of `split` into `folder`; `tokenizer` is the hash of the tokenizer in use, in
    /// hexadecimal digits.
    pub fn new(folder: &Path, split: Split, shape: RowShape, tokenizer: &str) -> Self {
        let tokenizer = blake3::Hash::from_hex(tokenizer);
        let tokenizer = tokenizer.expect("a tokenizer's hash has 64 hexadecimal digits");
        ShardWriter {
            folder: folder.to_owned(),
            split,
            shape,
            tokenizer: *tokenizer.as_bytes(),
            open: None,
            finished: Vec::new(),
        }
    }

    /// Appends encoded rows, as [`super::Rows::as_bytes`] gives them.
    pub fn append(&mut self, mut rows: &[u8]) -> Result<(), DataError> {
        let row_bytes = self.shape.row_bytes();
        assert!(
            rows.len().is_multiple_of(row_bytes),
            "{} bytes are not whole rows of {row_bytes}",
            rows.len()
        );
        while !rows.is_empty() {
            let capacity = self.shape.rows_per_shard();
            let shard = match &mut self.open {
                Some(shard) => shard,
                None => self.open.insert(OpenShard::create(
                    self.folder.join(shard_file_name(self.split, self.finished.len() as u32)),
                )?),
            };
            let room = (capacity - shard.examples) as usize * row_bytes;
            let (now, later) = rows.split_at(room.min(rows.len()));
            shard.file.write_all(now).map_err(DataError::writing(&shard.path))?;
            for row in now.chunks_exact(row_bytes) {
                shard.examples += 1;
                shard.tokens += u64::from(u16::from_le_bytes([row[0], row[1]]));
            }
            let full = shard.examples == capacity;
            rows = later;
            if full {
                self.close_shard()?;
            }
        }
        Ok(())
    }

    /// Closes the last shard and tells what was written.
    pub fn finish(mut self) -> Result<Vec<ShardRecord>, DataError> {
        self.close_shard()?;
        Ok(self.finished)
    }

    fn close_shard(&mut self) -> Result<(), DataError> {
        let Some(OpenShard { path, file, examples, tokens }) = self.open.take() else {
            return Ok(());
        };
        let index = self.finished.len() as u32;
        let header = Header {
            magic: MAGIC,
            version: SHARD_VERSION,
            id_bytes: self.shape.id_width().bytes() as u32,
            seq_len: self.shape.seq_len as u32,
            vocab_size: self.shape.vocab_size as u32,
            split: self.split.index() as u32,
            index,
            examples,
            tokens,
            tokenizer: self.tokenizer,
            reserved: [0; 16],
            checksum: [0; 32],
        }
        .sealed();
        let seal = |file: BufWriter<DiskFile>| -> std::io::Result<()> {
            let mut file = file.into_inner().map_err(|error| error.into_error())?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(bytemuck::bytes_of(&header))?;
            file.sync()
        };
        seal(file).map_err(DataError::writing(&path))?;
        self.finished.push(ShardRecord {
            file: shard_file_name(self.split, index),
            split: self.split,
            examples,
            tokens,
            bytes: HEADER_BYTES as u64 + examples * self.shape.row_bytes() as u64,
            blake3: hash_file(&path)?.to_hex().to_string(),
        });
        Ok(())
    }
}

impl OpenShard {
    fn create(path: PathBuf) -> Result<Self, DataError> {
        let create = || -> std::io::Result<BufWriter<DiskFile>> {
            let mut file = BufWriter::with_capacity(1 << 20, DiskFile::create_new(&path)?);
            // The counts are known at the end only: room for the header now, the header then.
            file.write_all(&[0; HEADER_BYTES])?;
            Ok(file)
        };
        let file = create().map_err(DataError::writing(&path))?;
        Ok(OpenShard { path, file, examples: 0, tokens: 0 })
    }
}
