//! The request for a data folder: the files of the corpus and the settings by which they become rows.

use std::path::PathBuf;

use crate::corpus::ReadOptions;
use crate::pack::PackSettings;
use crate::wordpiece::Tokenizer;

/// Text bytes after which a block of documents ends.
pub const BLOCK_BYTES: u64 = 4 << 20;

/// Corpora of at most this many bytes on disk are read once more beforehand, to make sure that
/// at least one document is held out.
pub const SMALL_CORPUS_BYTES: u64 = 32 << 20;

/// A request to build a data folder.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// The files of the corpus, in order.
    pub inputs: Vec<PathBuf>,
    /// Which documents are kept from training.
    pub heldout: HeldOut,
    /// The options for reading files.
    pub read: ReadOptions,
    /// Whether documents that nearly repeat an earlier one are left out.
    pub deduplicate: Option<Deduplicate>,
    /// The tokenizer that turns text into ids.
    pub tokenizer: Tokenizer,
    /// The settings for packing documents into rows.
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

/// How documents that nearly repeat an earlier one are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deduplicate {
    /// Least Jaccard similarity of two documents of which the second is left out:
    /// [`MIN_THRESHOLD`](crate::near_duplicates::MIN_THRESHOLD) to 1.
    pub threshold: f64,
    /// Memory for what is known of the documents that are kept; no influence on the result.
    pub memory_bytes: u64,
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
    pub(super) fn files(&self) -> &[PathBuf] {
        match self {
            HeldOut::Fraction { .. } => &[],
            HeldOut::Files(files) => files,
        }
    }
}
