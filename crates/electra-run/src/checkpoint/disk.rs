//! The two things a save asks of the disk that a test has to be able to refuse.

use std::io::{self, Write};
use std::path::Path;

use electra_files::disk::DiskFile;

use crate::process;

/// A disk: how much fits on it, and files to write to.
pub(super) trait Disk: Send + Sync {
    /// Bytes that this user may still write into `folder`.
    fn available(&self, folder: &Path) -> io::Result<u64>;

    /// A new file, which must not exist yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DurableWrite>>;
}

/// A file being written.
pub(super) trait DurableWrite: Write {
    /// Returns when everything written has reached the disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// The disk that is there.
pub(super) struct RealDisk {}

impl Disk for RealDisk {
    fn available(&self, folder: &Path) -> io::Result<u64> {
        process::free_disk(folder)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DurableWrite>> {
        Ok(Box::new(DiskFile::create_new(path)?))
    }
}

impl DurableWrite for DiskFile {
    fn sync(&mut self) -> io::Result<()> {
        DiskFile::sync(self)
    }
}
