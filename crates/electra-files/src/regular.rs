//! Regular files: bytes on a disk, of a length that is known and stays.
//!
//! A file that is mapped, or read a second time, must be one. A pipe gives its bytes once, a device
//! may never end, and opening a named pipe that nobody writes to waits for ever.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// What stands where a regular file is needed. Carried by the [`io::Error`] of [`open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is {0}, and only a regular file can be read here")]
pub struct NotRegular(pub &'static str);

/// Opens a regular file for reading, through symbolic links as well. Never waits.
///
/// # Errors
/// The system's answer, or [`NotRegular`] inside an error of the kind `InvalidInput`.
pub fn open(path: &Path) -> io::Result<File> {
    // Without NONBLOCK a named pipe is opened when somebody opens its other end. It changes nothing
    // about regular files.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(nonblock).open(path)?;
    match name(file.metadata()?.file_type()) {
        None => Ok(file),
        Some(what) => Err(io::Error::new(io::ErrorKind::InvalidInput, NotRegular(what))),
    }
}

/// All bytes of a regular file.
///
/// # Errors
/// As [`open`], or while reading.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All of a regular file that is UTF-8.
///
/// # Errors
/// As [`open`], while reading, or `InvalidData` where it is not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// What a file is that is not regular.
pub(crate) fn name(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(path: &Path) -> NotRegular {
        let error = read(path).unwrap_err();
        *error.get_ref().and_then(|inner| inner.downcast_ref()).expect("it says what it is")
    }

    #[test]
    fn only_regular_files_are_read_and_pipes_without_a_writer_are_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "bytes").unwrap();
        assert_eq!(read_to_string(&file).unwrap(), "bytes");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read(&link).unwrap(), b"bytes");

        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(what(&pipe), NotRegular("a pipe"));
        assert_eq!(what(folder.path()), NotRegular("a folder"));
        assert_eq!(what(Path::new("/dev/zero")), NotRegular("a device"));
        assert_eq!(read(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
