//! A request, checked, in the words of the manifest.

use std::path::{Path, PathBuf};

use super::BuildError;
use super::left_out::LeftOut;
use super::request::{BuildRequest, Deduplicate, HeldOut, SMALL_CORPUS_BYTES};
use crate::corpus::{self, DocumentReader, FileHash, ReadOptions, ReadProgress, Skipped};
use crate::dataset::DataSet;
use crate::heldout::HeldOutSplit;
use crate::manifest::{DataSettings, HeldOutRule, InputRecord, Manifest, TokenizerRecord};
use crate::near_duplicates::{Deduplication, MIN_THRESHOLD};
use crate::pack::{MAX_SEQ_LEN, MIN_SEQ_LEN};
use crate::shard::{Split, hash_file};

/// The validated settings of a request, as the manifest states them.
pub(super) struct Recipe<'r> {
    pub request: &'r BuildRequest,
    pub settings: DataSettings,
    pub tokenizer: TokenizerRecord,
}

/// The record of a corpus that was read, as manifests state it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CorpusRecord {
    pub inputs: Vec<InputRecord>,
    pub replaced: u64,
    pub skipped: Skipped,
}

impl<'r> Recipe<'r> {
    pub(super) fn of(request: &'r BuildRequest) -> Result<Self, BuildError> {
        let seq_len = request.pack.seq_len;
        if !(MIN_SEQ_LEN..=MAX_SEQ_LEN).contains(&seq_len) {
            return Err(BuildError::SequenceLength { found: seq_len });
        }
        let deduplicate =
            request.deduplicate.map(|Deduplicate { threshold, .. }| Deduplication { threshold });
        if let Some(Deduplication { threshold: found }) = deduplicate
            && !(MIN_THRESHOLD..=1.0).contains(&found)
        {
            return Err(BuildError::Threshold { found });
        }
        let heldout = match &request.heldout {
            &HeldOut::Fraction { fraction, salt } => {
                if !(0.0..1.0).contains(&fraction) {
                    return Err(BuildError::HeldOutFraction { found: fraction });
                }
                HeldOutRule::Hash { fraction, salt }
            }
            HeldOut::Files(files) => {
                if let Some(path) = files.iter().find(|file| request.inputs.contains(file)) {
                    return Err(BuildError::HeldOutOverlap { path: path.clone() });
                }
                HeldOutRule::Files { left_out_of_training: true }
            }
        };
        let ReadOptions { documents, text_field, lossy, skip_bad_records, kind } = request.read.clone();
        Ok(Recipe {
            request,
            settings: DataSettings {
                pack: request.pack,
                heldout,
                documents,
                text_field,
                lossy,
                skip_bad_records,
                kind,
                deduplicate,
                block_bytes: request.block_bytes,
            },
            tokenizer: TokenizerRecord::of(&request.tokenizer),
        })
    }

    /// Tells whether the data folder at `out` is the one that this recipe would build.
    pub(super) fn would_build(&self, manifest: &Manifest) -> Result<bool, BuildError> {
        Ok(self.agrees_with(&manifest.settings, &manifest.tokenizer, &manifest.inputs)?
            && DataSet::open(&self.request.out).is_ok())
    }

    /// Tells whether settings and tokenizer are those of this recipe, and the corpus has not changed. The
    /// files are hashed only if everything else agrees.
    pub(super) fn agrees_with(
        &self,
        settings: &DataSettings,
        tokenizer: &TokenizerRecord,
        inputs: &[InputRecord],
    ) -> Result<bool, BuildError> {
        if *settings != self.settings || *tokenizer != self.tokenizer || inputs.len() != self.files().count()
        {
            return Ok(false);
        }
        for ((path, split), input) in self.files().zip(inputs) {
            let now = InputRecord::new(path, input.bytes, hash_file(path)?, split);
            if now != *input {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn files(&self) -> impl Iterator<Item = (&PathBuf, Split)> {
        let [train, heldout] = [&self.request.inputs[..], self.request.heldout.files()];
        let of = |split| move |path| (path, split);
        train.iter().map(of(Split::Train)).chain(heldout.iter().map(of(Split::HeldOut)))
    }

    /// The record of the corpus that was read.
    pub(super) fn record(&self, reading: &ReadProgress) -> CorpusRecord {
        let (replaced, skipped) = (reading.replaced(), reading.skipped());
        CorpusRecord { inputs: self.inputs(reading), replaced, skipped }
    }

    fn inputs(&self, reading: &ReadProgress) -> Vec<InputRecord> {
        let finished = reading.finished_files();
        assert_eq!(finished.len(), self.files().count(), "every file is read to its end");
        finished
            .into_iter()
            .zip(self.files())
            .map(|(FileHash { path, bytes, blake3 }, (_, split))| {
                InputRecord::new(&path, bytes, blake3, split)
            })
            .collect()
    }

    /// Which documents are held out by their hash, but for those that are left out.
    pub(super) fn split(&self, repeated: &LeftOut) -> Result<HeldOutSplit, BuildError> {
        let HeldOut::Fraction { fraction, salt } = self.request.heldout else {
            return Ok(HeldOutSplit::new(0.0, 0));
        };
        let split = HeldOutSplit::new(fraction, salt);
        if fraction == 0.0 || corpus::total_bytes(&self.request.inputs)? > SMALL_CORPUS_BYTES {
            return Ok(split);
        }
        let documents = DocumentReader::new(self.request.inputs.clone(), self.request.read.clone());
        let kept = documents.zip(0..).filter(|(_, number)| !repeated.contains(*number));
        Ok(split.with_at_least_one(kept.map(|(document, _)| document))?)
    }
}

impl InputRecord {
    fn new(path: &Path, bytes: u64, blake3: blake3::Hash, split: Split) -> Self {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        InputRecord { file, bytes, blake3: blake3.to_hex().to_string(), split }
    }
}
