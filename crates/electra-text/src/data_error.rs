//! The errors of reading a data folder.

use std::path::{Path, PathBuf};

use crate::wordpiece::TokenizerError;

/// An error about a folder of shards: each names the file, what was found and what to do.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum DataError {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    /// A file or folder could not be written.
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
    /// The tokenizer beside the shards cannot be used.
    #[error("{0}")]
    Tokenizer(
        #[from]
        #[diagnostic_source]
        TokenizerError,
    ),
    /// The folder holds no manifest.
    #[error("{folder} holds no manifest.json, so it is not a finished data folder")]
    #[diagnostic(help("`electra data build` makes one"))]
    NoManifest { folder: PathBuf },
    /// The manifest is not what the program writes.
    #[error("{path} is damaged: {what}")]
    #[diagnostic(help("build the data again or restore the file"))]
    ManifestDamaged {
        /// The path of the manifest.
        path: PathBuf,
        /// A description of what does not fit.
        what: String,
    },
    /// The manifest was written by a newer program.
    #[error("{path} has format {found}, this program reads up to format {supported}")]
    #[diagnostic(help("use a newer program or build the data again"))]
    ManifestVersion {
        /// The path of the manifest.
        path: PathBuf,
        /// The format number of the manifest.
        found: u32,
        /// The newest format known here.
        supported: u32,
    },
    /// The file does not begin as a shard does.
    #[error("{path} is not a shard of token ids")]
    #[diagnostic(help("build the data again or copy the file again"))]
    NotAShard { path: PathBuf },
    /// The shard was written by a newer program.
    #[error("{path} has shard format {found}, this program reads up to {supported}")]
    #[diagnostic(help("use a newer program or build the data again"))]
    ShardVersion {
        /// The path of the shard.
        path: PathBuf,
        /// The format number of the shard.
        found: u32,
        /// The newest format known here.
        supported: u32,
    },
    /// The header's checksum does not fit.
    #[error("the header of {path} is damaged: its checksum does not fit")]
    #[diagnostic(help("build the data again or copy the file again"))]
    HeaderDamaged {
        /// The path of the shard.
        path: PathBuf,
    },
    /// The shard was cut short, or something was appended.
    #[error("{path} has {found} bytes, expected {expected}: it was cut short or changed")]
    #[diagnostic(help("build the data again or copy the file again"))]
    ShardLength {
        /// The path of the shard.
        path: PathBuf,
        /// The size found, in bytes.
        found: u64,
        /// The size its rows need.
        expected: u64,
    },
    /// Header and manifest contradict each other.
    #[error("{path} belongs to other data: its {what} is {found}, the manifest says {expected}")]
    #[diagnostic(help("build the data again or copy the whole folder again"))]
    ShardMismatch {
        /// The path of the shard.
        path: PathBuf,
        /// The name of the field.
        what: &'static str,
        /// The value in the shard's header.
        found: String,
        /// The value in the manifest.
        expected: String,
    },
    /// The content's hash does not fit.
    #[error("{path} is damaged: its blake3 is {found}, the manifest says {expected}")]
    #[diagnostic(help("build the data again or copy the file again"))]
    ShardDamaged {
        /// The path of the shard.
        path: PathBuf,
        /// Hash of what is there.
        found: String,
        /// Hash of what was written.
        expected: String,
    },
    /// A row that no builder writes.
    #[error("row {row} of {path} cannot be right: {what}")]
    #[diagnostic(help("build the data again or copy the file again"))]
    RowDamaged {
        /// The path of the shard.
        path: PathBuf,
        /// The row, from 0.
        row: u64,
        /// A description of what is wrong.
        what: String,
    },
    /// The shards were built with another tokenizer.
    #[error("{folder} was built with tokenizer {expected}, not with {found}")]
    #[diagnostic(help("use {folder}/tokenizer, or build the data again with the other one", folder = .folder.display()))]
    OtherTokenizer {
        /// The data folder.
        folder: PathBuf,
        /// Hash of the tokenizer at hand.
        found: String,
        /// Hash of the tokenizer in the manifest.
        expected: String,
    },
}

impl DataError {
    /// Turns an I/O error into [`DataError::Read`] of `path`.
    pub(crate) fn reading(path: &Path) -> impl Fn(std::io::Error) -> DataError + '_ {
        move |source| DataError::Read { path: path.to_owned(), source }
    }

    /// Turns an I/O error into [`DataError::Write`] of `path`.
    pub(crate) fn writing(path: &Path) -> impl Fn(std::io::Error) -> DataError + '_ {
        move |source| DataError::Write { path: path.to_owned(), source }
    }
}
