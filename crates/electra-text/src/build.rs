//! A corpus to a data folder: read, tokenise on all cores, pack, write shards.
//!
//! The corpus is divided into blocks, runs of consecutive documents of about
//! [`BLOCK_BYTES`] of text. Where a block ends depends on the documents alone, packing starts
//! afresh in every block, and rows are written in the order of the blocks. So the result depends
//! neither on the number of threads nor on whether one program built it all or several built
//! parts of it: a part takes every n-th block, and merging lays the blocks back in order. The
//! price is one row per block and split that is not full.

mod blocks;
mod error;
mod merge;
mod output;
mod part;
mod recipe;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use error::BuildError;
pub use merge::merge;
pub use part::{PART_FILE, Part, PartManifest};

use blocks::{BlockPacker, Blocks, PackedBlock};
use electra_files::staged::NewFolder;
use output::Existing;
use part::PartWriter;
use recipe::Recipe;

use crate::corpus::{self, CorpusError, DocumentReader, ReadOptions, ReadProgress, Skipped};
use crate::heldout::HeldOutDocuments;
use crate::in_order::in_order;
use crate::manifest::{
    DataSettings, HeldOutRule, InputRecord, MANIFEST_FILE, MANIFEST_FORMAT, Manifest, SplitCounts,
    TOKENIZER_FOLDER, TokenizerRecord,
};
use crate::pack::PackSettings;
use crate::shard::{RowShape, ShardWriter, Split};
use crate::wordpiece::Tokenizer;

/// Text bytes after which a block of documents ends.
pub const BLOCK_BYTES: u64 = 4 << 20;

/// Corpora of at most this many bytes on disk are read once more beforehand, to make sure that
/// at least one document is held out.
pub const SMALL_CORPUS_BYTES: u64 = 32 << 20;

/// What to build.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// The files of the corpus, in order.
    pub inputs: Vec<PathBuf>,
    /// Which documents are kept from training.
    pub heldout: HeldOut,
    /// How files are read.
    pub read: ReadOptions,
    /// What turns text into ids.
    pub tokenizer: Tokenizer,
    /// How documents become rows.
    pub pack: PackSettings,
    /// Text bytes after which a block ends; [`BLOCK_BYTES`] unless a test wants many blocks.
    pub block_bytes: u64,
    /// Threads that tokenise; no influence on the result.
    pub threads: usize,
    /// The data folder to write.
    pub out: PathBuf,
    /// Replace another data folder at `out`.
    pub force: bool,
}

/// Which documents are kept from training.
#[derive(Clone, Debug, PartialEq)]
pub enum HeldOut {
    /// A share of the documents, chosen by hash. At least one in corpora of up to
    /// [`SMALL_CORPUS_BYTES`]; in larger ones it is an error if none is chosen. 0 holds out none.
    Fraction {
        /// Share of the documents, 0 to below 1.
        fraction: f64,
        /// Another salt chooses other documents.
        salt: u64,
    },
    /// All documents of these files and no others; those that the inputs have too are left out of
    /// training.
    Files(Vec<PathBuf>),
}

impl HeldOut {
    fn files(&self) -> &[PathBuf] {
        match self {
            HeldOut::Fraction { .. } => &[],
            HeldOut::Files(files) => files,
        }
    }
}

/// How far building has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BuildProgress {
    /// Bytes read so far, as they lie on disk.
    pub bytes: u64,
    /// Bytes there are.
    pub total: u64,
    /// Documents packed so far.
    pub documents: u64,
    /// Bytes of text packed so far.
    pub text_bytes: u64,
    /// Tokens of the text packed so far.
    pub tokens: u64,
    /// Since the beginning.
    pub elapsed: Duration,
}

/// What came of a request.
#[derive(Debug)]
pub enum Built<M> {
    /// It was built now.
    Now(M),
    /// It was there already, from the same corpus with the same settings.
    Before(M),
}

impl<M> Built<M> {
    /// The manifest, whenever it was built.
    pub fn manifest(&self) -> &M {
        match self {
            Built::Now(manifest) | Built::Before(manifest) => manifest,
        }
    }
}

/// Builds a whole data folder.
pub fn build(
    request: &BuildRequest,
    progress: impl FnMut(&BuildProgress),
) -> Result<Built<Manifest>, BuildError> {
    let recipe = Recipe::of(request)?;
    let existing = Existing::at(&request.out)?;
    if let Some(manifest) = existing.manifest()
        && recipe.made(manifest)?
    {
        return Ok(Built::Before(manifest.clone()));
    }
    existing.check_replaceable(&request.out, request.force)?;
    let output = NewFolder::begin(&request.out)?;
    let mut writer = DataWriter::new(&output, recipe.settings.clone(), recipe.tokenizer.clone());
    let reading = run(request, &recipe, Part::WHOLE, progress, |block| writer.append(&block))?;
    let read = CorpusRecord::of(&recipe, &reading);
    let manifest = writer.finish(read, &request.tokenizer)?;
    output.commit()?;
    Ok(Built::Now(manifest))
}

/// Builds one part of a data folder, for [`merge`] to join.
pub fn build_part(
    request: &BuildRequest,
    part: Part,
    progress: impl FnMut(&BuildProgress),
) -> Result<Built<PartManifest>, BuildError> {
    let recipe = Recipe::of(request)?;
    let existing = Existing::at(&request.out)?;
    if let Some(manifest) = existing.part()
        && manifest.part == part
        && recipe.agrees_with(&manifest.settings, &manifest.tokenizer, &manifest.inputs)?
        && manifest.is_intact(&request.out)
    {
        return Ok(Built::Before(manifest.clone()));
    }
    existing.check_replaceable(&request.out, request.force)?;
    let output = NewFolder::begin(&request.out)?;
    let mut writer = PartWriter::new(output.path())?;
    let reading = run(request, &recipe, part, progress, |block| writer.append(&block))?;
    let manifest = writer.finish(&output, part, &recipe, CorpusRecord::of(&recipe, &reading))?;
    output.commit()?;
    Ok(Built::Now(manifest))
}

/// What was read, as manifests state it.
#[derive(Clone, Debug, PartialEq)]
struct CorpusRecord {
    inputs: Vec<InputRecord>,
    replaced: u64,
    skipped: Skipped,
}

impl CorpusRecord {
    fn of(recipe: &Recipe<'_>, reading: &ReadProgress) -> Self {
        let (replaced, skipped) = (reading.replaced(), reading.skipped());
        CorpusRecord { inputs: recipe.inputs(reading), replaced, skipped }
    }
}

/// Reads the corpus, packs the blocks of `part` and hands them to `sink` in order.
fn run(
    request: &BuildRequest,
    recipe: &Recipe<'_>,
    part: Part,
    mut progress: impl FnMut(&BuildProgress),
    mut sink: impl FnMut(PackedBlock) -> Result<(), BuildError>,
) -> Result<Arc<ReadProgress>, BuildError> {
    let start = Instant::now();
    let split = recipe.split()?;
    let of_files = DocumentReader::new(request.heldout.files().to_vec(), request.read.clone());
    let heldout = HeldOutDocuments::of(of_files, request.tokenizer.settings())?;
    let reading = Arc::<ReadProgress>::default();
    let total = corpus::total_bytes(&request.inputs)? + corpus::total_bytes(request.heldout.files())?;
    let blocks = Blocks::new(request, &reading);
    let owned = blocks.map(|block| block.map_err(BuildError::from)).filter(move |block| match block {
        Ok(block) => part.owns(block.index),
        Err(_) => true,
    });
    let mut sums = SplitCounts::default();
    let tell = |sums: &SplitCounts, progress: &mut dyn FnMut(&BuildProgress)| {
        progress(&BuildProgress {
            bytes: reading.bytes(),
            total,
            documents: sums.documents,
            text_bytes: sums.text_bytes,
            tokens: sums.text_tokens,
            elapsed: start.elapsed(),
        });
    };
    in_order(
        request.threads,
        owned,
        || {
            let mut packer = BlockPacker::new(&request.tokenizer, recipe.settings.pack, split, &heldout);
            move |block| packer.pack(block)
        },
        |block| {
            block.counts.iter().for_each(|counts| sums.add(counts));
            sink(block)?;
            tell(&sums, &mut progress);
            Ok(())
        },
    )?;
    tell(&sums, &mut progress);
    Ok(reading)
}

/// Writes blocks, in order, as a data folder.
struct DataWriter<'o> {
    output: &'o NewFolder,
    settings: DataSettings,
    tokenizer: TokenizerRecord,
    shards: [ShardWriter; 2],
    counts: [SplitCounts; 2],
    left_out: u64,
}

impl<'o> DataWriter<'o> {
    fn new(output: &'o NewFolder, settings: DataSettings, tokenizer: TokenizerRecord) -> Self {
        let shape = RowShape { seq_len: settings.pack.seq_len, vocab_size: tokenizer.vocab_size };
        let shards = Split::ALL.map(|split| ShardWriter::new(output.path(), split, shape, &tokenizer.hash));
        DataWriter { output, settings, tokenizer, shards, counts: Default::default(), left_out: 0 }
    }

    fn append(&mut self, block: &PackedBlock) -> Result<(), BuildError> {
        self.left_out += block.left_out;
        for split in Split::ALL {
            self.append_rows(split, block.rows[split.index()].as_bytes())?;
            self.counts[split.index()].add(&block.counts[split.index()]);
        }
        Ok(())
    }

    fn append_rows(&mut self, split: Split, rows: &[u8]) -> Result<(), BuildError> {
        self.shards[split.index()].append(rows)?;
        Ok(())
    }

    fn finish(self, read: CorpusRecord, tokenizer: &Tokenizer) -> Result<Manifest, BuildError> {
        let [train, heldout] = self.counts;
        let CorpusRecord { inputs, replaced, skipped } = read;
        check_splits(&self.settings, &inputs, &train, &heldout, self.left_out)?;
        let mut shards = Vec::new();
        for writer in self.shards {
            shards.extend(writer.finish()?);
        }
        save_tokenizer(tokenizer, self.output)?;
        let shape = RowShape { seq_len: self.settings.pack.seq_len, vocab_size: self.tokenizer.vocab_size };
        let manifest = Manifest {
            format: MANIFEST_FORMAT,
            data_hash: String::new(),
            settings: self.settings,
            tokenizer: self.tokenizer,
            inputs,
            replaced,
            skipped,
            left_out: self.left_out,
            train,
            heldout,
            rows_per_shard: shape.rows_per_shard(),
            shards,
            seal: None,
        }
        .sealed();
        self.output.write(MANIFEST_FILE, manifest.to_json().as_bytes())?;
        Ok(manifest)
    }
}

/// Writes the tokenizer's files into a folder of data.
fn save_tokenizer(tokenizer: &Tokenizer, output: &NewFolder) -> Result<(), BuildError> {
    for (name, text) in tokenizer.files(Tokenizer::MAX_LENGTH) {
        output.write(Path::new(TOKENIZER_FOLDER).join(name), text.as_bytes())?;
    }
    Ok(())
}

/// Refuses data that cannot be trained on or that lacks the held-out documents asked for.
fn check_splits(
    settings: &DataSettings,
    inputs: &[InputRecord],
    train: &SplitCounts,
    heldout: &SplitCounts,
    left_out: u64,
) -> Result<(), BuildError> {
    let documents = train.documents + heldout.documents;
    if documents == 0 {
        let first = inputs.first().map(|input| input.file.clone()).unwrap_or_default();
        return Err(CorpusError::Empty { files: inputs.len(), first: first.into() }.into());
    }
    if train.examples == 0 && left_out > 0 {
        return Err(BuildError::AllLeftOut { documents: left_out });
    }
    if train.examples == 0 {
        return Err(BuildError::NothingToTrainOn { documents });
    }
    let wanted = match settings.heldout {
        HeldOutRule::Hash { fraction, .. } => fraction > 0.0,
        HeldOutRule::Files { .. } => true,
    };
    if wanted && heldout.examples == 0 {
        return Err(BuildError::NothingHeldOut { documents });
    }
    Ok(())
}
