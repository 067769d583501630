//! Parts of a data folder, built apart and joined.
//!
//! A part is a folder with the rows of its blocks, one file per split in the order of the blocks,
//! and `part.json`, which says how many rows each block has.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::blocks::PackedBlock;
use electra_files::disk::DiskFile;
use electra_files::staged::NewFolder;

use super::output::Existing;
use super::{BuildError, Built, CorpusRecord, DataWriter, Recipe, save_tokenizer};
use crate::corpus::Skipped;
use crate::data_error::DataError;
use crate::manifest::{
    DataSettings, InputRecord, MANIFEST_FORMAT, Manifest, SplitCounts, TOKENIZER_FOLDER, TokenizerRecord,
    is_zero,
};
use crate::shard::{RowShape, Split, hash_file};
use crate::wordpiece::Tokenizer;

/// File name of a part's description.
pub const PART_FILE: &str = "part.json";

/// Which blocks a part takes: those whose number leaves `number - 1` when divided by `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Which part, from 1.
    pub number: u32,
    /// How many parts there are.
    pub of: u32,
}

impl Part {
    /// All blocks.
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

/// What a part says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartManifest {
    /// Layout of this file, [`MANIFEST_FORMAT`].
    pub format: u32,
    /// Which part this is.
    pub part: Part,
    /// How the corpus became rows.
    pub settings: DataSettings,
    /// What turned text into ids.
    pub tokenizer: TokenizerRecord,
    /// The files of the whole corpus.
    pub inputs: Vec<InputRecord>,
    /// Sequences of bytes in the whole corpus that were not UTF-8, and halves of characters, that
    /// were replaced.
    pub replaced: u64,
    /// Records of the whole corpus that were passed over.
    #[serde(default, skip_serializing_if = "Skipped::is_none")]
    pub skipped: Skipped,
    /// The part's blocks, in order.
    pub blocks: Vec<BlockRecord>,
    /// blake3 of the rows of each split.
    pub rows: [String; 2],
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
}

impl BlockRecord {
    fn counts(&self, split: Split) -> &SplitCounts {
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
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(BuildError::NotAPart { path: folder.to_owned() });
            }
            other => other.map_err(DataError::reading(&path))?,
        };
        let part: PartManifest = serde_json::from_str(&text)
            .map_err(|error| BuildError::PartDamaged { path: path.clone(), what: error.to_string() })?;
        if part.format != MANIFEST_FORMAT {
            let supported = MANIFEST_FORMAT;
            return Err(DataError::ManifestVersion { path, found: part.format, supported }.into());
        }
        let in_order = part.blocks.windows(2).all(|pair| pair[0].index < pair[1].index);
        if !in_order || !part.blocks.iter().all(|block| part.part.owns(block.index)) {
            let what = format!("its blocks are not those of part {}", part.part);
            return Err(BuildError::PartDamaged { path, what });
        }
        Ok(part)
    }

    /// Whether the rows are those that were written.
    pub(super) fn is_intact(&self, folder: &Path) -> bool {
        Split::ALL.iter().all(|split| {
            hash_file(&rows_file(folder, *split))
                .is_ok_and(|hash| hash.to_hex().as_str() == self.rows[split.index()])
        })
    }

    fn shape(&self) -> RowShape {
        RowShape { seq_len: self.settings.pack.seq_len, vocab_size: self.tokenizer.vocab_size }
    }

    /// Documents that this part left out because the held-out files have them too.
    pub fn left_out(&self) -> u64 {
        self.blocks.iter().map(|block| block.left_out).sum()
    }

    /// Sums over the blocks of this part.
    pub fn counts(&self, split: Split) -> SplitCounts {
        let mut sum = SplitCounts::default();
        self.blocks.iter().for_each(|block| sum.add(block.counts(split)));
        sum
    }
}

fn rows_file(folder: &Path, split: Split) -> PathBuf {
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
        let ([train, heldout], left_out) = (block.counts, block.left_out);
        self.blocks.push(BlockRecord { index: block.index, train, heldout, left_out });
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
        };
        let text = serde_json::to_string_pretty(&manifest).expect("a manifest is plain data");
        output.write(PART_FILE, (text + "\n").as_bytes())?;
        Ok(manifest)
    }
}

/// A part opened for reading block by block.
struct OpenPart {
    folder: PathBuf,
    manifest: PartManifest,
    files: [BufReader<File>; 2],
    hashers: [blake3::Hasher; 2],
    next_block: usize,
}

impl OpenPart {
    fn open(folder: &Path) -> Result<Self, BuildError> {
        let manifest = PartManifest::read(folder)?;
        let open = |split| {
            let path = rows_file(folder, split);
            let file = File::open(&path).map_err(DataError::reading(&path))?;
            Ok::<_, DataError>(BufReader::with_capacity(1 << 20, file))
        };
        let [train, heldout] = Split::ALL.map(open);
        let files = [train?, heldout?];
        Ok(OpenPart {
            folder: folder.to_owned(),
            manifest,
            files,
            hashers: Default::default(),
            next_block: 0,
        })
    }

    /// The next block if it is the one numbered `index`.
    fn take_block(&mut self, index: u64) -> Option<BlockRecord> {
        let block = *self.manifest.blocks.get(self.next_block)?;
        (block.index == index).then(|| {
            self.next_block += 1;
            block
        })
    }

    fn read_rows(&mut self, split: Split, count: u64, rows: &mut Vec<u8>) -> Result<(), BuildError> {
        let path = rows_file(&self.folder, split);
        rows.clear();
        let wanted = count * self.manifest.shape().row_bytes() as u64;
        let file = &mut self.files[split.index()];
        let found = file.take(wanted).read_to_end(rows).map_err(DataError::reading(&path))?;
        if found as u64 != wanted {
            return Err(BuildError::PartDamaged { path, what: "it was cut short".into() });
        }
        self.hashers[split.index()].update(rows);
        Ok(())
    }

    fn check_hashes(&self) -> Result<(), BuildError> {
        for split in Split::ALL {
            let (found, expected) =
                (self.hashers[split.index()].finalize().to_hex(), &self.manifest.rows[split.index()]);
            if found.as_str() != expected {
                let path = rows_file(&self.folder, split);
                let what = format!("its blake3 is {found}, part.json says {expected}");
                return Err(BuildError::PartDamaged { path, what });
            }
        }
        Ok(())
    }
}

/// Joins all parts of a corpus to the data folder that one build would have made.
///
/// `progress` is told the blocks joined so far and how many there are.
pub fn merge(
    parts: &[PathBuf],
    out: &Path,
    force: bool,
    mut progress: impl FnMut(u64, u64),
) -> Result<Built<Manifest>, BuildError> {
    let mut parts = complete(parts)?;
    let PartManifest { settings, tokenizer, inputs, replaced, skipped, .. } = parts[0].manifest.clone();
    let existing = Existing::at(out)?;
    if let Some(manifest) = existing.manifest()
        && (&manifest.settings, &manifest.tokenizer, &manifest.inputs) == (&settings, &tokenizer, &inputs)
        && crate::dataset::DataSet::open(out).is_ok()
    {
        return Ok(Built::Before(manifest.clone()));
    }
    existing.check_replaceable(out, force)?;
    let output = NewFolder::begin(out)?;
    let folder = parts[0].folder.join(TOKENIZER_FOLDER);
    let loaded = Tokenizer::load(&folder)?;
    if loaded.hash().to_hex().as_str() != tokenizer.hash {
        let what = format!("its hash is not that of {PART_FILE}");
        return Err(BuildError::PartDamaged { path: folder, what });
    }
    let mut writer = DataWriter::new(&output, settings, tokenizer);
    let blocks = parts.iter().map(|part| part.manifest.blocks.len() as u64).sum();
    let mut rows = Vec::new();
    for index in 0..blocks {
        let owner = (index % parts.len() as u64) as usize;
        let part = &mut parts[owner];
        let Some(block) = part.take_block(index) else {
            let path = part.folder.join(PART_FILE);
            return Err(BuildError::PartDamaged { path, what: format!("block {index} is missing") });
        };
        for split in Split::ALL {
            let counts = block.counts(split);
            part.read_rows(split, counts.examples, &mut rows)?;
            writer.append_rows(split, &rows, counts)?;
        }
        writer.left_out += block.left_out;
        progress(index + 1, blocks);
    }
    parts.iter().try_for_each(OpenPart::check_hashes)?;
    let manifest = writer.finish(CorpusRecord { inputs, replaced, skipped }, &loaded)?;
    output.commit()?;
    Ok(Built::Now(manifest))
}

/// Opens the parts, in order, and makes sure that they are one corpus, complete.
fn complete(folders: &[PathBuf]) -> Result<Vec<OpenPart>, BuildError> {
    let mut parts = folders.iter().map(|folder| OpenPart::open(folder)).collect::<Result<Vec<_>, _>>()?;
    parts.sort_by_key(|part| part.manifest.part.number);
    let Some(first) = parts.first() else {
        return Err(BuildError::PartsMissing { missing: "all".into(), of: 1 });
    };
    for part in &parts[1..] {
        let (a, b) = (&first.manifest, &part.manifest);
        let differing = [
            ("the number of parts", a.part.of == b.part.of),
            ("the settings", a.settings == b.settings),
            ("the tokenizer", a.tokenizer == b.tokenizer),
            (
                "the files of the corpus",
                (&a.inputs, a.replaced, a.skipped) == (&b.inputs, b.replaced, b.skipped),
            ),
        ];
        if let Some((what, _)) = differing.into_iter().find(|(_, same)| !same) {
            let (first, second) = (first.folder.clone(), part.folder.clone());
            return Err(BuildError::PartsDiffer { first, second, what });
        }
    }
    for pair in parts.windows(2) {
        let Part { number, of } = pair[0].manifest.part;
        if pair[1].manifest.part.number == number {
            let (first, second) = (pair[0].folder.clone(), pair[1].folder.clone());
            return Err(BuildError::PartTwice { part: number, of, first, second });
        }
    }
    let of = first.manifest.part.of;
    let missing: Vec<String> = (1..=of)
        .filter(|number| !parts.iter().any(|part| part.manifest.part.number == *number))
        .map(|number| number.to_string())
        .collect();
    if !missing.is_empty() {
        return Err(BuildError::PartsMissing { missing: missing.join(", "), of });
    }
    Ok(parts)
}
