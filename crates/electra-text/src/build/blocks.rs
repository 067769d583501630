//! Blocks of documents: cut from the corpus, tokenised and packed one at a time.

use std::iter::Peekable;
use std::path::PathBuf;
use std::sync::Arc;

use super::left_out::LeftOut;
use super::request::{BuildRequest, HeldOut};
use crate::corpus::{CorpusError, Document, DocumentReader, ReadProgress};
use crate::heldout::{HeldOutDocuments, HeldOutSplit, document_identity};
use crate::manifest::SplitCounts;
use crate::near_duplicates::DuplicateCounts;
use crate::pack::{PackSettings, Packer};
use crate::shard::{RowShape, Rows, Split};
use crate::wordpiece::{TextEncoder, Tokenizer};

/// A run of consecutive documents.
pub(super) struct Block {
    /// Number of the block, from 0.
    pub index: u64,
    /// Number of the first document among those of its files.
    first: u64,
    documents: Vec<Document>,
    /// Whether the documents come from files that are held out whole.
    all_held_out: bool,
}

impl Block {
    pub(super) fn documents(&self) -> impl Iterator<Item = &Document> {
        self.documents.iter()
    }
}

/// Cuts the corpus into blocks; the held-out files follow the others, in blocks of their own.
pub(super) struct Blocks {
    readers: [Peekable<DocumentReader>; 2],
    block_bytes: u64,
    next_index: u64,
    /// Documents read of the files of each reader.
    read: [u64; 2],
    failed: bool,
}

impl Blocks {
    pub(super) fn new(request: &BuildRequest, progress: &Arc<ReadProgress>) -> Self {
        let heldout = match &request.heldout {
            HeldOut::Files(files) => files.clone(),
            HeldOut::Fraction { .. } => Vec::new(),
        };
        Blocks::over([request.inputs.clone(), heldout], request, progress)
    }

    /// Blocks of these files, of which the second are held out, read as `request` says.
    pub(super) fn over(
        files: [Vec<PathBuf>; 2],
        request: &BuildRequest,
        progress: &Arc<ReadProgress>,
    ) -> Self {
        let readers = files.map(|files| {
            DocumentReader::new(files, request.read.clone()).with_progress(progress.clone()).peekable()
        });
        Blocks { readers, block_bytes: request.block_bytes, next_index: 0, read: [0; 2], failed: false }
    }

    fn read_block(&mut self) -> Result<Option<Block>, CorpusError> {
        for ((reader, read), split) in self.readers.iter_mut().zip(&mut self.read).zip(Split::ALL) {
            let (mut documents, mut bytes) = (Vec::new(), 0);
            while bytes < self.block_bytes
                && let Some(document) = reader.next()
            {
                let document = document?;
                bytes += document.text().len() as u64;
                documents.push(document);
            }
            if !documents.is_empty() {
                let index = self.next_index;
                self.next_index += 1;
                let first = *read;
                *read += documents.len() as u64;
                return Ok(Some(Block { index, first, documents, all_held_out: split == Split::HeldOut }));
            }
        }
        Ok(None)
    }
}

impl Iterator for Blocks {
    type Item = Result<Block, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let block = self.read_block().transpose();
        self.failed = matches!(block, Some(Err(_)));
        block
    }
}

/// The rows of one block.
pub(super) struct PackedBlock {
    /// Number of the block, from 0.
    pub index: u64,
    /// Rows of each split.
    pub rows: [Rows; 2],
    /// Sums of each split.
    pub counts: [SplitCounts; 2],
    /// Documents left out because the held-out files have them too.
    pub left_out: u64,
    /// Documents left out because they nearly repeat an earlier one.
    pub duplicates: DuplicateCounts,
}

/// Tokenises and packs blocks; one per thread, because it remembers words.
pub(super) struct BlockPacker<'t> {
    tokenizer: &'t Tokenizer,
    encoder: TextEncoder<'t>,
    settings: PackSettings,
    split: HeldOutSplit,
    heldout: &'t HeldOutDocuments,
    repeated: &'t LeftOut,
    ids: Vec<u32>,
    line_ends: Vec<usize>,
}

impl<'t> BlockPacker<'t> {
    pub(super) fn new(
        tokenizer: &'t Tokenizer,
        settings: PackSettings,
        split: HeldOutSplit,
        heldout: &'t HeldOutDocuments,
        repeated: &'t LeftOut,
    ) -> Self {
        let encoder = tokenizer.text_encoder();
        let (ids, line_ends) = (Vec::new(), Vec::new());
        BlockPacker { tokenizer, encoder, settings, split, heldout, repeated, ids, line_ends }
    }

    pub(super) fn pack(&mut self, block: Block) -> PackedBlock {
        let special = self.tokenizer.special();
        let shape = RowShape { seq_len: self.settings.seq_len, vocab_size: self.tokenizer.vocab_size() };
        let mut packers = Split::ALL.map(|_| Packer::new(self.settings, shape, special));
        let mut counts = [SplitCounts::default(); 2];
        let mut left_out = 0;
        let mut duplicates = DuplicateCounts::default();
        for (document, number) in block.documents.iter().zip(block.first..) {
            if !block.all_held_out && self.heldout.contains(document) {
                left_out += 1;
                continue;
            }
            if !block.all_held_out && self.repeated.contains(number) {
                let text_bytes = document.text().len() as u64;
                duplicates.add(&DuplicateCounts { documents: 1, text_bytes });
                continue;
            }
            let identity = document_identity(document);
            let held_out = block.all_held_out || self.split.holds_out(&identity);
            let split = if held_out { Split::HeldOut } else { Split::Train }.index();
            self.ids.clear();
            self.line_ends.clear();
            for paragraph in document.paragraphs() {
                self.encoder.encode_into(paragraph, &mut self.ids);
                self.line_ends.push(self.ids.len());
            }
            packers[split].add_document(&self.ids, &self.line_ends, &identity);
            counts[split].add(&SplitCounts {
                documents: 1,
                text_bytes: document.text().len() as u64,
                text_tokens: self.ids.len() as u64,
                unknown: self.ids.iter().filter(|&&id| id == special.unk).count() as u64,
                coverage: Some(self.encoder.take_coverage()),
                ..SplitCounts::default()
            });
        }
        let rows = packers.map(Packer::finish);
        for (counts, rows) in counts.iter_mut().zip(&rows) {
            counts.examples = rows.len();
            counts.tokens = rows.tokens();
        }
        PackedBlock { index: block.index, rows, counts, left_out, duplicates }
    }
}
