//! A data folder checked against its manifest, every byte.

use std::path::Path;

use serde::Serialize;

use crate::data_error::DataError;
use crate::dataset::DataSet;
use crate::shard::Split;

/// The counts of what was checked and found right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Identity of the content.
    pub data_hash: String,
    /// Identity of the tokenizer.
    pub tokenizer_hash: String,
    /// Number of shards.
    pub shards: usize,
    /// Rows over both splits.
    pub examples: u64,
    /// The number of bytes hashed.
    pub bytes: u64,
    /// Whether the manifest has a hash of itself. Without, nobody can tell damage to what no shard
    /// says: how many documents there were, which files were read, how they were held out.
    pub is_sealed: bool,
}

/// Recomputes the hashes of all shards and of the tokenizer, looks at every row and counts them again.
///
/// `progress` is told the bytes done so far and how many there are.
pub fn verify(folder: &Path, mut progress: impl FnMut(u64, u64)) -> Result<Verified, DataError> {
    let data = DataSet::open(folder)?;
    let manifest = data.manifest();
    let bytes = manifest.shards.iter().map(|shard| shard.bytes).sum();
    data.verify_shards(|done| progress(done, bytes))?;
    Ok(Verified {
        data_hash: manifest.data_hash().to_owned(),
        tokenizer_hash: manifest.tokenizer.hash.clone(),
        shards: manifest.shards.len(),
        examples: Split::ALL.iter().map(|split| manifest.counts(*split).examples).sum(),
        bytes,
        is_sealed: manifest.seal.is_some(),
    })
}
