//! Files that are read once, from beginning to end.
//!
//! Such a file may be a pipe: what another program writes, `<(zcat text.gz)`, `/dev/stdin`. A device
//! other than a terminal may have no end, and nothing good comes of a folder.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use electra_files::regular::NotRegular;

/// Opens a file for reading once. Waits for whoever writes to it, if it is a named pipe.
///
/// # Errors
/// The system's answer, or what it is that has no end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    // The device that is always empty has the number 1, 3 on Linux.
    let is_null = || metadata.rdev() == 0x103;
    let is_endless = kind.is_block_device() || kind.is_char_device() && !file.is_terminal() && !is_null();
    match () {
        () if kind.is_dir() => Err(refused("a folder")),
        () if is_endless => Err(refused("a device")),
        () => Ok(file),
    }
}

/// All bytes of a file, which are at most `limit`.
///
/// # Errors
/// As [`open`], while reading, or `FileTooLarge`.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    within(bytes, limit)
}

/// The bytes of a regular file, read once, up to a limit.
///
/// # Errors
/// As `regular::open`, while reading, or `FileTooLarge`.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    electra_files::regular::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    within(bytes, limit)
}

/// Bytes as text.
///
/// # Errors
/// `InvalidData` where they are not UTF-8.
pub(crate) fn utf8(bytes: Vec<u8>) -> io::Result<String> {
    let not_utf8 = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
    String::from_utf8(bytes).map_err(not_utf8)
}

fn within(bytes: Vec<u8>, limit: u64) -> io::Result<Vec<u8>> {
    if bytes.len() as u64 <= limit {
        return Ok(bytes);
    }
    let what = format!("it has more than {limit} bytes, as no file of this kind has");
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}

fn refused(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, NotRegular(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_without_an_end_and_folders_are_refused_and_the_empty_device_is_read() {
        for path in ["/dev/zero", "/dev/urandom", "/dev"] {
            let error = read(path.as_ref(), 10).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path}: {error}");
        }
        assert_eq!(read("/dev/null".as_ref(), 10).unwrap(), b"");
    }

    #[test]
    fn no_more_is_read_than_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "0123456789").unwrap();
        for read in [read, read_regular] {
            assert_eq!(read(&path, 10).unwrap(), b"0123456789");
            assert_eq!(read(&path, 9).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
