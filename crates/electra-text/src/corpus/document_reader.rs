//! The documents of several files as one stream, each file read as what its name says.

use std::path::PathBuf;
use std::sync::Arc;

use super::compressed::{Readings, open_text};
use super::document::Document;
use super::error::CorpusError;
use super::files::FileKind;
use super::jsonl::JsonDocuments;
use super::lines::Lines;
#[cfg(feature = "parquet")]
use super::parquet::ParquetDocuments;
use super::read_options::ReadOptions;
use super::read_progress::ReadProgress;
use super::text::TextDocuments;

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

    /// The progress of this reader.
    pub fn progress(&self) -> Arc<ReadProgress> {
        self.progress.clone()
    }

    fn open(&self, path: PathBuf) -> Result<Documents, CorpusError> {
        let (kind, compression) = FileKind::of(&path)?;
        // Files of a corpus are hashed, and small ones read twice.
        let open = |path: &PathBuf| open_text(path, compression, Readings::Again, self.progress.clone());
        Ok(match kind {
            FileKind::Text => {
                let lines = Lines::new(path.clone(), open(&path)?, self.options.lossy, self.progress.clone());
                Box::new(TextDocuments::new(lines, self.options.documents))
            }
            FileKind::JsonLines => {
                let lines = Lines::new(path.clone(), open(&path)?, self.options.lossy, self.progress.clone());
                Box::new(JsonDocuments::new(lines, &self.options, self.progress.clone()))
            }
            #[cfg(feature = "parquet")]
            FileKind::Parquet => {
                Box::new(ParquetDocuments::open(path, compression, &self.options, self.progress.clone())?)
            }
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
