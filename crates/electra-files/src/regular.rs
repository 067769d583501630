//! Regular files: bytes on a disk, of a length that is known and stays.
//!
//! A file that is mapped, or read a second time, must be one. A pipe gives its bytes once, a device
//! may never end, and opening a named pipe that nobody writes to waits for ever.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// The error that a regular file is needed and something else is there. Carried by the [`io::Error`] of
/// [`open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
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

/// Bytes of a configuration, a recipe or a result at most: what is larger is something else, and would
/// take many times its size once it is parsed.
pub const MAX_BYTES: u64 = 64 << 20;
/// Bytes of the log of a run at most: three million lines.
pub const MAX_LOG_BYTES: u64 = 1 << 30;

/// A file that is larger than a file of its kind can be. Carried by an [`io::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("it has {bytes} bytes, and a file of this kind at most {most}")]
pub struct TooLarge {
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// The most that it may have.
    pub most: u64,
}

/// All bytes of a regular file of at most [`MAX_BYTES`] bytes.
///
/// # Errors
/// As [`open`], while reading, or [`TooLarge`] inside an error of the kind `InvalidData`.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_at_most(path, MAX_BYTES)
}

/// All bytes of a regular file of at most `most` bytes.
///
/// # Errors
/// As [`read`].
pub fn read_at_most(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let too_large = |bytes| io::Error::new(io::ErrorKind::InvalidData, TooLarge { bytes, most });
    let length = file.metadata()?.len();
    if length > most {
        return Err(too_large(length));
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile, and files of the system say that they have no bytes.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// All of a regular file of at most [`MAX_BYTES`] bytes that is UTF-8.
///
/// # Errors
/// As [`read`], or `InvalidData` where it is not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The kind of a file that is not regular, in words.
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
        // A file with a hole is as large as it says, and nothing on the disk.
        let large = folder.path().join("large");
        File::create(&large).and_then(|file| file.set_len(1 << 42)).unwrap();
        let error = read(&large).unwrap_err();
        let found = error.get_ref().and_then(|inner| inner.downcast_ref::<TooLarge>());
        assert_eq!(found, Some(&TooLarge { bytes: 1 << 42, most: MAX_BYTES }));
        assert_eq!(read_at_most(&file, 5).unwrap(), b"bytes");
        assert!(read_at_most(&file, 4).is_err());
        assert_eq!(read(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
