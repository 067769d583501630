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

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytemuck::{Pod, Zeroable};
use memmap2::Mmap;
use serde::{Deserialize, Serialize};

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

/// How wide an id is on disk: two bytes when the vocabulary allows it.
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

/// What all rows of a data set have in common.
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

    /// Rows in every shard but the last: as many as fit in 64 MiB.
    pub fn rows_per_shard(self) -> u64 {
        ((64 << 20) / self.row_bytes() as u64).max(1)
    }
}

/// Token ids borrowed from a mapped shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdSlice<'a> {
    /// Two bytes an id.
    U16(&'a [u16]),
    /// Four bytes an id.
    U32(&'a [u32]),
}

impl<'a> IdSlice<'a> {
    /// Number of ids.
    pub fn len(&self) -> usize {
        match self {
            IdSlice::U16(ids) => ids.len(),
            IdSlice::U32(ids) => ids.len(),
        }
    }

    /// Whether there is no id.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id at `index`; panics past the end, as a slice does.
    pub fn at(&self, index: usize) -> u32 {
        match self {
            IdSlice::U16(ids) => u32::from(ids[index]),
            IdSlice::U32(ids) => ids[index],
        }
    }

    /// The ids in order.
    pub fn iter(&self) -> Ids<'a> {
        match *self {
            IdSlice::U16(ids) => Ids::U16(ids.iter()),
            IdSlice::U32(ids) => Ids::U32(ids.iter()),
        }
    }

    /// The ids as an owned vector.
    pub fn to_vec(&self) -> Vec<u32> {
        self.iter().collect()
    }
}

impl<'a> IntoIterator for IdSlice<'a> {
    type Item = u32;
    type IntoIter = Ids<'a>;

    fn into_iter(self) -> Ids<'a> {
        self.iter()
    }
}

/// Iterator over an [`IdSlice`].
#[derive(Clone, Debug)]
pub enum Ids<'a> {
    /// Two bytes an id.
    U16(std::slice::Iter<'a, u16>),
    /// Four bytes an id.
    U32(std::slice::Iter<'a, u32>),
}

impl Iterator for Ids<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self {
            Ids::U16(ids) => ids.next().map(|&id| u32::from(id)),
            Ids::U32(ids) => ids.next().copied(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Ids::U16(ids) => ids.size_hint(),
            Ids::U32(ids) => ids.size_hint(),
        }
    }
}

impl ExactSizeIterator for Ids<'_> {}

/// One row: `[CLS] A [SEP]`, and perhaps `B [SEP]`, without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example<'a> {
    /// The ids in use, `[CLS]` and `[SEP]` included; never longer than the row.
    pub ids: IdSlice<'a>,
    /// Index of the first token of type 1; 0 = all tokens are of type 0.
    pub segment_b_start: usize,
}

impl Example<'_> {
    /// Token type (0 or 1) of the token at `index`.
    pub fn token_type(&self, index: usize) -> u32 {
        u32::from(self.segment_b_start != 0 && index >= self.segment_b_start)
    }
}

/// Encoded rows in memory, on their way to a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    shape: RowShape,
    bytes: Vec<u8>,
    examples: u64,
    tokens: u64,
}

impl Rows {
    /// No rows yet.
    pub fn new(shape: RowShape) -> Self {
        assert!(
            (1..=usize::from(u16::MAX)).contains(&shape.seq_len),
            "a row of {} ids does not fit the length field",
            shape.seq_len
        );
        Rows { shape, bytes: Vec::new(), examples: 0, tokens: 0 }
    }

    /// Appends one row.
    pub fn push(&mut self, ids: &[u32], segment_b_start: usize) {
        assert!(
            ids.len() <= self.shape.seq_len && segment_b_start < ids.len().max(1),
            "row of {} ids with segment B at {segment_b_start}, room for {}",
            ids.len(),
            self.shape.seq_len
        );
        let end = self.bytes.len() + self.shape.row_bytes();
        self.bytes.reserve(self.shape.row_bytes());
        self.bytes.extend((ids.len() as u16).to_le_bytes());
        self.bytes.extend((segment_b_start as u16).to_le_bytes());
        match self.shape.id_width() {
            IdWidth::U16 => self.bytes.extend(ids.iter().flat_map(|&id| (id as u16).to_le_bytes())),
            IdWidth::U32 => self.bytes.extend(ids.iter().flat_map(|&id| id.to_le_bytes())),
        }
        self.bytes.resize(end, 0);
        self.examples += 1;
        self.tokens += ids.len() as u64;
    }

    /// Number of rows.
    pub fn len(&self) -> u64 {
        self.examples
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.examples == 0
    }

    /// Ids in use over all rows.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// The rows as they stand on disk.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
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

/// What the manifest says about one shard.
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
    file: BufWriter<File>,
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

    /// Appends encoded rows, as [`Rows::as_bytes`] gives them.
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
        let seal = |file: BufWriter<File>| -> std::io::Result<()> {
            let mut file = file.into_inner().map_err(|error| error.into_error())?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(bytemuck::bytes_of(&header))?;
            file.sync_all()
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
        let create = || -> std::io::Result<BufWriter<File>> {
            let mut file = BufWriter::with_capacity(1 << 20, File::create_new(&path)?);
            // The counts are known at the end only: room for the header now, the header then.
            file.write_all(&[0; HEADER_BYTES])?;
            Ok(file)
        };
        let file = create().map_err(DataError::writing(&path))?;
        Ok(OpenShard { path, file, examples: 0, tokens: 0 })
    }
}

/// blake3 of a file's content.
pub fn hash_file(path: &Path) -> Result<blake3::Hash, DataError> {
    let file = File::open(path).map_err(DataError::reading(path))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(DataError::reading(path))?;
    Ok(hasher.finalize())
}

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
