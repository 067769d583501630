//! Parts of a data folder, joined.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use electra_files::staged::NewFolder;
use electra_files::{disk, regular};

use super::data_writer::DataWriter;
use super::output::Existing;
use super::part::{BlockRecord, PART_FILE, Part, PartManifest, rows_file};
use super::recipe::CorpusRecord;
use super::{BuildError, BuildOutcome};
use crate::data_error::DataError;
use crate::manifest::{Manifest, TOKENIZER_FOLDER};
use crate::shard::{RowCounts, Split, hash_file};
use crate::wordpiece::Tokenizer;

/// Bytes of rows that are held in memory: whole rows, which are never longer.
const ROWS_AT_ONCE: usize = 1 << 20;

/// Numbers of missing parts that an error names at most.
const SHOWN_PARTS: usize = 10;

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
            let file = regular::open(&path).map_err(DataError::reading(&path))?;
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

    /// Hands the rows of a block of one split to `sink`, some of them at a time, after looking at each.
    fn read_rows(
        &mut self,
        split: Split,
        block: &BlockRecord,
        mut sink: impl FnMut(&[u8]) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        let path = rows_file(&self.folder, split);
        let (shape, special) = (self.manifest.shape(), self.manifest.tokenizer.special);
        let (mut left, mut tokens) = (block.counts(split).examples, 0);
        let mut rows = Vec::new();
        while left > 0 {
            let count = left.min((ROWS_AT_ONCE / shape.row_bytes()) as u64);
            let wanted = count as usize * shape.row_bytes();
            rows.clear();
            let mut file = (&mut self.files[split.index()]).take(wanted as u64);
            let found = file.read_to_end(&mut rows).map_err(DataError::reading(&path))?;
            if found != wanted {
                return Err(BuildError::PartDamaged { path, what: "it was cut short".into() });
            }
            self.hashers[split.index()].update(&rows);
            for row in rows.chunks_exact(shape.row_bytes()) {
                let counts = RowCounts::of(row, shape, special)
                    .map_err(|what| self.damaged(split, format!("a row of block {}: {what}", block.index)))?;
                tokens += counts.tokens;
            }
            sink(&rows)?;
            left -= count;
        }
        match block.counts(split).tokens {
            said if said == tokens => Ok(()),
            said => {
                let what = format!("block {} has {tokens} tokens, {PART_FILE} says {said}", block.index);
                Err(self.damaged(split, what))
            }
        }
    }

    /// The error for rows of a split that cannot be used: either they are not those that were written, or
    /// `what` is wrong with them.
    fn damaged(&self, split: Split, what: String) -> BuildError {
        let path = rows_file(&self.folder, split);
        match hash_file(&path) {
            Err(error) => error.into(),
            Ok(found) => {
                self.check_hash(split, found).err().unwrap_or(BuildError::PartDamaged { path, what })
            }
        }
    }

    fn check_hash(&self, split: Split, found: blake3::Hash) -> Result<(), BuildError> {
        let (found, expected) = (found.to_hex(), &self.manifest.rows[split.index()]);
        if found.as_str() == expected {
            return Ok(());
        }
        let what = format!("its blake3 is {found}, {PART_FILE} says {expected}");
        Err(BuildError::PartDamaged { path: rows_file(&self.folder, split), what })
    }

    fn check_hashes(&self) -> Result<(), BuildError> {
        Split::ALL
            .into_iter()
            .try_for_each(|split| self.check_hash(split, self.hashers[split.index()].finalize()))
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
) -> Result<BuildOutcome<Manifest>, BuildError> {
    let mut parts = complete(parts)?;
    let PartManifest { settings, tokenizer, inputs, replaced, skipped, .. } = parts[0].manifest.clone();
    let existing = Existing::at(out)?;
    if let Some(manifest) = existing.manifest()
        && (&manifest.settings, &manifest.tokenizer, &manifest.inputs) == (&settings, &tokenizer, &inputs)
        && crate::dataset::DataSet::open(out).is_ok()
    {
        return Ok(BuildOutcome::Before(manifest.clone()));
    }
    existing.check_replaceable(out, force)?;
    if parts.iter().any(|part| is_one_folder(&part.folder, out)) {
        return Err(BuildError::OutputUnusable { path: out.to_owned(), what: "it is one of the parts" });
    }
    let output = NewFolder::begin(out)?;
    let folder = parts[0].folder.join(TOKENIZER_FOLDER);
    let loaded = Tokenizer::load_saved(&folder)?;
    let path = parts[0].folder.join(PART_FILE);
    tokenizer.check_against(&loaded).map_err(|what| BuildError::PartDamaged { path, what })?;
    let mut writer = DataWriter::new(&output, settings, tokenizer);
    let blocks = parts.iter().map(|part| part.manifest.blocks.len() as u64).sum();
    for index in 0..blocks {
        let owner = (index % parts.len() as u64) as usize;
        let part = &mut parts[owner];
        let Some(block) = part.take_block(index) else {
            let path = part.folder.join(PART_FILE);
            return Err(BuildError::PartDamaged { path, what: format!("block {index} is missing") });
        };
        for split in Split::ALL {
            part.read_rows(split, &block, |rows| writer.append_rows(split, rows))?;
        }
        writer.count([block.train, block.heldout], block.left_out, &block.duplicates);
        progress(index + 1, blocks);
    }
    parts.iter().try_for_each(OpenPart::check_hashes)?;
    let manifest = writer.finish(CorpusRecord { inputs, replaced, skipped }, &loaded)?;
    output.commit()?;
    Ok(BuildOutcome::Now(manifest))
}

/// Whether two paths lead to the same folder.
fn is_one_folder(a: &Path, b: &Path) -> bool {
    matches!((a.metadata(), b.metadata()), (Ok(a), Ok(b)) if disk::is_same_file(&a, &b))
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
    let missing = of as usize - parts.len();
    if missing == 0 {
        return Ok(parts);
    }
    let is_missing = |number: &u32| !parts.iter().any(|part| part.manifest.part.number == *number);
    let mut shown: Vec<String> =
        (1..=of).filter(is_missing).take(SHOWN_PARTS).map(|number| number.to_string()).collect();
    if missing > shown.len() {
        shown.push(format!("{} more", missing - shown.len()));
    }
    Err(BuildError::PartsMissing { missing: shown.join(", "), of })
}
