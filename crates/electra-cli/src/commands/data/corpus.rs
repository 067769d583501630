//! Arguments that say which files a corpus is and how they are read.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use electra_text::corpus::{self, CorpusError, DocumentsBy, ReadOptions};

/// The help text about the files that can be read, which depends on the features of this program.
const FILES: &str = match cfg!(feature = "parquet") {
    true => "Files or patterns (`*`, `**`): .txt, .jsonl, .parquet, each also .gz or .zst",
    false => "Files or patterns (`*`, `**`): .txt, .jsonl, each also .gz or .zst",
};

const TEXT_FIELD: &str = match cfg!(feature = "parquet") {
    true => "Field of .jsonl records or column of .parquet files that holds the text",
    false => "Field of .jsonl records that holds the text",
};

/// Arguments for reading a corpus.
#[derive(Args)]
pub(super) struct Corpus {
    #[arg(long, required = true, num_args = 1.., value_name = "FILES", help = FILES)]
    input: Vec<OsString>,
    #[arg(long, default_value = "text", value_name = "NAME", help = TEXT_FIELD)]
    text_field: String,
    /// Division of a .txt file into documents
    #[arg(long, value_enum, default_value_t = Documents::BlankLine)]
    documents: Documents,
    /// Replace what is not Unicode by U+FFFD instead of stopping at it: bytes that are not UTF-8, halves of characters
    #[arg(long)]
    lossy: bool,
    /// Pass over records of which no text can be had, and count them
    #[arg(long)]
    skip_bad_records: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Documents {
    /// A blank line ends a document; so does one of white space and invisible characters
    BlankLine,
    /// Each line is one document
    Line,
    /// Each file is one document
    File,
}

impl Corpus {
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, CorpusError> {
        corpus::expand(&self.input)
    }

    pub(super) fn options(&self) -> ReadOptions {
        let documents = match self.documents {
            Documents::BlankLine => DocumentsBy::BlankLine,
            Documents::Line => DocumentsBy::Line,
            Documents::File => DocumentsBy::File,
        };
        let (lossy, skip_bad_records) = (self.lossy, self.skip_bad_records);
        ReadOptions { documents, text_field: self.text_field.clone(), lossy, skip_bad_records }
    }
}
