//! One row: in memory on its way to a shard, and borrowed from one.

use super::{IdWidth, ROW_PREFIX_BYTES, RowShape};
use crate::vocab::SpecialIds;

/// Token ids borrowed from a mapped shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdSlice<'a> {
    /// Two bytes an id.
    U16(&'a [u16]),
    /// Four bytes an id.
    U32(&'a [u32]),
}

impl<'a> IdSlice<'a> {
    /// The number of ids in the slice.
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

/// The counts of tokens in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowCounts {
    /// The number of ids that are not padding.
    pub tokens: u64,
    /// The number of tokens that are text: neither `[CLS]` nor `[SEP]`.
    pub text_tokens: u64,
    /// The number of text tokens that are `[UNK]`.
    pub unknown: u64,
}

impl RowCounts {
    /// Counts the row that lies in `bytes`.
    ///
    /// # Errors
    /// What is in it that no builder writes.
    pub(crate) fn of(bytes: &[u8], shape: RowShape, special: SpecialIds) -> Result<Self, String> {
        let (length, segment_b_start) = row_prefix(bytes);
        if length > shape.seq_len {
            return Err(format!("a length of {length} in rows of {}", shape.seq_len));
        }
        if length == 0 || segment_b_start >= length {
            return Err(format!("a length of {length} with segment B at {segment_b_start}"));
        }
        let width = shape.id_width().bytes();
        let ids = bytes[ROW_PREFIX_BYTES..].chunks_exact(width).take(length);
        let mut counts = RowCounts::default();
        let mut last = None;
        for id in ids {
            let id = match *id {
                [a, b] => u32::from(u16::from_le_bytes([a, b])),
                [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
                _ => panic!("an id of {width} bytes"),
            };
            if id as usize >= shape.vocab_size {
                return Err(format!("id {id} with a vocabulary of {}", shape.vocab_size));
            }
            if last.is_none() && id != special.cls {
                return Err(format!("id {id} in front, where [CLS] is {}", special.cls));
            }
            let is_text = id != special.cls && id != special.sep;
            counts.tokens += 1;
            counts.text_tokens += u64::from(is_text);
            counts.unknown += u64::from(is_text && id == special.unk);
            last = Some(id);
        }
        match last {
            Some(id) if id != special.sep => {
                Err(format!("id {id} at the end, where [SEP] is {}", special.sep))
            }
            _ => Ok(counts),
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.text_tokens += other.text_tokens;
        self.unknown += other.unknown;
    }
}

/// Length and start of segment B of a row.
pub(super) fn row_prefix(row: &[u8]) -> (usize, usize) {
    let field = |at: usize| usize::from(u16::from_le_bytes([row[at], row[at + 1]]));
    (field(0), field(2))
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
    /// An empty collection of rows of this shape.
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
