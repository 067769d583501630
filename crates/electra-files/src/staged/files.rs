//! Several files of a folder that appear together, beside others that stay.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, FileTimes, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{NewFolder, StagedError, at, is_fixed};
use crate::disk::{self, DiskFile};
use crate::{durable, regular, temporary};

/// The most bytes of other files that are copied so that a folder can be replaced.
const MAX_COPIED: u64 = 64 << 20;

/// Writes the files of a folder, in this order, the one without which the others mean nothing last. Where
/// `folder` holds nothing else they appear at one moment, as [`NewFolder`] has it. In a folder with other
/// files, which stay, or that cannot be replaced, they do as [`durable::write_all`] has it.
///
/// # Errors
/// The file or folder, and the system's answer.
pub fn write_files(folder: &Path, files: &[(&str, &[u8])]) -> Result<(), StagedError> {
    let others = Others::in_folder(folder, files).map_err(at(folder))?;
    write(folder, files, others.filter(|others| others.0.is_empty()))
}

/// Writes files that must not be mixed with those of before: they appear at one moment beside other files
/// too, of which the new folder gets copies, unless those are too large, or some are none of the user's own
/// plain files. Not for a folder in which files are open: who writes to one goes on in the old folder.
///
/// # Errors
/// The file or folder, and the system's answer.
pub fn replace_files(folder: &Path, files: &[(&str, &[u8])]) -> Result<(), StagedError> {
    write(folder, files, Others::in_folder(folder, files).map_err(at(folder))?)
}

/// Replaces the folder if its `others` can be copied, else writes the files one by one.
fn write(folder: &Path, files: &[(&str, &[u8])], others: Option<Others>) -> Result<(), StagedError> {
    if let Some(others) = others {
        match write_new(folder, files, &others) {
            Ok(true) => return Ok(()),
            Ok(false) | Err(StagedError::NoName { .. }) => {}
            Err(StagedError::Io { source, .. }) if is_fixed(&source) => {}
            Err(error) => return Err(error),
        }
    }
    disk::create_folders(folder).map_err(at(folder))?;
    durable::write_all(folder, files).map_err(|(path, source)| StagedError::Io { path, source })
}

/// False if the others are no more what they were, or cannot be copied as they are.
fn write_new(folder: &Path, files: &[(&str, &[u8])], others: &Others) -> Result<bool, StagedError> {
    let new = NewFolder::begin(folder)?;
    for name in others.0.keys() {
        if !copy_as_it_is(&folder.join(name), &new.path().join(name))? {
            return Ok(false);
        }
    }
    files.iter().try_for_each(|(name, bytes)| new.write(name, bytes))?;
    if Others::in_folder(folder, files).map_err(at(folder))?.as_ref() != Some(others) {
        return Ok(false);
    }
    new.commit().map(|()| true)
}

/// Copies a file with its permissions and times. False where its owner would be another.
fn copy_as_it_is(from: &Path, to: &Path) -> Result<bool, StagedError> {
    let mut source = regular::open(from).map_err(at(from))?;
    let there = source.metadata().map_err(at(from))?;
    let mut copy = || {
        let mut file = DiskFile::create_new(to)?;
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (there.uid(), there.gid()) {
            return Ok(false);
        }
        io::copy(&mut source, &mut file)?;
        file.set_permissions(there.permissions())?;
        let times = FileTimes::new().set_modified(there.modified()?).set_accessed(there.accessed()?);
        file.file().set_times(times)?;
        file.sync().map(|()| true)
    };
    copy().map_err(at(to))
}

/// The other files of a folder in which files are to be written: plain files that can be copied.
#[derive(PartialEq, Eq)]
struct Others(BTreeMap<OsString, Stamp>);

/// The stamp of a file, which changes with it: its number, its length, and when it was written.
type Stamp = (u64, u64, i64, i64);

impl Others {
    /// None if something else lies there, or the folder itself is a link. Nothing lies in a folder that
    /// is not there.
    fn in_folder(folder: &Path, files: &[(&str, &[u8])]) -> io::Result<Option<Self>> {
        let mut others = BTreeMap::new();
        match folder.symlink_metadata() {
            Ok(there) if there.is_dir() => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Self(others))),
            Err(error) => return Err(error),
        }
        let mut bytes = 0;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (name, there) = (entry.file_name(), entry.metadata()?);
            let is_replaced = |file: &str| name == *file || temporary::is_temporary_of(&name, file);
            if !there.is_dir() && files.iter().any(|(file, _)| is_replaced(file)) {
                continue;
            }
            bytes += there.len();
            // One with a second name would lose it.
            if !there.is_file() || there.nlink() > 1 || bytes > MAX_COPIED {
                return Ok(None);
            }
            others.insert(name, stamp(&there));
        }
        Ok(Some(Self(others)))
    }
}

fn stamp(there: &Metadata) -> Stamp {
    (there.ino(), there.len(), there.mtime(), there.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;

    /// The names in a folder, and the content of its files `a` and `b`.
    fn look(folder: &Path) -> (Vec<String>, [String; 2]) {
        let names = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        (names, ["a", "b"].map(|name| fs::read_to_string(folder.join(name)).unwrap_or_default()))
    }

    fn both(text: &str) -> [(&'static str, &[u8]); 2] {
        [("a", text.as_bytes()), ("b", text.as_bytes())]
    }

    fn number(path: &Path) -> u64 {
        fs::metadata(path).unwrap().ino()
    }

    #[track_caller]
    fn holds(folder: &Path, names: &[&str], text: &str) {
        let (found, content) = look(folder);
        assert_eq!(found, names);
        assert_eq!(content, [text, text]);
        let beside = look(folder.parent().unwrap()).0;
        assert!(!beside.iter().any(|name| name.starts_with('.')), "{beside:?}");
    }

    #[test]
    fn files_appear_together_and_what_lies_beside_them_stays() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("data");
        write_files(&target, &both("first")).unwrap();
        let first = number(&target);
        write_files(&target, &both("second")).unwrap();
        holds(&target, &["a", "b"], "second");
        assert_ne!(number(&target), first, "another folder took its place");
        fs::write(target.join("notes"), "mine").unwrap();
        let second = number(&target);
        write_files(&target, &both("third")).unwrap();
        assert_eq!(number(&target), second);
        holds(&target, &["a", "b", "notes"], "third");
        // The user's own link to another disk.
        let link = folder.path().join("link");
        symlink(&target, &link).unwrap();
        write_files(&link, &both("fourth")).unwrap();
        holds(&target, &["a", "b", "notes"], "fourth");
        assert!(link.is_symlink());
    }

    #[test]
    fn others_are_copied_as_they_are_where_files_must_not_be_mixed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("data");
        replace_files(&target, &both("first")).unwrap();
        let notes = target.join("notes");
        fs::write(&notes, "mine").unwrap();
        fs::set_permissions(&notes, fs::Permissions::from_mode(0o640)).unwrap();
        fs::write(target.join(".a.0123456789abcdef.tmp"), "half, of a kill").unwrap();
        let (before, there) = (number(&target), fs::metadata(&notes).unwrap());
        replace_files(&target, &both("second")).unwrap();
        holds(&target, &["a", "b", "notes"], "second");
        assert_ne!(number(&target), before, "another folder took its place");
        let copy = fs::metadata(&notes).unwrap();
        assert_eq!(fs::read_to_string(&notes).unwrap(), "mine");
        assert_eq!(copy.modified().unwrap(), there.modified().unwrap());
        assert_eq!(copy.permissions(), there.permissions());
    }

    #[test]
    fn what_cannot_be_copied_as_it_is_stays_where_it_is() {
        let outer = tempfile::tempdir().unwrap();
        let elsewhere = outer.path().join("elsewhere");
        fs::write(&elsewhere, "mine").unwrap();
        let others: [(&str, &dyn Fn(PathBuf)); 4] = [
            ("a folder", &|path| fs::create_dir(path).unwrap()),
            ("a link", &|path| symlink(&elsewhere, path).unwrap()),
            ("a second name", &|path| fs::hard_link(&elsewhere, path).unwrap()),
            ("much", &|path| fs::File::create(path).unwrap().set_len(MAX_COPIED + 1).unwrap()),
        ];
        for (what, make) in others {
            let target = outer.path().join("data");
            replace_files(&target, &both("first")).unwrap();
            make(target.join("other"));
            let before = (number(&target), fs::symlink_metadata(target.join("other")).unwrap().ino());
            replace_files(&target, &both("second")).unwrap();
            holds(&target, &["a", "b", "other"], "second");
            let after = (number(&target), fs::symlink_metadata(target.join("other")).unwrap().ino());
            assert_eq!(after, before, "{what}");
            fs::remove_dir_all(&target).unwrap();
        }
        // A folder under the name of a file is not removed with what lies in it.
        let target = outer.path().join("data");
        fs::create_dir_all(target.join("a")).unwrap();
        fs::write(target.join("a/notes"), "mine").unwrap();
        for write in [write_files, replace_files] {
            write(&target, &both("first")).unwrap_err();
            assert_eq!(fs::read_to_string(target.join("a/notes")).unwrap(), "mine");
        }
    }
}
