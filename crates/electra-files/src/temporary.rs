//! Names of files that are not finished: `.NAME.0123456789abcdef.tmp`, beside what they are to become.
//!
//! Whoever writes such a file holds its lock. One that nobody holds is what a kill has left.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::disk::{self, DiskFile, is_same_file};

const SUFFIX: &str = ".tmp";
/// Hexadecimal digits of a random number.
const DIGITS: usize = 16;

/// A new file beside `path`, under a name that nobody can foresee.
pub(crate) fn beside(path: &Path) -> io::Result<DiskFile> {
    loop {
        // Keys of a hash table are random, and no two are alike.
        let number = RandomState::new().build_hasher().finish();
        let Some(name) = path.file_name() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it has no name of its own"));
        };
        let mut hidden = OsString::from(".");
        // The name as it is: one that is not UTF-8 would be another otherwise.
        hidden.push(name);
        hidden.push(format!(".{number:016x}{SUFFIX}"));
        let file = match DiskFile::create_new(&path.with_file_name(hidden)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            file => file?,
        };
        // Between the two somebody may have taken it for one that was left.
        match flock(file.file(), FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {}
            // Where nothing can be locked nothing is cleared away either.
            Err(_) => return Ok(file),
            Ok(()) if is_there(&file) => return Ok(file),
            Ok(()) => {}
        }
    }
}

fn is_there(file: &DiskFile) -> bool {
    let there = file.path().symlink_metadata();
    there.is_ok_and(|there| file.metadata().is_ok_and(|open| is_same_file(&there, &open)))
}

/// Whether a file of this name is one that is not finished.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    finished_name(name).is_some()
}

/// Whether a file of this name is one that is to be `finished`.
pub(crate) fn is_temporary_of(name: &OsStr, finished: &str) -> bool {
    name.to_str().and_then(finished_name) == Some(finished)
}

/// The name that a temporary file is to have.
fn finished_name(name: &str) -> Option<&str> {
    let (finished, digits) = name.strip_prefix('.')?.strip_suffix(SUFFIX)?.rsplit_once('.')?;
    let is_number = digits.len() == DIGITS && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (is_number && !finished.is_empty()).then_some(finished)
}

/// Removes the temporary files in a folder that a kill has left, and those of earlier versions, which
/// are called as one of `finished` with `.tmp` behind it. For whoever has locked the folder.
///
/// # Errors
/// The system's answer.
pub fn clear(folder: &Path, finished: &[&str]) -> io::Result<()> {
    clear_where(folder, |name| {
        is_temporary(name) || name.strip_suffix(SUFFIX).is_some_and(|name| finished.contains(&name))
    })
}

/// Removes what kills have left of one file.
pub(crate) fn clear_temporaries_of(path: &Path) -> io::Result<()> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    clear_where(disk::parent(path), |other| finished_name(other) == Some(name))
}

fn clear_where(folder: &Path, is_meant: impl Fn(&str) -> bool) -> io::Result<()> {
    let mut left: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&is_meant) && !entry.file_type()?.is_dir() {
            left.push(entry.path());
        }
    }
    left.sort();
    for path in left {
        if is_held(&path) {
            continue;
        }
        match disk::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether somebody writes the file at this moment.
fn is_held(path: &Path) -> bool {
    let is_link = path.symlink_metadata().is_ok_and(|there| !there.is_file());
    // A link is not ours: nobody writes to it.
    !is_link
        && File::open(path).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kill_has_left_goes_and_what_somebody_writes_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let held = beside(&at("a.json")).unwrap();
        let name = held.path().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(finished_name(&name), Some("a.json"));
        for left in [".a.json.0123456789abcdef.tmp", ".b.0123456789abcdef.tmp", "a.json.tmp"] {
            fs::write(at(left), "half").unwrap();
        }
        let others = ["notes.tmp", ".a.json.tmp", ".a.json.0123456789abcdeg.tmp", "..0123456789abcdef.tmp"];
        for other in others {
            fs::write(at(other), "mine").unwrap();
        }
        std::os::unix::fs::symlink(at("notes.tmp"), at(".c.0123456789abcdef.tmp")).unwrap();

        clear_temporaries_of(&at("a.json")).unwrap();
        assert!(!at(".a.json.0123456789abcdef.tmp").exists() && at(".b.0123456789abcdef.tmp").exists());
        clear(folder.path(), &["a.json"]).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        let mut expected: Vec<OsString> = others.map(OsString::from).into();
        expected.push(name.into());
        expected.sort();
        assert_eq!(names, expected);
        drop(held);
        clear_temporaries_of(&at("a.json")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), others.len());
    }
}
