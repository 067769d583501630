//! A corpus to a data folder: read, tokenise on all cores, pack, write shards.
//!
//! The corpus is divided into blocks, runs of consecutive documents of about
//! [`BLOCK_BYTES`] of text. Where a block ends depends on the documents alone, packing starts
//! afresh in every block, and rows are written in the order of the blocks. So the result depends
//! neither on the number of threads nor on whether one program built it all or several built
//! parts of it: a part takes every n-th block, and merging lays the blocks back in order. The
//! price is one row per block and split that is not full.

mod blocks;
mod data_writer;
mod deduplicate;
mod error;
mod left_out;
mod merge;
mod output;
mod part;
mod recipe;
mod request;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use error::BuildError;
pub use merge::merge;
pub use part::{PART_FILE, Part, PartManifest};
pub use request::{BLOCK_BYTES, BuildRequest, Deduplicate, HeldOut, SMALL_CORPUS_BYTES};

use blocks::{BlockPacker, Blocks, PackedBlock};
use data_writer::DataWriter;
use electra_files::staged::NewFolder;
use left_out::LeftOut;
use output::Existing;
use part::PartWriter;
use recipe::Recipe;

use crate::corpus::{self, DocumentReader, ReadProgress};
use crate::heldout::HeldOutDocuments;
use crate::manifest::{Manifest, SplitCounts};
use crate::map_in_order::map_in_order;

/// The progress of building a data folder.
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

/// The result of a request to build data.
#[derive(Debug)]
pub enum BuildOutcome<M> {
    /// The data, built by this request.
    Now(M),
    /// The data, found already built from the same corpus with the same settings.
    Before(M),
}

impl<M> BuildOutcome<M> {
    /// The manifest, whenever it was built.
    pub fn manifest(&self) -> &M {
        match self {
            BuildOutcome::Now(manifest) | BuildOutcome::Before(manifest) => manifest,
        }
    }
}

/// Builds a whole data folder.
pub fn build(
    request: &BuildRequest,
    progress: impl FnMut(&BuildProgress),
) -> Result<BuildOutcome<Manifest>, BuildError> {
    let recipe = Recipe::of(request)?;
    let existing = Existing::at(&request.out)?;
    if let Some(manifest) = existing.manifest()
        && recipe.would_build(manifest)?
    {
        return Ok(BuildOutcome::Before(manifest.clone()));
    }
    existing.check_replaceable(&request.out, request.force)?;
    let output = NewFolder::begin(&request.out)?;
    let mut writer = DataWriter::new(&output, recipe.settings.clone(), recipe.tokenizer.clone());
    let reading = run(request, &recipe, Part::WHOLE, progress, |block| writer.append(&block))?;
    let read = recipe.record(&reading);
    let manifest = writer.finish(read, &request.tokenizer)?;
    output.commit()?;
    Ok(BuildOutcome::Now(manifest))
}

/// Builds one part of a data folder, for [`merge`] to join.
pub fn build_part(
    request: &BuildRequest,
    part: Part,
    progress: impl FnMut(&BuildProgress),
) -> Result<BuildOutcome<PartManifest>, BuildError> {
    let recipe = Recipe::of(request)?;
    let existing = Existing::at(&request.out)?;
    if let Some(manifest) = existing.part()
        && manifest.part == part
        && recipe.agrees_with(&manifest.settings, &manifest.tokenizer, &manifest.inputs)?
        && manifest.is_intact(&request.out)
    {
        return Ok(BuildOutcome::Before(manifest.clone()));
    }
    existing.check_replaceable(&request.out, request.force)?;
    let output = NewFolder::begin(&request.out)?;
    let mut writer = PartWriter::new(output.path())?;
    let reading = run(request, &recipe, part, progress, |block| writer.append(&block))?;
    let manifest = writer.finish(&output, part, &recipe, recipe.record(&reading))?;
    output.commit()?;
    Ok(BuildOutcome::Now(manifest))
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
    let passes = 1 + u64::from(request.deduplicate.is_some());
    let bytes = corpus::total_bytes(&request.inputs)? + corpus::total_bytes(request.heldout.files())?;
    let total = bytes.saturating_mul(passes);
    let repeated = match request.deduplicate {
        None => LeftOut::default(),
        Some(deduplicate) => deduplicate::find(request, deduplicate, |reading| {
            let (bytes, elapsed) = (reading.bytes(), start.elapsed());
            progress(&BuildProgress { bytes, total, documents: 0, text_bytes: 0, tokens: 0, elapsed });
        })?,
    };
    // Bytes of the pass before.
    let compared = bytes.saturating_mul(passes - 1);
    let split = recipe.split(&repeated)?;
    let of_files = DocumentReader::new(request.heldout.files().to_vec(), request.read.clone());
    let heldout = HeldOutDocuments::of(of_files, request.tokenizer.settings())?;
    let reading = Arc::<ReadProgress>::default();
    let blocks = Blocks::new(request, &reading);
    let owned = blocks.map(|block| block.map_err(BuildError::from)).filter(move |block| match block {
        Ok(block) => part.owns(block.index),
        Err(_) => true,
    });
    let mut sums = SplitCounts::default();
    let tell = |sums: &SplitCounts, progress: &mut dyn FnMut(&BuildProgress)| {
        progress(&BuildProgress {
            bytes: compared.saturating_add(reading.bytes()),
            total,
            documents: sums.documents,
            text_bytes: sums.text_bytes,
            tokens: sums.text_tokens,
            elapsed: start.elapsed(),
        });
    };
    map_in_order(
        request.threads,
        owned,
        || {
            let mut packer =
                BlockPacker::new(&request.tokenizer, recipe.settings.pack, split, &heldout, &repeated);
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
