//! A finished data folder, opened for reading: the examples of both splits by number.

use std::path::{Path, PathBuf};

use crate::data_error::DataError;
use crate::manifest::Manifest;
use crate::shard::{Example, Shard, Split};

/// An open data folder. Cheap to open (headers and lengths are checked, contents are mapped),
/// shared freely between threads.
#[derive(Debug)]
pub struct DataSet {
    folder: PathBuf,
    manifest: Manifest,
    train: Examples,
    heldout: Examples,
}

impl DataSet {
    /// Opens the folder that `electra data build` or `electra data merge` wrote.
    ///
    /// Checks the manifest against itself, and every shard's header and length against the
    /// manifest. [`DataSet::verify_shards`] checks the contents too.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, DataError> {
        let folder = folder.as_ref();
        let manifest = Manifest::read(folder)?;
        let train = Examples::open(folder, &manifest, Split::Train)?;
        let heldout = Examples::open(folder, &manifest, Split::HeldOut)?;
        Ok(DataSet { folder: folder.to_owned(), manifest, train, heldout })
    }

    /// What the folder says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folder of the tokenizer that made the ids.
    pub fn tokenizer_folder(&self) -> PathBuf {
        self.folder.join(crate::manifest::TOKENIZER_FOLDER)
    }

    /// The examples of one split.
    pub fn split(&self, split: Split) -> &Examples {
        match split {
            Split::Train => &self.train,
            Split::HeldOut => &self.heldout,
        }
    }

    /// Refuses a tokenizer other than the one the shards were built with.
    pub fn check_tokenizer(&self, tokenizer: &crate::wordpiece::Tokenizer) -> Result<(), DataError> {
        self.check_tokenizer_hash(&tokenizer.hash().to_hex())
    }

    /// [`DataSet::check_tokenizer`] with the hash alone, as a run folder records it.
    pub fn check_tokenizer_hash(&self, found: &str) -> Result<(), DataError> {
        let expected = &self.manifest.tokenizer.hash;
        if found == expected {
            return Ok(());
        }
        Err(DataError::OtherTokenizer {
            folder: self.folder.clone(),
            found: found.to_owned(),
            expected: expected.clone(),
        })
    }

    /// Recomputes the hash of every shard and looks at every row; `progress` is told the bytes
    /// done after each shard.
    pub fn verify_shards(&self, mut progress: impl FnMut(u64)) -> Result<(), DataError> {
        let mut done = 0;
        for split in Split::ALL {
            for (shard, record) in self.split(split).shards.iter().zip(self.manifest.shards(split)) {
                shard.verify(record)?;
                done += record.bytes;
                progress(done);
            }
        }
        Ok(())
    }
}

/// The examples of one split, numbered from 0 through all shards.
#[derive(Debug)]
pub struct Examples {
    shards: Vec<Shard>,
    rows_per_shard: u64,
    len: u64,
}

impl Examples {
    fn open(folder: &Path, manifest: &Manifest, split: Split) -> Result<Self, DataError> {
        let shape = manifest.row_shape();
        let records: Vec<_> = manifest.shards(split).collect();
        let rows_per_shard = manifest.rows_per_shard;
        let contradiction = |what: String| DataError::ManifestDamaged {
            path: folder.join(crate::manifest::MANIFEST_FILE),
            what,
        };
        for (index, record) in records.iter().enumerate() {
            let is_last = index + 1 == records.len();
            let full = record.examples == rows_per_shard;
            if !(full || is_last && (1..rows_per_shard).contains(&record.examples)) {
                return Err(contradiction(format!(
                    "{} holds {} rows where shards hold {rows_per_shard}",
                    record.file, record.examples
                )));
            }
        }
        let len = records.iter().map(|record| record.examples).sum();
        let expected = manifest.counts(split).examples;
        if len != expected {
            return Err(contradiction(format!(
                "it counts {expected} {} examples, its shards hold {len}",
                split.name()
            )));
        }
        let shards = records
            .iter()
            .map(|record| Shard::open(folder, record, shape, &manifest.tokenizer.hash))
            .collect::<Result<_, _>>()?;
        Ok(Examples { shards, rows_per_shard, len })
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The example numbered `index`, borrowed from its shard; panics past the end.
    pub fn get(&self, index: usize) -> Example<'_> {
        let index = index as u64;
        assert!(index < self.len, "example {index} asked of a split that holds {}", self.len);
        self.shards[(index / self.rows_per_shard) as usize].get(index % self.rows_per_shard)
    }

    /// All examples in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Example<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }
}
