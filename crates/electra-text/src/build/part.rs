//! Parts of a data folder, built apart.
//!
//! A part is a folder with the rows of its blocks, one file per split in the order of the blocks,
//! and `part.json`, which says how many rows each block has.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use electra_files::disk::DiskFile;
use electra_files::staged::NewFolder;

use super::BuildError;
use super::blocks::PackedBlock;
use super::data_writer::save_tokenizer;
use super::recipe::{CorpusRecord, Recipe};
use crate::corpus::Skipped;
use crate::data_error::DataError;
use crate::manifest::{
    DataSettings, InputRecord, MANIFEST_FORMAT, MAX_MANIFEST_BYTES, SplitCounts, TokenizerRecord,
    check_corpus_counts, check_seal, is_zero, seal_of,
};
use crate::near_duplicates::DuplicateCounts;
use crate::read_once;
use crate::shard::{RowShape, Split, hash_file};

/// File name of a part's description.
pub const PART_FILE: &str = "part.json";

/// The largest count of a block that is believed: a block is a few megabytes of text and no more than
/// one document beyond.
const MAX_BLOCK_COUNT: u64 = 1 << 39;

/// Blocks of a corpus that are believed: so many are 64 terabytes. No sum over them is too large.
const MAX_BLOCKS: u64 = 1 << 24;

/// Which blocks a part takes: those whose number leaves `number - 1` when divided by `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedPart")]
pub struct Part {
    /// The number of the part, from 1.
    pub number: u32,
    /// The total number of parts.
    pub of: u32,
}

/// A part as a file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UncheckedPart {
    number: u32,
    of: u32,
}

impl TryFrom<UncheckedPart> for Part {
    type Error = String;

    fn try_from(UncheckedPart { number, of }: UncheckedPart) -> Result<Self, String> {
        match (1..=of).contains(&number) {
            true => Ok(Part { number, of }),
            false => Err(format!("part {number} of {of}, expected a number from 1 to that of the parts")),
        }
    }
}

impl Part {
    /// The whole corpus as its only part.
    pub(super) const WHOLE: Part = Part { number: 1, of: 1 };

    /// Whether the block numbered `index` (from 0) belongs to this part.
    pub fn owns(self, index: u64) -> bool {
        index % u64::from(self.of) == u64::from(self.number - 1)
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl std::str::FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let part = text
            .split_once('/')
            .and_then(|(number, of)| Some(Part { number: number.parse().ok()?, of: of.parse().ok()? }));
        match part {
            Some(part) if (1..=part.of).contains(&part.number) => Ok(part),
            _ => Err(format!("{text:?} is no part: expected i/n with i from 1 to n, for example 2/4")),
        }
    }
}

/// The manifest of a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartManifest {
    /// Layout of this file, [`MANIFEST_FORMAT`].
    pub format: u32,
    /// The number of this part among all.
    pub part: Part,
    /// The settings by which the corpus became rows.
    pub settings: DataSettings,
    /// The record of the tokenizer that turned text into ids.
    pub tokenizer: TokenizerRecord,
    /// The files of the whole corpus.
    pub inputs: Vec<InputRecord>,
    /// Sequences of bytes in the whole corpus that were not UTF-8, and halves of characters, that
    /// were replaced.
    pub replaced: u64,
    /// Records of the whole corpus that were passed over.
    #[serde(default, skip_serializing_if = "Skipped::is_empty")]
    pub skipped: Skipped,
    /// The part's blocks, in order.
    pub blocks: Vec<BlockRecord>,
    /// blake3 of the rows of each split.
    pub rows: [String; 2],
    /// Hash of everything above, so that damage to any of it is noticed. Format 1 lacks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}

/// One block of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockRecord {
    /// Number of the block in the whole corpus, from 0.
    pub index: u64,
    /// Sums of the training split.
    pub train: SplitCounts,
    /// Sums of the held-out split.
    pub heldout: SplitCounts,
    /// Documents left out because the held-out files have them too.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// Documents left out because they nearly repeat an earlier one.
    #[serde(default, skip_serializing_if = "DuplicateCounts::is_empty")]
    pub duplicates: DuplicateCounts,
}

impl BlockRecord {
    pub(super) fn counts(&self, split: Split) -> &SplitCounts {
        match split {
            Split::Train => &self.train,
            Split::HeldOut => &self.heldout,
        }
    }
}

impl PartManifest {
    /// Reads `part.json` of a part.
    pub fn read(folder: &Path) -> Result<Self, BuildError> {
        let path = folder.join(PART_FILE);
        let text = match read_once::read_regular(&path, MAX_MANIFEST_BYTES).and_then(read_once::utf8) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(BuildError::NotAPart { path: folder.to_owned() });
            }
            other => other.map_err(DataError::reading(&path))?,
        };
        let damaged = |what: String| BuildError::PartDamaged { path: path.clone(), what };
        let part: PartManifest = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if part.format > MANIFEST_FORMAT {
            let supported = MANIFEST_FORMAT;
            return Err(DataError::ManifestVersion { path, found: part.format, supported }.into());
        }
        check_seal(part.format, part.seal.as_ref(), &part.expected_seal()).map_err(damaged)?;
        part.check().map_err(damaged)?;
        Ok(part)
    }

    /// This manifest with its seal, the hash of its content.
    pub fn sealed(mut self) -> Self {
        self.seal = Some(self.expected_seal());
        self
    }

    fn expected_seal(&self) -> String {
        seal_of(&PartManifest { seal: None, ..self.clone() })
    }

    /// Checks the values that can be judged from the manifest alone.
    fn check(&self) -> Result<(), String> {
        if self.format == 0 {
            return Err("its format is 0, expected at least 1".into());
        }
        self.settings.check()?;
        self.tokenizer.check()?;
        let bytes = self.inputs.iter().try_fold(0u64, |sum, input| sum.checked_add(input.bytes));
        check_corpus_counts(bytes, self.replaced, &self.skipped, 0)?;
        let map_in_order = self.blocks.windows(2).all(|pair| pair[0].index < pair[1].index);
        if !map_in_order || !self.blocks.iter().all(|block| self.part.owns(block.index)) {
            return Err(format!("its blocks are not those of part {}", self.part));
        }
        let shape = self.shape();
        for block in &self.blocks {
            let of_block = |what| format!("block {}: {what}", block.index);
            let duplicates = block.duplicates.documents.max(block.duplicates.text_bytes);
            if duplicates > MAX_BLOCK_COUNT {
                return Err(of_block(format!("its duplicates, {duplicates}, are more than any")));
            }
            if block.index >= MAX_BLOCKS || block.left_out > MAX_BLOCK_COUNT {
                let left_out = block.left_out;
                return Err(of_block(format!("its number or left_out, {left_out}, is larger than any")));
            }
            for counts in Split::ALL.map(|split| block.counts(split)) {
                counts.check(MAX_BLOCK_COUNT).map_err(of_block)?;
                let bytes = counts.examples.checked_mul(shape.row_bytes() as u64);
                bytes.ok_or_else(|| of_block(format!("{} examples are too many", counts.examples)))?;
                shape.check_tokens(counts.tokens, counts.examples).map_err(of_block)?;
            }
        }
        Ok(())
    }

    /// Whether the rows are those that were written.
    pub(super) fn is_intact(&self, folder: &Path) -> bool {
        Split::ALL.iter().all(|split| {
            let path = rows_file(folder, *split);
            let length = self.counts(*split).examples.checked_mul(self.shape().row_bytes() as u64);
            // Before it is read: a file with a hole has any length.
            path.metadata().is_ok_and(|there| Some(there.len()) == length)
                && hash_file(&path).is_ok_and(|hash| hash.to_hex().as_str() == self.rows[split.index()])
        })
    }

    pub(super) fn shape(&self) -> RowShape {
        RowShape { seq_len: self.settings.pack.seq_len, vocab_size: self.tokenizer.vocab_size }
    }

    /// Documents that this part left out because the held-out files have them too.
    pub fn left_out(&self) -> u64 {
        self.blocks.iter().map(|block| block.left_out).sum()
    }

    /// Documents that this part left out because they nearly repeat an earlier one.
    pub fn duplicates(&self) -> DuplicateCounts {
        let mut sum = DuplicateCounts::default();
        self.blocks.iter().for_each(|block| sum.add(&block.duplicates));
        sum
    }

    /// Sums over the blocks of this part.
    pub fn counts(&self, split: Split) -> SplitCounts {
        let mut sum = SplitCounts::default();
        self.blocks.iter().for_each(|block| sum.add(block.counts(split)));
        sum
    }
}

pub(super) fn rows_file(folder: &Path, split: Split) -> PathBuf {
    folder.join(format!("{}.rows", split.name()))
}

/// Writes the blocks of a part.
pub(super) struct PartWriter {
    folder: PathBuf,
    files: [BufWriter<DiskFile>; 2],
    hashers: [blake3::Hasher; 2],
    blocks: Vec<BlockRecord>,
}

impl PartWriter {
    pub(super) fn new(folder: &Path) -> Result<Self, BuildError> {
        let create = |split| {
            let path = rows_file(folder, split);
            let file = DiskFile::create_new(&path).map_err(DataError::writing(&path))?;
            Ok::<_, DataError>(BufWriter::with_capacity(1 << 20, file))
        };
        let [train, heldout] = Split::ALL.map(create);
        let files = [train?, heldout?];
        Ok(PartWriter { folder: folder.to_owned(), files, hashers: Default::default(), blocks: Vec::new() })
    }

    pub(super) fn append(&mut self, block: &PackedBlock) -> Result<(), BuildError> {
        for split in Split::ALL {
            let rows = block.rows[split.index()].as_bytes();
            let path = rows_file(&self.folder, split);
            self.files[split.index()].write_all(rows).map_err(DataError::writing(&path))?;
            self.hashers[split.index()].update(rows);
        }
        let &PackedBlock { index, counts: [train, heldout], left_out, duplicates, .. } = block;
        self.blocks.push(BlockRecord { index, train, heldout, left_out, duplicates });
        Ok(())
    }

    pub(super) fn finish(
        self,
        output: &NewFolder,
        part: Part,
        recipe: &Recipe<'_>,
        read: CorpusRecord,
    ) -> Result<PartManifest, BuildError> {
        for (file, split) in self.files.into_iter().zip(Split::ALL) {
            let path = rows_file(&self.folder, split);
            file.into_inner()
                .map_err(|error| error.into_error())
                .and_then(|file| file.sync())
                .map_err(DataError::writing(&path))?;
        }
        save_tokenizer(&recipe.request.tokenizer, output)?;
        let manifest = PartManifest {
            format: MANIFEST_FORMAT,
            part,
            settings: recipe.settings.clone(),
            tokenizer: recipe.tokenizer.clone(),
            inputs: read.inputs,
            replaced: read.replaced,
            skipped: read.skipped,
            blocks: self.blocks,
            rows: self.hashers.map(|hasher| hasher.finalize().to_hex().to_string()),
            seal: None,
        }
        .sealed();
        let text = serde_json::to_string_pretty(&manifest).expect("a manifest is plain data");
        output.write(PART_FILE, (text + "\n").as_bytes())?;
        Ok(manifest)
    }
}
