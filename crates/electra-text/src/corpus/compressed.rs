//! A file's content behind its compression, counted and hashed as it is read.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CorpusError, FileHash, ReadProgress};

const BUFFER_BYTES: usize = 256 << 10;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, one member or several.
    Gzip,
    /// Zstandard, one frame or several.
    Zstd,
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Compression::None => "uncompressed",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        })
    }
}

/// The uncompressed content of a file.
pub struct Content {
    reader: Box<dyn BufRead + Send>,
    path: PathBuf,
    compression: Compression,
    /// Uncompressed bytes read so far.
    offset: u64,
}

/// Opens a file for reading through its compression.
pub(super) fn open(
    path: &Path,
    compression: Compression,
    progress: Arc<ReadProgress>,
) -> Result<Content, CorpusError> {
    let read_error = |source| CorpusError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read_error)?;
    let counted = HashedFile {
        file,
        path: path.to_owned(),
        hasher: blake3::Hasher::new(),
        bytes: 0,
        progress,
        finished: false,
    };
    let counted = BufReader::with_capacity(BUFFER_BYTES, counted);
    let reader: Box<dyn BufRead + Send> = match compression {
        Compression::None => Box::new(counted),
        Compression::Gzip => {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, flate2::bufread::MultiGzDecoder::new(counted)))
        }
        Compression::Zstd => Box::new(BufReader::with_capacity(
            BUFFER_BYTES,
            zstd::Decoder::with_buffer(counted).map_err(read_error)?,
        )),
    };
    Ok(Content { reader, path: path.to_owned(), compression, offset: 0 })
}

impl Content {
    /// Appends bytes up to and including `\n`, at most `limit` of them; 0 at the end.
    pub(super) fn read_line(&mut self, limit: usize, line: &mut Vec<u8>) -> Result<usize, CorpusError> {
        match (&mut self.reader).take(limit as u64).read_until(b'\n', line) {
            Ok(bytes) => {
                self.offset += bytes as u64;
                Ok(bytes)
            }
            Err(error) => Err(self.error(error)),
        }
    }

    /// Everything that was not read yet.
    pub(super) fn read_to_end(mut self) -> Result<Vec<u8>, CorpusError> {
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => {
                self.offset += bytes.len() as u64;
                Err(self.error(error))
            }
        }
    }

    /// Uncompressed bytes read so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Copies everything to `target`.
    #[cfg(feature = "parquet")]
    pub(super) fn copy_to(mut self, target: &mut impl std::io::Write) -> Result<(), CorpusError> {
        std::io::copy(&mut self.reader, target).map(drop).map_err(|error| self.error(error))
    }

    fn error(&self, error: std::io::Error) -> CorpusError {
        use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
        let (path, compression, bytes) = (self.path.clone(), self.compression, self.offset);
        match (compression, error.kind()) {
            (Compression::None, _) => CorpusError::Read { path, source: error },
            (_, UnexpectedEof) => CorpusError::Truncated { path, compression, bytes },
            // A decompressor's own complaints carry no number of the operating system.
            (_, InvalidData | InvalidInput | Other) if error.raw_os_error().is_none() => {
                CorpusError::Corrupt { path, compression, what: error.to_string(), bytes }
            }
            _ => CorpusError::Read { path, source: error },
        }
    }
}

/// Errors of this reader hold a [`CorpusError`], which names the file.
impl Read for Content {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        match self.reader.read(target) {
            Ok(bytes) => {
                self.offset += bytes as u64;
                Ok(bytes)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(std::io::Error::other(self.error(error))),
        }
    }
}

/// Hashes a file while it is read and reports the hash at its end.
struct HashedFile {
    file: File,
    path: PathBuf,
    hasher: blake3::Hasher,
    bytes: u64,
    progress: Arc<ReadProgress>,
    finished: bool,
}

impl Read for HashedFile {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.bytes += read as u64;
        self.progress.add_bytes(read as u64);
        if read == 0 && !buffer.is_empty() && !self.finished {
            self.finished = true;
            self.progress.finish_file(FileHash {
                path: self.path.clone(),
                bytes: self.bytes,
                blake3: self.hasher.finalize(),
            });
        }
        Ok(read)
    }
}
