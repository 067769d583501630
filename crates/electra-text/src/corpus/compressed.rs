//! A file's content behind its compression, counted and hashed as it is read.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use electra_files::regular;

use super::bomb::{DecompressionBomb, Packed};
use super::compression::Compression;
use super::decoder::{BUFFER_BYTES, Stream, decoded};
use super::error::CorpusError;
use super::limits::MAX_CONTENT_BYTES;
use super::read_progress::{FileHash, ReadProgress};
use super::signature::{LENGTH, Signature};
use crate::lines::{LineRead, LineReader};
use crate::read_once;

/// The uncompressed content of a file.
pub struct Content {
    reader: LineReader<Stream>,
    path: PathBuf,
    compression: Compression,
    /// Uncompressed bytes read so far.
    offset: u64,
}

/// The number of times that a file will be read: once or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readings {
    /// Once, so that it may be a pipe.
    Once,
    /// Perhaps again, or from another place: only a regular file can be.
    Again,
}

/// The whole content of one file, uncompressed if its name ends in `.gz`, `.zst`, `.xz` or `.bz2`. For files that
/// are held in memory anyway, such as labelled sentences; whatever stands before that ending is
/// of no concern.
///
/// # Errors
/// If it cannot be read, is not compressed as its name says, is no text, or has more than
/// [`MAX_CONTENT_BYTES`].
pub fn read_content(path: &Path) -> Result<Vec<u8>, CorpusError> {
    open_content(path)?.read_to_end()
}

/// Opens one file of any length, uncompressed as it is read if its name ends in `.gz`, `.zst`, `.xz` or
/// `.bz2`; whatever stands before that ending is of no concern.
///
/// # Errors
/// If it cannot be opened, or begins as no text does.
pub fn open_content(path: &Path) -> Result<Content, CorpusError> {
    open_text(path, Compression::of(path).0, Readings::Once, Arc::default())
}

/// Opens a file for reading through its compression.
pub(super) fn open(
    path: &Path,
    compression: Compression,
    reading: Readings,
    progress: Arc<ReadProgress>,
) -> Result<Content, CorpusError> {
    let read_error = |source| CorpusError::Read { path: path.to_owned(), source };
    let file = match reading {
        Readings::Once => read_once::open(path),
        Readings::Again => regular::open(path),
    }
    .map_err(read_error)?;
    let packed = Packed::default();
    let counted = HashedFile {
        file,
        path: path.to_owned(),
        hasher: blake3::Hasher::new(),
        bytes: 0,
        packed: packed.clone(),
        progress,
        finished: false,
    };
    Content::new(path, compression, Box::new(BufReader::with_capacity(BUFFER_BYTES, counted)), packed)
}

/// As [`open`], for a file of text: what begins as something else does is refused by its name.
fn open_text(
    path: &Path,
    compression: Compression,
    reading: Readings,
    progress: Arc<ReadProgress>,
) -> Result<Content, CorpusError> {
    open(path, compression, reading, progress)?.into_text()
}

impl Content {
    /// The content of `stream`, which `path` names in errors; `packed` counts what is read of it.
    pub(super) fn new(
        path: &Path,
        compression: Compression,
        stream: Stream,
        packed: Packed,
    ) -> Result<Self, CorpusError> {
        let read_error = |source| CorpusError::Read { path: path.to_owned(), source };
        let reader = LineReader::new(decoded(stream, compression, packed).map_err(read_error)?);
        Ok(Content { reader, path: path.to_owned(), compression, offset: 0 })
    }

    /// This content, unless it begins as something else than text does.
    pub(super) fn into_text(mut self) -> Result<Self, CorpusError> {
        let found = match self.reader.get_mut().fill_buf() {
            Ok(beginning) => Signature::of(beginning),
            Err(error) => return Err(self.error(error)),
        };
        let Some(&Signature { kind, remedy, .. }) = found else { return Ok(self) };
        let what = match self.compression {
            Compression::None => format!("is {kind}"),
            _ => format!("unpacks to {kind}"),
        };
        Err(CorpusError::NoText { path: self.path, what, remedy })
    }

    /// Appends what is left of a line, without its end, to `line`: at most `limit` bytes.
    pub(super) fn read_line(&mut self, limit: usize, line: &mut Vec<u8>) -> Result<LineRead, CorpusError> {
        match self.reader.read(limit, line) {
            Ok(read) => {
                self.offset += read.bytes;
                Ok(read)
            }
            Err(error) => Err(self.error(error)),
        }
    }

    /// Reads everything that was not read yet, at most [`MAX_CONTENT_BYTES`].
    pub(super) fn read_to_end(mut self) -> Result<Vec<u8>, CorpusError> {
        let mut bytes = Vec::new();
        match self.reader.get_mut().take(MAX_CONTENT_BYTES + 1).read_to_end(&mut bytes) {
            Ok(read) if read as u64 > MAX_CONTENT_BYTES => Err(CorpusError::TooLong { path: self.path }),
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
    pub(super) fn copy_to(mut self, target: &mut impl std::io::Write) -> Result<(), CorpusError> {
        std::io::copy(self.reader.get_mut(), target).map(drop).map_err(|error| self.error(error))
    }

    fn error(&self, error: std::io::Error) -> CorpusError {
        use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
        // The archive around this file has failed, and says so itself.
        let error = match error.downcast::<CorpusError>() {
            Ok(of_archive) => return of_archive,
            Err(error) => error,
        };
        let (path, compression, bytes) = (self.path.clone(), self.compression, self.offset);
        let bomb = error.get_ref().and_then(|inner| inner.downcast_ref::<DecompressionBomb>());
        if let Some(&DecompressionBomb { packed, unpacked }) = bomb {
            return CorpusError::DecompressionBomb { path, packed, unpacked };
        }
        match (compression, error.kind()) {
            (Compression::None, _) => CorpusError::Read { path, source: error },
            // zstd's words for a limit on memory, which say nothing about the file.
            (_, Other) if error.to_string().contains("not enough memory") => {
                CorpusError::Read { path, source: std::io::ErrorKind::OutOfMemory.into() }
            }
            (Compression::Xz, _) if error.to_string().contains("memory") => {
                let remedy =
                    "its dictionary is larger than that of `xz -9`: unpack it first, with `xz -d`".into();
                CorpusError::Corrupt { path, compression, what: error.to_string(), bytes, remedy }
            }
            (_, Other) if error.to_string().contains("too much memory") => {
                let remedy = "it was packed with `--long`: unpack it first, with `zstd -d --long=31`".into();
                CorpusError::Corrupt { path, compression, what: error.to_string(), bytes, remedy }
            }
            // A decompressor's own complaints carry no number of the operating system.
            (_, InvalidData | InvalidInput | Other | UnexpectedEof) if error.raw_os_error().is_none() => {
                let was_cut = error.kind() == UnexpectedEof;
                match (other_than_named(&path, compression), was_cut) {
                    (None, true) => CorpusError::Truncated { path, compression, bytes },
                    (remedy, _) => {
                        let remedy = remedy.unwrap_or_else(|| "copy or download it again".into());
                        CorpusError::Corrupt { path, compression, what: error.to_string(), bytes, remedy }
                    }
                }
            }
            _ => CorpusError::Read { path, source: error },
        }
    }
}

/// The advice for a file whose first bytes do not fit its name; `None` if they do, or nobody can tell.
fn other_than_named(path: &Path, compression: Compression) -> Option<String> {
    // Of a pipe the beginning is gone.
    if !path.is_file() {
        return None;
    }
    let mut beginning = Vec::new();
    regular::open(path).ok()?.take(LENGTH as u64).read_to_end(&mut beginning).ok()?;
    let named = compression.file_name()?;
    match Signature::of(&beginning) {
        Some(found) if found.kind == named => None,
        Some(found) => Some(format!("it is {}: {}", found.kind, found.remedy)),
        None => {
            let is_of_text = |byte: &u8| *byte >= b' ' || byte.is_ascii_whitespace();
            let is_text = !beginning.is_empty() && beginning.iter().all(is_of_text);
            is_text.then(|| "it is not compressed: take that ending off its name".into())
        }
    }
}

/// Errors of this reader hold a [`CorpusError`], which names the file.
impl Read for Content {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        match self.reader.get_mut().read(target) {
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
    packed: Packed,
    progress: Arc<ReadProgress>,
    finished: bool,
}

impl Read for HashedFile {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.bytes += read as u64;
        self.packed.add(read as u64);
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
