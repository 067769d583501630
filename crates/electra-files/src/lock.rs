//! One live process for a folder.
//!
//! The lock is the kernel's (`flock`), not the file's: when the process ends, however it ends, the
//! folder is free again, and a file left behind means nothing.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::disk::{self, DiskFile, is_same_file};

/// A lock held until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    file: DiskFile,
    /// Whether its file goes with it.
    is_temporary: bool,
}

/// An error of taking a lock.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LockError {
    /// Another process holds the lock.
    #[error("{path} is in use by {holder}")]
    #[diagnostic(help("wait until it ends, stop it, or use another folder"))]
    Held {
        /// The folder that is locked.
        path: PathBuf,
        /// "process 12 on host, since ..."
        holder: String,
    },
    /// The file system refuses.
    #[error("cannot lock {path}: {source}")]
    Io {
        /// The path of the lock file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl Lock {
    /// Takes the lock at `path`, which is a file that is created where needed and never removed.
    ///
    /// # Errors
    /// If another process, or another `Lock` of this one, holds it, or the file cannot be written, or
    /// leads elsewhere.
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        Self::take(path, FlockOperation::NonBlockingLockExclusive, false)
    }

    /// As [`acquire`](Self::acquire), after whoever holds it.
    ///
    /// # Errors
    /// If the file cannot be written, or leads elsewhere.
    pub fn wait(path: &Path) -> Result<Self, LockError> {
        Self::take(path, FlockOperation::LockExclusive, false)
    }

    /// Takes the lock at `path`, whose file is removed when the lock is dropped.
    pub(crate) fn acquire_temporary(path: &Path) -> Result<Self, LockError> {
        Self::take(path, FlockOperation::NonBlockingLockExclusive, true)
    }

    /// Takes the lock at `path` after whoever holds it; its file is removed when the lock is dropped.
    pub(crate) fn wait_for_temporary(path: &Path) -> Result<Self, LockError> {
        Self::take(path, FlockOperation::LockExclusive, true)
    }

    fn take(path: &Path, how: FlockOperation, is_temporary: bool) -> Result<Self, LockError> {
        let io = |source| LockError::Io { path: path.to_owned(), source };
        loop {
            let file = disk::open_lock(path).map_err(io)?;
            match flock(file.file(), how) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let folder = disk::parent(path).to_owned();
                    return Err(LockError::Held { path: folder, holder: name_in(file.file()) });
                }
                Err(error) => return Err(io(error.into())),
            }
            // Whoever held it may have removed the file between the two, and others lock a new one.
            let is_there =
                path.symlink_metadata().and_then(|there| Ok(is_same_file(&there, &file.metadata()?)));
            if !is_there.unwrap_or(false) {
                continue;
            }
            let mut lock = Self { file, is_temporary };
            let name = format!("process {} on {}\n", std::process::id(), host());
            lock.file.empty().and_then(|()| lock.file.write_all(name.as_bytes())).map_err(io)?;
            return Ok(lock);
        }
    }

    /// The process that holds the lock at `path` at this moment, if any does. Nothing is created or changed.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn holder(path: &Path) -> Result<Option<String>, LockError> {
        let io = |source| LockError::Io { path: path.to_owned(), source };
        let file = match crate::regular::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        // Shared, so that two who ask do not take each other for the holder.
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(None),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(Some(name_in(&file))),
            Err(error) => Err(io(error.into())),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.is_temporary {
            // While it is held, so that nobody takes it in between. A file that stays means nothing.
            let _ = disk::remove_file(self.file.path());
        }
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn name_in(file: &File) -> String {
    // Whoever holds the lock may not have written his name yet.
    let mut holder = Vec::new();
    let _ = file.take(200).read_to_end(&mut holder);
    let holder = String::from_utf8_lossy(&holder);
    let holder = if holder.trim().is_empty() { "another process" } else { holder.trim() };
    holder.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_excludes_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::acquire(&path).unwrap();
        let error = Lock::acquire(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("in use by process {} on ", std::process::id())), "{error}");
        assert!(error.starts_with(&folder.path().display().to_string()), "{error}");
        drop(lock);
        Lock::acquire(&path).unwrap();
    }

    #[test]
    fn the_holder_is_known_while_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert_eq!(Lock::holder(&path).unwrap(), None);
        assert!(!path.exists());
        let lock = Lock::acquire(&path).unwrap();
        let us = format!("process {} on ", std::process::id());
        assert!(Lock::holder(&path).unwrap().unwrap().starts_with(&us));
        drop(lock);
        assert_eq!(Lock::holder(&path).unwrap(), None);
        Lock::acquire(&path).unwrap();
    }

    #[test]
    fn a_lock_file_left_behind_means_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(&path, "process 1 on a machine long gone, with a long name").unwrap();
        let _lock = Lock::acquire(&path).unwrap();
        let error = Lock::acquire(&path).unwrap_err().to_string();
        assert!(!error.contains("long gone"), "{error}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent/lock");
        let error = Lock::acquire(&path).unwrap_err().to_string();
        assert!(error.contains("absent/lock") && error.contains("No such file"), "{error}");
    }
}
