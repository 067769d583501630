//! The progress of reading a corpus, and the files that were read to their end.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::skipped::Skipped;

/// The progress of reading a corpus, shared with the reader's thread.
#[derive(Debug, Default)]
pub struct ReadProgress {
    bytes: AtomicU64,
    replaced: AtomicU64,
    skipped: Mutex<Skipped>,
    hashes: Mutex<Vec<FileHash>>,
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

    pub(super) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn add_replaced(&self, sequences: u64) {
        self.replaced.fetch_add(sequences, Ordering::Relaxed);
    }

    pub(super) fn add_skipped(&self, record: Skipped) {
        self.skipped.lock().expect("no holder of this lock can panic").add(&record);
    }

    pub(super) fn finish_file(&self, file: FileHash) {
        self.hashes.lock().expect("no holder of this lock can panic").push(file);
    }
}

/// A file that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHash {
    /// The path of the file.
    pub path: PathBuf,
    /// The size of the file on disk, in bytes.
    pub bytes: u64,
    /// blake3 of its bytes on disk.
    pub blake3: blake3::Hash,
}
