//! Folders that are either whole or absent after a crash.
//!
//! ```text
//! PARENT/NAME              the folder: the old one until the new one is whole
//!        .NAME.building    the new one while it is written; the old one while it is removed
//!        .NAME.lock        held by whoever writes it
//!        .NAME.replaced    the old one between two renames, where names cannot be exchanged
//! ```

mod files;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::disk::{self, DiskFile, parent};
use crate::lock::{Lock, LockError};

pub use files::{replace_files, write_files};

/// An error of writing a folder.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum StagedError {
    /// `.`, `..` or `/`.
    #[error("{path} cannot be replaced as a whole: it has no name of its own")]
    #[diagnostic(help("give a folder by its name"))]
    NoName { path: PathBuf },
    /// Another process writes the folder.
    #[error("{path} is being written by {holder}")]
    #[diagnostic(help("wait until it ends, or give another folder"))]
    Busy {
        path: PathBuf,
        /// "process 12 on host"
        holder: String,
    },
    /// The file system refuses.
    #[error("cannot write {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl StagedError {
    /// The file or folder, and what is wrong with it as an answer of the system.
    #[must_use]
    pub fn into_parts(self) -> (PathBuf, io::Error) {
        match self {
            Self::Io { path, source } => (path, source),
            Self::NoName { ref path } | Self::Busy { ref path, .. } => (path.clone(), io::Error::other(self)),
        }
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> StagedError {
    move |source| StagedError::Io { path: path.to_owned(), source }
}

/// A folder under a temporary name beside its final one; removed again unless it is committed.
#[derive(Debug)]
pub struct NewFolder {
    target: PathBuf,
    temporary: PathBuf,
    /// Held as long as this process writes.
    _lock: Lock,
}

impl NewFolder {
    /// Begins a folder that is to be `target`; those above it are created where needed. What an
    /// earlier process left behind is cleared away, and what it had moved away moves back.
    ///
    /// # Errors
    /// If somebody else writes it, or the system refuses.
    pub fn begin(target: &Path) -> Result<Self, StagedError> {
        Self::begin_with(target, Lock::acquire_temporary)
    }

    /// Begins the folder as [`Self::begin`] does, after whoever writes it now.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn begin_when_free(target: &Path) -> Result<Self, StagedError> {
        Self::begin_with(target, Lock::wait_for_temporary)
    }

    fn begin_with(
        target: &Path,
        lock: impl FnOnce(&Path) -> Result<Lock, LockError>,
    ) -> Result<Self, StagedError> {
        let no_name = || StagedError::NoName { path: target.to_owned() };
        let temporary = beside(target, "building").ok_or_else(no_name)?;
        let lock_file = beside(target, "lock").ok_or_else(no_name)?;
        disk::create_folders(parent(target)).map_err(at(parent(target)))?;
        let lock = lock(&lock_file).map_err(|error| match error {
            LockError::Held { holder, .. } => StagedError::Busy { path: target.to_owned(), holder },
            LockError::Io { path, source } => StagedError::Io { path, source },
        })?;
        put_back(target).map_err(at(target))?;
        disk::clear(&temporary).map_err(at(&temporary))?;
        disk::create_folder(&temporary).map_err(at(&temporary))?;
        Ok(Self { target: target.to_owned(), temporary, _lock: lock })
    }

    /// The folder to write the files into. Every file has to be on the disk before [`commit`](Self::commit).
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Writes a file, in a folder of the new one if the name has one, and makes sure that it is on the
    /// disk.
    ///
    /// # Errors
    /// The file, and the system's answer.
    pub fn write(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<(), StagedError> {
        let path = self.temporary.join(name);
        let write = || {
            disk::create_folders(parent(&path))?;
            let mut file = DiskFile::create_new(&path)?;
            file.write_all(bytes)?;
            file.sync()
        };
        write().map_err(at(&path))
    }

    /// Copies a file that lies elsewhere, as [`write`](Self::write) does.
    ///
    /// # Errors
    /// Either file, and the system's answer.
    pub fn copy(&self, from: &Path, name: impl AsRef<Path>) -> Result<(), StagedError> {
        let path = self.temporary.join(name);
        let mut source = crate::regular::open(from).map_err(at(from))?;
        let mut copy = || {
            let mut file = DiskFile::create_new(&path)?;
            io::copy(&mut source, &mut file)?;
            file.sync()
        };
        copy().map_err(at(&path))
    }

    /// Puts the folder in its place, at one moment; what stood there is then removed.
    ///
    /// # Errors
    /// The system's answer; what stood there is then as it was, unless only its removal failed.
    pub fn commit(self) -> Result<(), StagedError> {
        let Self { target, temporary, .. } = &self;
        sync_folders(temporary).map_err(at(temporary))?;
        let holder = parent(target);
        if target.symlink_metadata().is_err() {
            disk::rename(temporary, target).map_err(at(target))?;
            return disk::sync_folder(holder).map_err(at(holder));
        }
        if let Ok(there) = target.symlink_metadata()
            && there.is_dir()
        {
            fs::set_permissions(temporary, there.permissions()).map_err(at(temporary))?;
        }
        let exchanged = disk::exchange(temporary, target).map_err(at(target))?;
        if exchanged {
            disk::sync_folder(holder).map_err(at(holder))?;
            return disk::clear(temporary).map_err(at(temporary));
        }
        replace_in_two_steps(temporary, target)
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // Nobody is left to tell if this fails; the next one that is begun clears it away.
        let _ = disk::clear(&self.temporary);
    }
}

/// Whether an answer says that the folder itself has to stay where it is: it is a disk of its own, or
/// the one above it is not to be written to.
fn is_fixed(error: &io::Error) -> bool {
    use io::ErrorKind as E;
    matches!(
        error.kind(),
        E::PermissionDenied | E::ReadOnlyFilesystem | E::ResourceBusy | E::CrossesDevices | E::InvalidInput
    )
}

/// For file systems that cannot exchange names.
fn replace_in_two_steps(temporary: &Path, target: &Path) -> Result<(), StagedError> {
    let old = beside(target, "replaced").expect("it has a name");
    disk::clear(&old).map_err(at(&old))?;
    disk::rename(target, &old).map_err(at(target))?;
    if let Err(error) = disk::rename(temporary, target) {
        let _ = disk::rename(&old, target);
        return Err(at(target)(error));
    }
    disk::sync_folder(parent(target)).map_err(at(target))?;
    disk::clear(&old).map_err(at(&old))
}

/// Puts back the folder that a process has moved away which was killed before the new one had its
/// name, and removes it where the new one has. For whoever holds the lock.
fn put_back(target: &Path) -> io::Result<()> {
    let Some(old) = beside(target, "replaced") else { return Ok(()) };
    if old.symlink_metadata().is_err() {
        return Ok(());
    }
    if target.symlink_metadata().is_ok() { disk::clear(&old) } else { disk::rename(&old, target) }
}

/// Clears away what a process has left at `target` that was killed, and puts back what it had moved
/// away, if nobody writes there now. For whoever looks at what is there before anything is written.
///
/// # Errors
/// If the system refuses.
pub fn recover(target: &Path) -> Result<(), StagedError> {
    let left = ["building", "replaced", "lock"].map(|suffix| beside(target, suffix));
    let [Some(building), Some(old), Some(lock)] = left else { return Ok(()) };
    if [&building, &old, &lock].iter().all(|path| path.symlink_metadata().is_err()) {
        return Ok(());
    }
    let _lock = match Lock::acquire_temporary(&lock) {
        Err(LockError::Held { .. }) => return Ok(()),
        // Nothing can be written here, and perhaps nothing has to be.
        Err(LockError::Io { source, .. }) if is_fixed(&source) => return Ok(()),
        Err(LockError::Io { path, source }) => return Err(StagedError::Io { path, source }),
        Ok(lock) => lock,
    };
    put_back(target).map_err(at(target))?;
    disk::clear(&building).map_err(at(&building))
}

/// `.NAME.SUFFIX` beside `target`.
fn beside(target: &Path, suffix: &str) -> Option<PathBuf> {
    let mut hidden = OsString::from(".");
    // The name as it is: one that is not UTF-8 would be another otherwise.
    hidden.push(target.file_name()?);
    hidden.push(format!(".{suffix}"));
    Some(target.with_file_name(hidden))
}

/// Makes sure that the names in a folder, and in those below it, are on the disk.
fn sync_folders(folder: &Path) -> io::Result<()> {
    let mut below = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            below.push(entry.path());
        }
    }
    below.sort();
    below.iter().try_for_each(|folder| sync_folders(folder))?;
    disk::sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::shown::with_help;

    /// The names in a folder and the content of its file `a`.
    fn look(folder: &Path) -> (Vec<String>, String) {
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        (names, fs::read_to_string(folder.join("data/a")).unwrap_or_default())
    }

    #[test]
    fn what_was_there_stays_until_the_new_folder_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("data");
        let begin = |content: &str| {
            let new = NewFolder::begin(&target).unwrap();
            new.write("a", content.as_bytes()).unwrap();
            new.write("below/b", content.as_bytes()).unwrap();
            new
        };
        drop(begin("none"));
        assert_eq!(look(folder.path()), (vec![], String::new()));
        begin("first").commit().unwrap();
        assert_eq!(look(folder.path()), (vec!["data".into()], "first".into()));
        let second = begin("second");
        assert_eq!(look(folder.path()).1, "first");
        let busy = with_help(&NewFolder::begin(&target).unwrap_err());
        assert!(busy.contains("data is being written by process ") && busy.contains("; wait"), "{busy}");
        drop(second);
        assert_eq!(look(folder.path()), (vec!["data".into()], "first".into()));
        begin("third").commit().unwrap();
        assert_eq!(look(folder.path()), (vec!["data".into()], "third".into()));
        assert!(matches!(NewFolder::begin(Path::new("..")), Err(StagedError::NoName { .. })));
    }

    #[test]
    fn a_kill_between_two_renames_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let [target, old, building] =
            ["data", ".data.replaced", ".data.building"].map(|name| folder.path().join(name));
        for content in ["one", "two"] {
            let new = NewFolder::begin(&target).unwrap();
            new.write("a", content.as_bytes()).unwrap();
            if !target.exists() {
                new.commit().unwrap();
                continue;
            }
            // As where names cannot be exchanged.
            replace_in_two_steps(&building, &target).unwrap();
        }
        assert_eq!(look(folder.path()), (vec!["data".into()], "two".into()));
        // Before the new one has its name.
        fs::rename(&target, &old).unwrap();
        recover(&target).unwrap();
        assert_eq!(look(folder.path()), (vec!["data".into()], "two".into()));
        fs::rename(&target, &old).unwrap();
        drop(NewFolder::begin(&target).unwrap());
        assert_eq!(look(folder.path()), (vec!["data".into()], "two".into()));
        // Before the old one was removed, and while a new one was written.
        fs::create_dir(&old).unwrap();
        fs::create_dir_all(building.join("half")).unwrap();
        fs::write(folder.path().join(".data.lock"), "process 1 on a machine").unwrap();
        recover(&target).unwrap();
        assert_eq!(look(folder.path()), (vec!["data".into()], "two".into()));
    }

    #[test]
    fn links_under_our_names_are_removed_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("victim")).unwrap();
        fs::write(at("victim/a"), "mine").unwrap();
        for name in [".data.building", ".data.replaced", "data"] {
            symlink(at("victim"), at(name)).unwrap();
        }
        let new = NewFolder::begin(&at("data")).unwrap();
        new.write("a", b"ours").unwrap();
        new.commit().unwrap();
        assert_eq!(look(folder.path()), (vec!["data".into(), "victim".into()], "ours".into()));
        assert_eq!(fs::read(at("victim/a")).unwrap(), b"mine");
        symlink(at("victim/a"), at(".data.lock")).unwrap();
        let error = NewFolder::begin(&at("data")).unwrap_err().to_string();
        assert!(error.contains(".data.lock") && error.contains("symbolic link"), "{error}");
        assert_eq!(fs::read(at("victim/a")).unwrap(), b"mine");
    }
}
