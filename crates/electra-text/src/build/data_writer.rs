//! A data folder written: shards of rows, the tokenizer's files and the manifest.

use std::path::Path;

use electra_files::staged::NewFolder;

use super::BuildError;
use super::blocks::PackedBlock;
use super::recipe::CorpusRecord;
use crate::corpus::CorpusError;
use crate::manifest::{
    DataSettings, HeldOutRule, InputRecord, MANIFEST_FILE, MANIFEST_FORMAT, Manifest, SplitCounts,
    TOKENIZER_FOLDER, TokenizerRecord,
};
use crate::near_duplicates::DuplicateCounts;
use crate::shard::{RowShape, ShardWriter, Split};
use crate::wordpiece::Tokenizer;

/// Writes blocks, in order, as a data folder.
pub(super) struct DataWriter<'o> {
    output: &'o NewFolder,
    settings: DataSettings,
    tokenizer: TokenizerRecord,
    shards: [ShardWriter; 2],
    counts: [SplitCounts; 2],
    left_out: u64,
    duplicates: DuplicateCounts,
}

impl<'o> DataWriter<'o> {
    pub(super) fn new(output: &'o NewFolder, settings: DataSettings, tokenizer: TokenizerRecord) -> Self {
        let shape = RowShape { seq_len: settings.pack.seq_len, vocab_size: tokenizer.vocab_size };
        let shards = Split::ALL.map(|split| ShardWriter::new(output.path(), split, shape, &tokenizer.hash));
        let (counts, left_out, duplicates) = Default::default();
        DataWriter { output, settings, tokenizer, shards, counts, left_out, duplicates }
    }

    pub(super) fn append(&mut self, block: &PackedBlock) -> Result<(), BuildError> {
        for split in Split::ALL {
            self.append_rows(split, block.rows[split.index()].as_bytes())?;
        }
        self.count(block.counts, block.left_out, &block.duplicates);
        Ok(())
    }

    pub(super) fn append_rows(&mut self, split: Split, rows: &[u8]) -> Result<(), BuildError> {
        self.shards[split.index()].append(rows)?;
        Ok(())
    }

    /// Adds the sums of a block whose rows were appended.
    pub(super) fn count(&mut self, counts: [SplitCounts; 2], left_out: u64, duplicates: &DuplicateCounts) {
        self.counts.iter_mut().zip(&counts).for_each(|(sum, of_block)| sum.add(of_block));
        self.left_out += left_out;
        self.duplicates.add(duplicates);
    }

    pub(super) fn finish(self, read: CorpusRecord, tokenizer: &Tokenizer) -> Result<Manifest, BuildError> {
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
            duplicates: self.duplicates,
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
pub(super) fn save_tokenizer(tokenizer: &Tokenizer, output: &NewFolder) -> Result<(), BuildError> {
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
