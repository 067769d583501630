//! Arguments that say which files a corpus is and how they are read.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use electra_text::corpus::{self, CorpusError, DocumentsBy, FileKind, ReadOptions, StandardInput};

/// The help text about the files that can be read, which depends on the features of this program.
const FILES: &str = match cfg!(feature = "parquet") {
    true => {
        "Files or patterns (`*`, `**`): .txt, .jsonl, .json of JSON lines, .parquet, each also .gz, .zst, .xz or .bz2, \
         and .tar (also compressed) and .zip of such files; - is standard input, with --kind"
    }
    false => {
        "Files or patterns (`*`, `**`): .txt, .jsonl, .json of JSON lines, each also .gz, .zst, .xz or .bz2, and .tar \
         (also compressed) and .zip of such files; - is standard input, with --kind"
    }
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
    /// Kind of all files, and of those in archives, whatever they are called [default: by their names]
    #[arg(long, value_enum)]
    kind: Option<Kind>,
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
enum Kind {
    /// Plain text
    Text,
    /// One JSON object a line
    JsonLines,
    /// Apache Parquet
    #[cfg(feature = "parquet")]
    Parquet,
    /// A tar archive
    Tar,
    /// A zip archive
    Zip,
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
    /// The files, and standard input if it is one of them: its copy is there as long as this value.
    pub(super) fn files(&self) -> Result<(Vec<PathBuf>, Option<StandardInput>), CorpusError> {
        let (named, standard): (Vec<&OsString>, Vec<&OsString>) =
            self.input.iter().partition(|name| *name != "-");
        let mut files = corpus::expand(&named, self.kind())?;
        if standard.is_empty() {
            return Ok((files, None));
        }
        if self.kind().is_none() {
            return Err(CorpusError::UnknownKind { path: "-".into() });
        }
        let copy = StandardInput::copy(&mut std::io::stdin().lock())?;
        files.push(copy.path().to_owned());
        Ok((files, Some(copy)))
    }

    /// The kind of all files, where it was said.
    pub(super) fn kind(&self) -> Option<FileKind> {
        self.kind.map(|kind| match kind {
            Kind::Text => FileKind::Text,
            Kind::JsonLines => FileKind::JsonLines,
            #[cfg(feature = "parquet")]
            Kind::Parquet => FileKind::Parquet,
            Kind::Tar => FileKind::Tar,
            Kind::Zip => FileKind::Zip,
        })
    }

    pub(super) fn options(&self) -> ReadOptions {
        let documents = match self.documents {
            Documents::BlankLine => DocumentsBy::BlankLine,
            Documents::Line => DocumentsBy::Line,
            Documents::File => DocumentsBy::File,
        };
        let (lossy, skip_bad_records) = (self.lossy, self.skip_bad_records);
        ReadOptions {
            documents,
            text_field: self.text_field.clone(),
            lossy,
            skip_bad_records,
            kind: self.kind(),
        }
    }
}
