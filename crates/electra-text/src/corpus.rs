//! Text files to documents, as a stream in bounded memory.
//!
//! | file | documents |
//! |---|---|
//! | `.txt` | divided by blank lines, one per line or one per file; one paragraph a line |
//! | `.jsonl` | one record a line, the text in one of its fields |
//! | `.parquet` | one row each, the text in one column (cargo feature `parquet`) |
//!
//! Each may be compressed: `.txt.gz`, `.jsonl.zst` and so on. Lines end as [`lines`](crate::lines)
//! says; a line in which nothing is seen is blank, and a byte order mark in front of one is no part of
//! it, as where files that begin with one were put together.

mod bomb;
mod compressed;
mod error;
mod files;
mod jsonl;
mod lines;
#[cfg(feature = "parquet")]
mod parquet;
mod signature;
mod skipped;
mod text;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use compressed::Reading;
pub use compressed::{Compression, Content};
pub use error::CorpusError;
pub use files::{FileKind, expand};
pub use jsonl::field as json_object;
pub use signature::Signature;
pub use skipped::Skipped;

use crate::invisible::has_seen;

/// Longer documents are continued as a new document from here on, so that a file without a
/// single blank line is read in bounded memory too.
pub const MAX_DOCUMENT_BYTES: usize = 4 << 20;

/// The most bytes that [`read_content`] gives.
pub const MAX_CONTENT_BYTES: u64 = 1 << 30;

/// One document: paragraphs without white space around them, separated by `\n`; none is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    text: String,
}

impl Document {
    /// The paragraphs joined by `\n`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The paragraphs.
    pub fn paragraphs(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n')
    }
}

/// How a `.txt` file is divided into documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentsBy {
    /// A blank line ends a document; so does the end of a file.
    #[default]
    BlankLine,
    /// Each line is one document.
    Line,
    /// Each file is one document.
    File,
}

/// How files are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// How a `.txt` file is divided.
    pub documents: DocumentsBy,
    /// The field or column that holds the text.
    pub text_field: String,
    /// Replace bytes that are not UTF-8, and halves of characters that JSON can spell, by U+FFFD,
    /// and count them, instead of stopping.
    pub lossy: bool,
    /// Pass over records of which no text can be had, and count them, instead of stopping.
    pub skip_bad_records: bool,
}

impl Default for ReadOptions {
    /// Blank lines divide, the field is `text`, nothing is replaced or passed over.
    fn default() -> Self {
        ReadOptions {
            documents: DocumentsBy::BlankLine,
            text_field: "text".into(),
            lossy: false,
            skip_bad_records: false,
        }
    }
}

/// How far reading has come; shared with the reader's thread.
#[derive(Debug, Default)]
pub struct ReadProgress {
    bytes: AtomicU64,
    replaced: AtomicU64,
    skipped: Mutex<Skipped>,
    hashes: Mutex<Vec<FileHash>>,
}

/// A file that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHash {
    /// The file.
    pub path: PathBuf,
    /// Its size on disk.
    pub bytes: u64,
    /// blake3 of its bytes on disk.
    pub blake3: blake3::Hash,
}

impl ReadProgress {
    /// Bytes read so far, as they lie on disk.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Sequences of bytes that were not UTF-8, and halves of characters, that were replaced.
    pub fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Records that were passed over.
    pub fn skipped(&self) -> Skipped {
        *self.skipped.lock().expect("no holder of this lock can panic")
    }

    /// The files read to their end, in order.
    pub fn finished_files(&self) -> Vec<FileHash> {
        self.hashes.lock().expect("no holder of this lock can panic").clone()
    }

    fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn add_replaced(&self, sequences: u64) {
        self.replaced.fetch_add(sequences, Ordering::Relaxed);
    }

    fn add_skipped(&self, record: Skipped) {
        self.skipped.lock().expect("no holder of this lock can panic").add(&record);
    }

    fn finish_file(&self, file: FileHash) {
        self.hashes.lock().expect("no holder of this lock can panic").push(file);
    }
}

/// The documents of several files, one file after another.
pub struct DocumentReader {
    files: std::vec::IntoIter<PathBuf>,
    options: ReadOptions,
    progress: Arc<ReadProgress>,
    current: Option<Documents>,
}

type Documents = Box<dyn Iterator<Item = Result<Document, CorpusError>> + Send>;

impl DocumentReader {
    /// Reads `files` in the given order.
    pub fn new(files: Vec<PathBuf>, options: ReadOptions) -> Self {
        DocumentReader { files: files.into_iter(), options, progress: Arc::default(), current: None }
    }

    /// Goes on counting where another reader stopped.
    pub fn with_progress(mut self, progress: Arc<ReadProgress>) -> Self {
        self.progress = progress;
        self
    }

    /// How far this reader has come.
    pub fn progress(&self) -> Arc<ReadProgress> {
        self.progress.clone()
    }

    fn open(&self, path: PathBuf) -> Result<Documents, CorpusError> {
        let (kind, compression) = FileKind::of(&path)?;
        // Files of a corpus are hashed, and small ones read twice.
        let open =
            |path: &PathBuf| compressed::open_text(path, compression, Reading::Again, self.progress.clone());
        Ok(match kind {
            FileKind::Text => {
                let lines =
                    lines::Lines::new(path.clone(), open(&path)?, self.options.lossy, self.progress.clone());
                Box::new(text::TextDocuments::new(lines, self.options.documents))
            }
            FileKind::JsonLines => {
                let lines =
                    lines::Lines::new(path.clone(), open(&path)?, self.options.lossy, self.progress.clone());
                Box::new(jsonl::JsonDocuments::new(lines, &self.options, self.progress.clone()))
            }
            #[cfg(feature = "parquet")]
            FileKind::Parquet => Box::new(parquet::ParquetDocuments::open(
                path,
                compression,
                &self.options,
                self.progress.clone(),
            )?),
            #[cfg(not(feature = "parquet"))]
            FileKind::Parquet => return Err(CorpusError::WithoutParquet { path }),
        })
    }
}

impl Iterator for DocumentReader {
    type Item = Result<Document, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(documents) = &mut self.current {
                match documents.next() {
                    Some(document) => return Some(document),
                    None => self.current = None,
                }
            }
            let path = self.files.next()?;
            match self.open(path) {
                Ok(documents) => self.current = Some(documents),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The whole content of one file, uncompressed if its name ends in `.gz` or `.zst`. For files that
/// are held in memory anyway, such as labelled sentences; whatever stands before that ending is
/// of no concern.
///
/// # Errors
/// If it cannot be read, is not compressed as its name says, is no text, or has more than
/// [`MAX_CONTENT_BYTES`].
pub fn read_content(path: &Path) -> Result<Vec<u8>, CorpusError> {
    open_content(path)?.read_to_end()
}

/// Opens one file of any length, uncompressed as it is read if its name ends in `.gz` or `.zst`;
/// whatever stands before that ending is of no concern.
///
/// # Errors
/// If it cannot be opened, or begins as no text does.
pub fn open_content(path: &Path) -> Result<Content, CorpusError> {
    compressed::open_text(path, Compression::of(path).0, Reading::Once, Arc::default())
}

/// Sizes on disk, summed.
pub fn total_bytes(files: &[PathBuf]) -> Result<u64, CorpusError> {
    files.iter().try_fold(0u64, |sum, path| {
        let metadata = std::fs::metadata(path);
        let metadata = metadata.map_err(|source| CorpusError::Read { path: path.clone(), source })?;
        // Files with holes may be larger than any disk.
        Ok(sum.saturating_add(metadata.len()))
    })
}

/// Gathers paragraphs and hands out documents, none of them empty or much longer than
/// [`MAX_DOCUMENT_BYTES`].
#[derive(Default)]
struct Paragraphs {
    text: String,
}

impl Paragraphs {
    /// Adds a paragraph; gives back the document so far if it would become too long.
    fn add(&mut self, paragraph: &str) -> Option<Document> {
        let paragraph = paragraph.trim();
        if !has_seen(paragraph) {
            return None;
        }
        let full = if self.text.len() + paragraph.len() > MAX_DOCUMENT_BYTES { self.take() } else { None };
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(paragraph);
        full
    }

    fn take(&mut self) -> Option<Document> {
        let text = std::mem::take(&mut self.text);
        (!text.is_empty()).then_some(Document { text })
    }
}
