//! A finished data folder, opened for reading: the examples of both splits by number.

use std::path::{Path, PathBuf};

use crate::data_error::DataError;
use crate::manifest::{MANIFEST_FILE, Manifest, TOKENIZER_FOLDER};
use crate::pack::PackMode;
use crate::shard::{Example, RowCounts, Shard, Split};
use crate::vocab::SpecialIds;
use crate::wordpiece::Tokenizer;

/// An open data folder. Cheap to open (headers and lengths are checked, contents are mapped),
/// shared freely between threads.
#[derive(Debug)]
pub struct DataSet {
    folder: PathBuf,
    manifest: Manifest,
    tokenizer: Tokenizer,
    train: Examples,
    heldout: Examples,
}

impl DataSet {
    /// Opens the folder that `electra data build` or `electra data merge` wrote.
    ///
    /// Checks the manifest against itself, the tokenizer and every shard's header and length against
    /// the manifest. [`DataSet::verify_shards`] checks the contents too.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, DataError> {
        let folder = folder.as_ref();
        let manifest = Manifest::read(folder)?;
        let tokenizer = Tokenizer::load_saved(&folder.join(TOKENIZER_FOLDER))?;
        let (found, expected) = (tokenizer.hash().to_hex().to_string(), &manifest.tokenizer.hash);
        if found != *expected {
            let (folder, expected) = (folder.to_owned(), expected.clone());
            return Err(DataError::OtherTokenizer { folder, found, expected });
        }
        let path = folder.join(MANIFEST_FILE);
        let damaged = |what| DataError::ManifestDamaged { path, what };
        manifest.tokenizer.check_against(&tokenizer).map_err(damaged)?;
        let train = Examples::open(folder, &manifest, Split::Train)?;
        let heldout = Examples::open(folder, &manifest, Split::HeldOut)?;
        Ok(DataSet { folder: folder.to_owned(), manifest, tokenizer, train, heldout })
    }

    /// The manifest of the data folder.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The path of the data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folder of the tokenizer that made the ids.
    pub fn tokenizer_folder(&self) -> PathBuf {
        self.folder.join(TOKENIZER_FOLDER)
    }

    /// The tokenizer that made the ids.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The examples of one split.
    pub fn split(&self, split: Split) -> &Examples {
        match split {
            Split::Train => &self.train,
            Split::HeldOut => &self.heldout,
        }
    }

    /// Refuses a tokenizer other than the one the shards were built with.
    pub fn check_tokenizer(&self, tokenizer: &Tokenizer) -> Result<(), DataError> {
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

    /// Recomputes the hash of every shard, looks at every row and counts what they hold; `progress`
    /// is told the bytes done after each shard.
    pub fn verify_shards(&self, mut progress: impl FnMut(u64)) -> Result<(), DataError> {
        let mut done = 0;
        for split in Split::ALL {
            let mut counts = RowCounts::default();
            for (shard, record) in self.split(split).shards.iter().zip(self.manifest.shards(split)) {
                counts.add(shard.verify(record, self.manifest.tokenizer.special)?);
                done += record.bytes;
                progress(done);
            }
            self.check_counts(split, counts)?;
        }
        Ok(())
    }

    /// Refuses counts of the manifest that its rows do not have.
    fn check_counts(&self, split: Split, found: RowCounts) -> Result<(), DataError> {
        let said = self.manifest.counts(split);
        let counts = [
            ("tokens of text", said.text_tokens, found.text_tokens),
            ("unknown tokens", said.unknown, found.unknown),
        ];
        // One rule keeps every token, the other loses some.
        let agrees = |said: u64, found: u64| match self.manifest.settings.pack.mode {
            PackMode::Carry => said == found,
            PackMode::Google => said >= found,
        };
        match counts.into_iter().find(|(_, said, found)| !agrees(*said, *found)) {
            None => Ok(()),
            Some((what, said, found)) => Err(DataError::ManifestDamaged {
                path: self.folder.join(MANIFEST_FILE),
                what: format!("it counts {said} {what} in the {} split, its rows hold {found}", split.name()),
            }),
        }
    }
}

/// The examples of one split, numbered from 0 through all shards.
#[derive(Debug)]
pub struct Examples {
    shards: Vec<Shard>,
    rows_per_shard: u64,
    len: u64,
    special: SpecialIds,
}

impl Examples {
    fn open(folder: &Path, manifest: &Manifest, split: Split) -> Result<Self, DataError> {
        let (shape, tokenizer) = (manifest.row_shape(), &manifest.tokenizer);
        let shards = manifest
            .shards(split)
            .zip(0..)
            .map(|(record, index)| Shard::open(folder, record, index, shape, &tokenizer.hash))
            .collect::<Result<_, _>>()?;
        let (rows_per_shard, len) = (manifest.rows_per_shard, manifest.counts(split).examples);
        Ok(Examples { shards, rows_per_shard, len, special: tokenizer.special })
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
    ///
    /// Of a damaged row it has some length that fits, and any ids: for who reads them as they are.
    pub fn get(&self, index: usize) -> Example<'_> {
        let (shard, row) = self.place(index);
        shard.get(row)
    }

    /// The example at `index`, as [`Self::get`] gives it, where a row that no builder writes is an error: for
    /// callers that look its ids up in tables.
    pub fn get_checked(&self, index: usize) -> Result<Example<'_>, DataError> {
        let (shard, row) = self.place(index);
        shard.get_checked(row, self.special)
    }

    fn place(&self, index: usize) -> (&Shard, u64) {
        let index = index as u64;
        assert!(index < self.len, "example {index} asked of a split that holds {}", self.len);
        (&self.shards[(index / self.rows_per_shard) as usize], index % self.rows_per_shard)
    }

    /// All examples in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Example<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }
}
