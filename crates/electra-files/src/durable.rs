//! Files that are either whole or absent after a crash.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::disk::{self, DiskFile};
use crate::temporary;

/// Writes `bytes` to `path` so that a crash at any moment leaves the old content or the new. A link at
/// that place is replaced, and what it names stays as it is.
///
/// # Errors
/// If the disk refuses; `path` is then as it was.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = Replacement::begin(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// Writes several files of a folder, in this order. All are on the disk before the first one gets its
/// name, so a disk that refuses leaves all as they were; those that have this content already are not
/// touched. Only a kill between two names leaves new files beside old ones: where that must not be, see
/// [`NewFolder`](crate::staged::NewFolder).
///
/// # Errors
/// The file, and the system's answer.
pub fn write_all(folder: &Path, files: &[(&str, &[u8])]) -> Result<(), (PathBuf, io::Error)> {
    let mut replacements = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        let is_same =
            path.symlink_metadata().is_ok_and(|there| there.is_file() && there.len() == bytes.len() as u64)
                && std::fs::read(&path).is_ok_and(|there| there == *bytes);
        if is_same {
            continue;
        }
        let staged = Replacement::begin(&path).and_then(|mut file| {
            file.write_all(bytes)?;
            file.file().sync()?;
            Ok(file)
        });
        replacements.push(staged.map_err(|error| (path, error))?);
    }
    if replacements.is_empty() {
        return Ok(());
    }
    for mut replacement in replacements {
        replacement.give_name().map_err(|error| (replacement.path.clone(), error))?;
    }
    disk::sync_folder(folder).map_err(|error| (folder.to_owned(), error))
}

/// A file that takes the place of another when it is whole, and is removed again if it never is.
#[derive(Debug)]
pub struct Replacement {
    path: PathBuf,
    /// The open file; `None` once it has its name.
    file: Option<DiskFile>,
}

impl Replacement {
    /// Creates the file, under another name beside `path`, with the permissions of the file that is
    /// there.
    ///
    /// # Errors
    /// The system's answer.
    pub fn begin(path: &Path) -> io::Result<Self> {
        temporary::clear_temporaries_of(path)?;
        let file = temporary::beside(path)?;
        let replacement = Self { path: path.to_owned(), file: Some(file) };
        if let Ok(there) = path.symlink_metadata()
            && there.is_file()
        {
            replacement.file().set_permissions(there.permissions())?;
        }
        Ok(replacement)
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// If the disk refuses; what was there is then as it was.
    pub fn commit(mut self) -> io::Result<()> {
        self.file().sync()?;
        self.give_name()?;
        disk::sync_folder(disk::parent(&self.path))
    }

    fn give_name(&mut self) -> io::Result<()> {
        disk::rename(self.file().path(), &self.path)?;
        self.file = None;
        Ok(())
    }

    fn file(&self) -> &DiskFile {
        self.file.as_ref().expect("it has no name yet")
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().expect("it has no name yet").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // Nobody is left to tell if this fails; the next one that writes the file clears it away.
            let _ = disk::remove_file(file.path());
        }
    }
}

/// Makes creations, renames and removals of the folder's entries survive a power cut.
///
/// # Errors
/// The system's answer.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    disk::sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn links_are_replaced_and_never_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("victim"), "mine").unwrap();
        // Where earlier versions wrote first.
        symlink(at("victim"), at("a.tmp")).unwrap();
        symlink(at("victim"), at("a")).unwrap();
        fs::hard_link(at("victim"), at("b")).unwrap();
        write(&at("a"), b"new").unwrap();
        write(&at("b"), b"new").unwrap();
        assert_eq!(
            [at("a"), at("b"), at("victim")].map(|path| fs::read(path).unwrap()),
            [&b"new"[..], b"new", b"mine"]
        );
        assert!(!at("a").is_symlink());
        assert_eq!(names(folder.path()), ["a", "a.tmp", "b", "victim"]);
    }

    #[test]
    fn what_is_not_finished_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let mut file = Replacement::begin(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        drop(file);
        assert_eq!(names(folder.path()), ["a"]);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write(&path, b"new").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        // A folder has the name of the second: the first is as it was.
        fs::create_dir(folder.path().join("b")).unwrap();
        let (path, _) = write_all(folder.path(), &[("c", b"1"), ("b/d/e", b"2")]).unwrap_err();
        assert_eq!(path, folder.path().join("b/d/e"));
        assert_eq!(names(folder.path()), ["a", "b"]);
        write_all(folder.path(), &[("c", b"1"), ("a", b"new")]).unwrap();
        assert_eq!(names(folder.path()), ["a", "b", "c"]);
    }
}
