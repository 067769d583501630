//! The manifest of a data folder: `manifest.json`.
//!
//! Nothing in it depends on the machine, the time or the number of threads, so building the same
//! data twice gives the same bytes.

mod agreement;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::corpus::Skipped;
use crate::coverage::Coverage;
use crate::data_error::DataError;
use crate::near_duplicates::{Deduplication, DuplicateCounts};
use crate::pack::PackSettings;
use crate::read_once;
use crate::shard::{RowShape, ShardRecord, Split};
use crate::vocab::SpecialIds;

pub(crate) use agreement::check_corpus_counts;

/// The format written here and the newest that can be read. Format 1 has no [`Manifest::seal`].
pub const MANIFEST_FORMAT: u32 = 2;

/// The most bytes that a manifest may have: one of a part names every block of its corpus.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 256 << 20;

/// File name of the manifest inside a data folder.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Folder of the tokenizer inside a data folder.
pub const TOKENIZER_FOLDER: &str = "tokenizer";

/// Everything that is known about a data folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Layout of this file, [`MANIFEST_FORMAT`].
    pub format: u32,
    /// Identity of the content: see [`Manifest::data_hash`].
    pub data_hash: String,
    /// The settings by which the corpus became rows.
    pub settings: DataSettings,
    /// The record of the tokenizer that turned text into ids.
    pub tokenizer: TokenizerRecord,
    /// The files that were read, in order.
    pub inputs: Vec<InputRecord>,
    /// Sequences of bytes that were not UTF-8, and halves of characters, that were replaced
    /// (`--lossy`).
    pub replaced: u64,
    /// Records that were passed over (`--skip-bad-records`).
    #[serde(default, skip_serializing_if = "Skipped::is_empty")]
    pub skipped: Skipped,
    /// Documents left out of training because the held-out files have them too.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// Documents left out because they nearly repeat an earlier one.
    #[serde(default, skip_serializing_if = "DuplicateCounts::is_empty")]
    pub duplicates: DuplicateCounts,
    /// The counts of the training split.
    pub train: SplitCounts,
    /// The counts of the held-out split.
    pub heldout: SplitCounts,
    /// Rows in every shard of a split but the last.
    pub rows_per_shard: u64,
    /// The shards, those of the training split first.
    pub shards: Vec<ShardRecord>,
    /// Hash of everything above, so that damage to any of it is noticed. Format 1 lacks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}

/// Hash of a manifest that has no seal yet.
pub(crate) fn seal_of(unsealed: &impl Serialize) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("electra data manifest 2");
    serde_json::to_writer(&mut hasher, unsealed).expect("a manifest is plain data, and a hash takes it");
    hasher.finalize().to_hex().to_string()
}

/// Checks the seal of a manifest of this format.
pub(crate) fn check_seal(format: u32, seal: Option<&String>, expected: &str) -> Result<(), String> {
    match seal {
        Some(seal) if seal != expected => Err(format!("its seal is {seal}, its content gives {expected}")),
        None if format > 1 => Err("its seal is missing".into()),
        _ => Ok(()),
    }
}

/// Settings that decide which rows come out of a corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// The settings for packing documents into rows.
    pub pack: PackSettings,
    /// Which documents are held out.
    pub heldout: HeldOutRule,
    /// The rule by which a `.txt` file is divided into documents.
    pub documents: crate::corpus::DocumentsBy,
    /// The field of a `.jsonl` record or the column of a Parquet file that holds the text.
    pub text_field: String,
    /// Whether bytes that are not UTF-8 were replaced instead of refused.
    pub lossy: bool,
    /// Whether records without a text were passed over instead of refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad_records: bool,
    /// The kind of all files, where it was said: their names announce it otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<crate::corpus::FileKind>,
    /// How documents that nearly repeat an earlier one were told, where they were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplicate: Option<Deduplication>,
    /// Text bytes after which a block of documents ends; packing starts afresh there.
    pub block_bytes: u64,
}

/// Which documents are kept from training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum HeldOutRule {
    /// Documents whose hash falls into the lowest `fraction`; see [`crate::heldout`].
    Hash {
        /// Share of the documents, 0 to below 1.
        fraction: f64,
        /// Another salt chooses other documents.
        salt: u64,
    },
    /// All documents of separate files.
    Files {
        /// Whether documents that the other files have too were left out of training; older folders
        /// trained on them.
        #[serde(default)]
        left_out_of_training: bool,
    },
}

/// The record of the tokenizer that turned text into ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerRecord {
    /// [`crate::wordpiece::Tokenizer::hash`] as hexadecimal digits.
    pub hash: String,
    /// Number of pieces.
    pub vocab_size: usize,
    /// Whether upper case is kept.
    pub cased: bool,
    /// Ids of the special tokens.
    pub special: SpecialIds,
}

/// One file of the corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputRecord {
    /// File name without its folder.
    pub file: String,
    /// Size as it lies on disk.
    pub bytes: u64,
    /// blake3 of the file as it lies on disk.
    pub blake3: String,
    /// `heldout` for files that were given as held-out files.
    pub split: Split,
}

/// Sums over one split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitCounts {
    /// The number of documents.
    pub documents: u64,
    /// The size of the text in bytes.
    pub text_bytes: u64,
    /// Tokens of the text, before packing; specials not counted.
    pub text_tokens: u64,
    /// The number of `text_tokens` that are `[UNK]`.
    pub unknown: u64,
    /// The number of rows.
    pub examples: u64,
    /// Ids in use over all rows, specials counted.
    pub tokens: u64,
    /// The text in words and characters, and how much of it is unknown. Older folders lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
}

pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl SplitCounts {
    /// Adds the sums of another set of documents.
    pub fn add(&mut self, other: &SplitCounts) {
        self.coverage = match (self.coverage, other.coverage) {
            (Some(mut sum), Some(more)) => {
                sum.add(&more);
                Some(sum)
            }
            // Known only if it is known of all documents.
            (None, known) if self.documents == 0 => known,
            (known, None) if other.documents == 0 => known,
            _ => None,
        };
        self.documents += other.documents;
        self.text_bytes += other.text_bytes;
        self.text_tokens += other.text_tokens;
        self.unknown += other.unknown;
        self.examples += other.examples;
        self.tokens += other.tokens;
    }
}

impl Manifest {
    /// Reads `manifest.json` of a data folder.
    pub fn read(folder: &Path) -> Result<Self, DataError> {
        let path = folder.join(MANIFEST_FILE);
        let text = match read_once::read_regular(&path, MAX_MANIFEST_BYTES).and_then(read_once::utf8) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(DataError::NoManifest { folder: folder.to_owned() });
            }
            other => other.map_err(DataError::reading(&path))?,
        };
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged = |what: String| DataError::ManifestDamaged { path: path.clone(), what };
        let Format { format } = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if format == 0 {
            return Err(damaged("its format is 0, expected at least 1".into()));
        }
        if format > MANIFEST_FORMAT {
            let supported = MANIFEST_FORMAT;
            return Err(DataError::ManifestVersion { path, found: format, supported });
        }
        let manifest: Manifest = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        let expected = manifest.compute_data_hash();
        if manifest.data_hash != expected {
            return Err(damaged(format!(
                "its data_hash is {}, its shards and settings give {expected}",
                manifest.data_hash
            )));
        }
        check_seal(format, manifest.seal.as_ref(), &manifest.expected_seal()).map_err(damaged)?;
        manifest.check().map_err(damaged)?;
        Ok(manifest)
    }

    /// This manifest with the data hash and the seal that its content gives.
    pub fn sealed(mut self) -> Self {
        self.data_hash = self.compute_data_hash();
        self.seal = Some(self.expected_seal());
        self
    }

    fn expected_seal(&self) -> String {
        seal_of(&Manifest { seal: None, ..self.clone() })
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest is plain data");
        text.push('\n');
        text
    }

    /// Identity of the content: the rows of both splits in their order, and the tokenizer.
    ///
    /// Two folders with the same hash train the same model; where the corpus lay and how its
    /// files were cut does not enter.
    pub fn data_hash(&self) -> &str {
        &self.data_hash
    }

    /// Sums over `split`.
    pub fn counts(&self, split: Split) -> &SplitCounts {
        match split {
            Split::Train => &self.train,
            Split::HeldOut => &self.heldout,
        }
    }

    /// The shards of `split`, in order.
    pub fn shards(&self, split: Split) -> impl Iterator<Item = &ShardRecord> {
        self.shards.iter().filter(move |shard| shard.split == split)
    }

    /// The row shape of the data folder: length of rows and size of the vocabulary.
    pub fn row_shape(&self) -> RowShape {
        RowShape { seq_len: self.settings.pack.seq_len, vocab_size: self.tokenizer.vocab_size }
    }

    pub(crate) fn compute_data_hash(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("electra data folder 1");
        let mut line = |text: String| {
            hasher.update(text.as_bytes());
            hasher.update(b"\n");
        };
        // Of the shards: what this file looks like does not enter.
        line("format 1".into());
        line(format!("seq_len {}", self.settings.pack.seq_len));
        line(format!("tokenizer {}", self.tokenizer.hash));
        for shard in &self.shards {
            line(format!("{} {} {}", shard.split.name(), shard.examples, shard.blake3));
        }
        hasher.finalize().to_hex().to_string()
    }
}
