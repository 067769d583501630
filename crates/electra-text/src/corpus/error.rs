//! The errors of reading a corpus.

use std::fmt;
use std::path::PathBuf;

use super::compression::Compression;
use super::limits::MAX_CONTENT_BYTES;

/// An error about the files of a corpus: each names the file, the place in it and what to do.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum CorpusError {
    /// A pattern matched nothing.
    #[error("no file matches {pattern}")]
    #[diagnostic(help("check the name, and quote patterns so that the shell leaves them alone"))]
    NoMatch {
        /// The glob pattern.
        pattern: String,
    },
    /// A pattern that is none.
    #[error("{pattern} is not a pattern for files: {what}")]
    #[diagnostic(help("correct it, or name the files"))]
    BadPattern {
        /// The glob pattern.
        pattern: String,
        /// A description of what is wrong.
        what: String,
    },
    /// A folder where files were expected.
    #[error("{path} is a folder")]
    #[diagnostic(help("name its files, for example {path}/**/*.{ending}", path = .path.display()))]
    Folder {
        path: PathBuf,
        /// The ending of a file in it.
        ending: String,
    },
    /// A file of a kind that cannot be read.
    #[error("cannot tell what {path} holds")]
    #[diagnostic(help("give it a name that ends in {}, perhaps followed by .gz, .zst, .xz or .bz2, or in .tar or .zip, or say what it holds", if cfg!(feature = "parquet") { ".txt, .jsonl or .parquet" } else { ".txt or .jsonl" }))]
    UnknownKind { path: PathBuf },
    /// Parquet was left out of this program.
    #[error("{path} is a Parquet file, and this program was built without Parquet")]
    #[diagnostic(help("build it with the cargo feature `parquet`"))]
    WithoutParquet { path: PathBuf },
    /// The files hold no document.
    #[error("the corpus is empty: there is no text in {files} file(s), the first being {first}")]
    #[diagnostic(help("give files with text in them"))]
    Empty {
        files: usize,
        /// The first of them.
        first: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    /// A compressed file ends too early.
    #[error("{path} was cut short: its {compression} data ends in the middle, after {bytes} bytes of text")]
    #[diagnostic(help("copy or download it again"))]
    Truncated {
        path: PathBuf,
        compression: Compression,
        /// Bytes of text that could be read.
        bytes: u64,
    },
    /// A compressed file is damaged, or not compressed as its name says.
    #[error("{path} is no valid {compression} file: {what}, after {bytes} bytes of text")]
    #[diagnostic(help("{remedy}"))]
    Corrupt {
        path: PathBuf,
        /// The compression that the name of the file stands for.
        compression: Compression,
        /// The decompressor's message.
        what: String,
        /// Bytes of text that could be read.
        bytes: u64,
        /// The advice: what to do about the error.
        remedy: String,
    },
    /// An archive that unpacks to more than text does.
    #[error("{path} is no archive of text: {packed} bytes of it unpack to more than {unpacked}")]
    #[diagnostic(help("if it is meant to be read, unpack it first"))]
    DecompressionBomb {
        path: PathBuf,
        /// Bytes read of it.
        packed: u64,
        /// Bytes that they unpacked to.
        unpacked: u64,
    },
    /// An archive that cannot be read.
    #[error("{path} cannot be read: {what}")]
    #[diagnostic(help("{remedy}"))]
    Archive {
        /// The archive, or a member of it.
        path: PathBuf,
        /// A description of what is wrong.
        what: String,
        /// The advice: what to do about the error.
        remedy: &'static str,
    },
    /// A text that is not held in memory.
    #[error("{path} has more than {MAX_CONTENT_BYTES} bytes of text, which is held in memory")]
    #[diagnostic(help("divide the file"))]
    TooLong { path: PathBuf },
    /// A file that is something else than text.
    #[error("{path} {what}, and text was expected")]
    #[diagnostic(help("{remedy}"))]
    NoText {
        path: PathBuf,
        /// The kind of the file, or of the file within its compression.
        what: String,
        /// The advice: what to do about the error.
        remedy: &'static str,
    },
    /// Bytes that are not UTF-8.
    #[error(
        "{path} is not UTF-8: line {line} has the byte 0x{byte:02x} at offset {offset} of the (uncompressed) file"
    )]
    #[diagnostic(help("convert the file, or have such bytes replaced"))]
    NotUtf8 {
        path: PathBuf,
        /// The line number, counted from 1.
        line: u64,
        /// Byte offset in the uncompressed file, from 0.
        offset: u64,
        /// The first byte that does not fit.
        byte: u8,
    },
    /// A line that is not a JSON object.
    #[error("line {line} of {path} is not a JSON object: {what} at character {column}, {excerpt:?}")]
    #[diagnostic(help("mend it, or pass over such records"))]
    BadJson {
        path: PathBuf,
        /// The line number, counted from 1.
        line: u64,
        /// Character in the line, from 1.
        column: usize,
        /// The text that was found and what was expected in its place.
        what: &'static str,
        /// A few characters from there on.
        excerpt: String,
    },
    /// Half of a character in the text.
    #[error(
        "line {line} of {path}: the field {field:?} has half of a character at character {column} of the line, {excerpt:?}"
    )]
    #[diagnostic(help("have it replaced by U+FFFD, or pass over such records"))]
    LoneSurrogate {
        path: PathBuf,
        /// The line number, counted from 1.
        line: u64,
        /// Character in the line, from 1.
        column: usize,
        field: String,
        /// A few characters from there on.
        excerpt: String,
    },
    /// A JSON record too long to be held in memory.
    #[error("line {line} of {path} is longer than {limit} bytes")]
    #[diagnostic(help("divide the record, or pass over such records"))]
    LongRecord {
        path: PathBuf,
        /// The line number, counted from 1.
        line: u64,
        /// Longest line accepted.
        limit: usize,
    },
    /// The text field is not there.
    #[error("line {line} of {path} has no field {field:?}, it has {found}")]
    #[diagnostic(help("name the right one, or pass over such records"))]
    MissingField {
        path: PathBuf,
        /// The line number, counted from 1.
        line: u64,
        /// The field asked for.
        field: String,
        /// The fields that are there.
        found: String,
    },
    /// The text field holds something else.
    #[error("line {line} of {path}: the field {field:?} holds {found}, expected a string")]
    #[diagnostic(help("name another field, or pass over such records"))]
    NotText {
        path: PathBuf,
        /// The line number, counted from 1.
        line: u64,
        field: String,
        /// The JSON type of the value found in the field.
        found: &'static str,
    },
    /// A Parquet file that cannot be used.
    #[error("{path}: {what}")]
    #[diagnostic(help("{remedy}"))]
    Parquet {
        path: PathBuf,
        /// A description of what is wrong.
        what: String,
        /// The advice: what to do about the error.
        remedy: ParquetRemedy,
    },
}

/// The advice for a Parquet file that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParquetRemedy {
    /// The file is damaged.
    CopyAgain,
    /// The text stands in another column.
    OtherColumn,
    /// Bytes that are not UTF-8 can be replaced, or their records left out.
    ReplaceBytes,
}

impl fmt::Display for ParquetRemedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CopyAgain => "copy or download it again",
            Self::OtherColumn => "name the right one",
            Self::ReplaceBytes => "have such bytes replaced, or pass over such records",
        })
    }
}
