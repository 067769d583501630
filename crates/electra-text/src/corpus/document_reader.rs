//! The documents of several files as one stream, each file read as what its name says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::{ArchiveDocuments, Documents};
use super::compressed::{Content, Readings, open};
#[cfg(feature = "parquet")]
use super::compression::Compression;
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
        let (kind, compression) = FileKind::of_or(&path, self.options.kind)?;
        let progress = self.progress.clone();
        match kind {
            FileKind::Tar | FileKind::Zip => {
                let options = self.options.clone();
                let archive =
                    ArchiveDocuments::open(path, kind, compression, options, progress, documents_of)?;
                Ok(Box::new(archive))
            }
            #[cfg(not(feature = "parquet"))]
            FileKind::Parquet => Err(CorpusError::WithoutParquet { path }),
            #[cfg(feature = "parquet")]
            FileKind::Parquet if compression == Compression::None => {
                Ok(Box::new(ParquetDocuments::open(path, &self.options, progress)?))
            }
            _ => {
                // Files of a corpus are hashed, and small ones read twice.
                let content = open(&path, compression, Readings::Again, progress)?;
                documents_of(kind, content, &path, &self.options, &self.progress)
            }
        }
    }
}

/// The documents of a file of a kind, by its content.
fn documents_of(
    kind: FileKind,
    content: Content,
    path: &Path,
    options: &ReadOptions,
    progress: &Arc<ReadProgress>,
) -> Result<Documents, CorpusError> {
    let lines = |content: Content| {
        Ok(Lines::new(path.to_owned(), content.into_text()?, options.lossy, progress.clone()))
    };
    Ok(match kind {
        FileKind::Text => Box::new(TextDocuments::new(lines(content)?, options.documents)),
        FileKind::JsonLines => Box::new(JsonDocuments::new(lines(content)?, options, progress.clone())),
        #[cfg(feature = "parquet")]
        FileKind::Parquet => {
            Box::new(ParquetDocuments::of_content(path.to_owned(), content, options, progress.clone())?)
        }
        #[cfg(not(feature = "parquet"))]
        FileKind::Parquet => return Err(CorpusError::WithoutParquet { path: path.to_owned() }),
        FileKind::Tar | FileKind::Zip => unreachable!("an archive is no file of documents"),
    })
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
