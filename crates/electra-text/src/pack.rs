//! Documents of ids to rows: `[CLS] A [SEP]`, and perhaps `B [SEP]`.

mod carry;
mod google;

use serde::{Deserialize, Serialize};

pub use carry::CarryPacker;
pub use google::{GoogleChoices, GooglePacker};

use crate::shard::{RowShape, Rows};
use crate::vocab::SpecialIds;

/// The shortest row that can be asked for: below it a pair of segments has no room.
pub const MIN_SEQ_LEN: usize = 8;

/// The longest row that can be asked for: far beyond any position table of ELECTRA.
pub const MAX_SEQ_LEN: usize = 8192;

/// The settings for packing documents into rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackSettings {
    /// Which rule cuts and joins.
    pub mode: PackMode,
    /// Ids a row has room for, `[CLS]` and `[SEP]` counted.
    pub seq_len: usize,
    /// Root of the random choices of [`PackMode::Google`]; `carry` makes none.
    pub seed: u64,
}

/// Which rule cuts and joins documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackMode {
    /// Every token is kept: see [`CarryPacker`].
    Carry,
    /// As `build_pretraining_dataset.py` of google-research/electra: see [`GooglePacker`].
    Google,
}

/// Packs the documents of a block, in order, into rows.
pub enum Packer {
    /// Keeps every token.
    Carry(CarryPacker),
    /// As the reference builder.
    Google(GooglePacker),
}

impl Packer {
    /// A packer at the beginning of a block.
    pub fn new(settings: PackSettings, shape: RowShape, special: SpecialIds) -> Self {
        let rows = Rows::new(shape);
        match settings.mode {
            PackMode::Carry => Packer::Carry(CarryPacker::new(rows, shape.seq_len, special)),
            PackMode::Google => {
                Packer::Google(GooglePacker::new(rows, shape.seq_len, special, settings.seed))
            }
        }
    }

    /// Adds one document: its ids, and where each of its lines ends in them. `identity` is the
    /// document's hash, from which its random choices follow.
    pub fn add_document(&mut self, ids: &[u32], line_ends: &[usize], identity: &blake3::Hash) {
        match self {
            Packer::Carry(packer) => packer.add_document(ids),
            Packer::Google(packer) => packer.add_document(ids, line_ends, identity),
        }
    }

    /// Ends the block and hands over its rows.
    pub fn finish(self) -> Rows {
        match self {
            Packer::Carry(packer) => packer.finish(),
            Packer::Google(packer) => packer.finish(),
        }
    }
}

#[cfg(test)]
mod test_rows {
    use super::*;

    pub(crate) const SPECIAL: SpecialIds = SpecialIds { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 };

    /// Ids in use and start of segment B of every row.
    pub(crate) fn decode(rows: &Rows, seq_len: usize) -> Vec<(Vec<u32>, usize)> {
        let field = |pair: &[u8]| usize::from(u16::from_le_bytes([pair[0], pair[1]]));
        rows.as_bytes()
            .chunks_exact(4 + 2 * seq_len)
            .map(|row| {
                let ids = row[4..].chunks_exact(2).take(field(row)).map(|id| field(id) as u32);
                (ids.collect(), field(&row[2..]))
            })
            .collect()
    }
}
