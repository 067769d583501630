//! A folder that appears whole or not at all.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::{BuildError, PART_FILE, PartManifest};
use crate::data_error::DataError;
use crate::manifest::{MANIFEST_FILE, Manifest};

/// What stands at the place of the output before building.
pub(super) enum Existing {
    /// Nothing, or an empty folder.
    Nothing,
    /// A data folder that can be read.
    Data(Box<Manifest>),
    /// A part that can be read.
    Part(Box<PartManifest>),
    /// A data folder or a part that cannot be read.
    Damaged,
    /// Something else.
    Foreign,
}

impl Existing {
    pub(super) fn at(path: &Path) -> Result<Self, BuildError> {
        let reading = DataError::reading(path);
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Existing::Nothing),
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(DataError::writing(path)(error).into());
            }
            Err(error) => return Err(reading(error).into()),
            Ok(metadata) if !metadata.is_dir() => {
                let what = "it is a file";
                return Err(BuildError::OutputUnusable { path: path.to_owned(), what });
            }
            Ok(_) => {}
        }
        if std::fs::read_dir(path).map_err(reading)?.next().is_none() {
            return Ok(Existing::Nothing);
        }
        Ok(if path.join(MANIFEST_FILE).is_file() {
            Manifest::read(path).map_or(Existing::Damaged, |manifest| Existing::Data(manifest.into()))
        } else if path.join(PART_FILE).is_file() {
            PartManifest::read(path).map_or(Existing::Damaged, |manifest| Existing::Part(manifest.into()))
        } else {
            Existing::Foreign
        })
    }

    pub(super) fn manifest(&self) -> Option<&Manifest> {
        if let Existing::Data(manifest) = self { Some(manifest) } else { None }
    }

    pub(super) fn part(&self) -> Option<&PartManifest> {
        if let Existing::Part(manifest) = self { Some(manifest) } else { None }
    }

    /// Whether the output may go there. What is not ours is never replaced.
    pub(super) fn check_replaceable(&self, path: &Path, force: bool) -> Result<(), BuildError> {
        let occupied = |what, hint| Err(BuildError::OutputOccupied { path: path.to_owned(), what, hint });
        match self {
            Existing::Nothing => Ok(()),
            Existing::Foreign => occupied("holds something else than data", ""),
            _ if force => Ok(()),
            _ => occupied("holds other data", " or replace it with --force"),
        }
    }
}

/// A folder under a temporary name beside its final one; removed again unless it is committed.
pub(super) struct OutputFolder {
    target: PathBuf,
    temporary: PathBuf,
    lock_file: PathBuf,
    /// Held as long as this process writes.
    _lock: File,
}

impl OutputFolder {
    pub(super) fn create(target: &Path) -> Result<Self, BuildError> {
        let Some(name) = target.file_name() else {
            let what = "it has no name of its own";
            return Err(BuildError::OutputUnusable { path: target.to_owned(), what });
        };
        let beside = |suffix: &str| {
            // The name as it is: one that is not UTF-8 would be another otherwise.
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{suffix}"));
            target.with_file_name(hidden)
        };
        let (temporary, lock_file) = (beside("building"), beside("lock"));
        let parent = parent_of(target);
        std::fs::create_dir_all(parent).map_err(DataError::writing(parent))?;
        let lock = File::create(&lock_file).map_err(DataError::writing(&lock_file))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(BuildError::OutputBusy { path: target.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(DataError::writing(&lock_file)(error).into()),
        }
        // A program that was killed may have left its work behind.
        if temporary.exists() {
            std::fs::remove_dir_all(&temporary).map_err(DataError::writing(&temporary))?;
        }
        std::fs::create_dir(&temporary).map_err(DataError::writing(&temporary))?;
        Ok(OutputFolder { target: target.to_owned(), temporary, lock_file, _lock: lock })
    }

    /// Where to write.
    pub(super) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Writes a text file and makes sure that it is on the disk.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), DataError> {
        let path = self.temporary.join(name);
        let write = || {
            let mut file = File::create(&path)?;
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(DataError::writing(&path))
    }

    /// Puts the folder in its place; what stood there is replaced.
    pub(super) fn commit(self) -> Result<(), BuildError> {
        sync_folder(&self.temporary)?;
        let old = self.temporary.with_extension("replaced");
        let replaced = self.target.exists();
        if replaced {
            if old.exists() {
                std::fs::remove_dir_all(&old).map_err(DataError::writing(&old))?;
            }
            std::fs::rename(&self.target, &old).map_err(DataError::writing(&self.target))?;
        }
        std::fs::rename(&self.temporary, &self.target).map_err(DataError::writing(&self.target))?;
        sync_folder(parent_of(&self.target))?;
        if replaced {
            std::fs::remove_dir_all(&old).map_err(DataError::writing(&old))?;
        }
        Ok(())
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        // Nobody is left to tell if this fails; the next build clears it away.
        let _ = std::fs::remove_dir_all(&self.temporary);
        let _ = std::fs::remove_file(&self.lock_file);
    }
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Makes sure that the names in a folder are on the disk.
fn sync_folder(path: &Path) -> Result<(), DataError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(DataError::writing(path))
}
