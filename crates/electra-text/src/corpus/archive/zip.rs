//! Members of a zip archive, in the order of its directory.
//!
//! The directory is read one entry at a time, so that memory does not grow with their number: crates for zip
//! hold all of it, several hundred bytes for each of its 46.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use electra_files::regular;

use super::super::bomb::Packed;
use super::super::compression::Compression;
use super::super::decoder::{BUFFER_BYTES, Stream, decoded};
use super::super::error::CorpusError;
use super::member::{Member, Members, named};

/// Bytes of the end of a directory without its comment, which has fewer than 65,536.
const END_BYTES: u64 = 22;

/// The members of a zip archive.
pub(super) struct ZipMembers {
    path: PathBuf,
    file: Arc<File>,
    /// Bytes of the archive.
    length: u64,
    directory: BufReader<FilePart>,
    entries_left: u64,
    /// Bytes in front of the archive, such as a program that unpacks it.
    offset: u64,
    /// Bytes of the members so far, as they lie in the archive.
    packed: u64,
}

/// An entry of the directory.
struct Entry {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    header: u64,
    /// The file mode on Unix, if the archive was made there.
    mode: Option<u32>,
    name: Vec<u8>,
}

impl ZipMembers {
    pub(super) fn open(path: PathBuf) -> Result<Self, CorpusError> {
        let read_error = |source| CorpusError::Read { path: path.clone(), source };
        let file = Arc::new(regular::open(&path).map_err(read_error)?);
        let length = file.metadata().map_err(read_error)?.len();
        let end = End::find(&file, length).map_err(read_error)?;
        let end = end.ok_or_else(|| damaged(&path, "it is no zip archive, or was cut short"))?;
        let directory = FilePart { file: Arc::clone(&file), at: end.directory, left: end.directory_bytes };
        let directory = BufReader::with_capacity(BUFFER_BYTES, directory);
        let (entries_left, offset) = (end.entries, end.offset);
        Ok(Self { path, file, length, directory, entries_left, offset, packed: 0 })
    }

    fn entry(&mut self) -> Result<Entry, CorpusError> {
        let entry = self.read_entry().map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged(&self.path, "its directory ends too early"),
            _ => CorpusError::Read { path: self.path.clone(), source: error },
        })?;
        entry.ok_or_else(|| damaged(&self.path, "its directory is damaged"))
    }

    /// The next entry of the directory; `None` where there is something else.
    fn read_entry(&mut self) -> io::Result<Option<Entry>> {
        let mut fixed = [0; 46];
        self.directory.read_exact(&mut fixed)?;
        if !fixed.starts_with(b"PK\x01\x02") {
            return Ok(None);
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(&fixed, at)));
        let mut variable = vec![0; name + extra + comment];
        self.directory.read_exact(&mut variable)?;
        let is_of_unix = fixed[5] == 3;
        let mut entry = Entry {
            flags: u16_at(&fixed, 8),
            method: u16_at(&fixed, 10),
            crc: u32_at(&fixed, 16),
            packed: u32_at(&fixed, 20).into(),
            size: u32_at(&fixed, 24).into(),
            header: u32_at(&fixed, 42).into(),
            mode: is_of_unix.then(|| u32_at(&fixed, 38) >> 16),
            name: variable[..name].to_owned(),
        };
        Ok(entry.widen(&variable[name..name + extra]).then_some(entry))
    }

    /// The content of a member.
    fn content(&mut self, entry: &Entry) -> Result<(Stream, Packed), CorpusError> {
        let path = named(&self.path, &entry.path());
        let refused =
            |what: &str, remedy| CorpusError::Archive { path: path.clone(), what: what.into(), remedy };
        const UNPACK: &str = "unpack the archive first";
        if entry.flags & 1 != 0 {
            return Err(refused("it is encrypted", UNPACK));
        }
        // Members that share their bytes unpack to more than there is.
        self.packed = self.packed.saturating_add(entry.packed);
        if self.packed > self.length {
            return Err(damaged(&self.path, "its members are larger than the archive"));
        }
        let mut fixed = [0; 30];
        let header = entry.header.saturating_add(self.offset);
        let is_header =
            self.file.read_exact_at(&mut fixed, header).is_ok() && fixed.starts_with(b"PK\x03\x04");
        if !is_header {
            return Err(damaged(&self.path, "its directory names a member where there is none"));
        }
        let variable = u64::from(u16_at(&fixed, 26)) + u64::from(u16_at(&fixed, 28));
        let packed = Packed::default();
        let part = FilePart { file: Arc::clone(&self.file), at: header + 30 + variable, left: entry.packed };
        let part = Counted { part, packed: packed.clone() };
        let stream: Stream = Box::new(BufReader::with_capacity(BUFFER_BYTES, part));
        let unpacked = match entry.method {
            0 => Ok(stream),
            8 => {
                let decoder = flate2::bufread::DeflateDecoder::new(stream);
                let decoder = super::super::bomb::Unpacked::new(decoder, packed);
                Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)) as Stream)
            }
            12 => decoded(stream, Compression::Bzip2, packed),
            93 => decoded(stream, Compression::Zstd, packed),
            95 => decoded(stream, Compression::Xz, packed),
            method => return Err(refused(&format!("it is compressed by method {method}"), UNPACK)),
        };
        let unpacked = unpacked.map_err(|source| CorpusError::Read { path, source })?;
        // A member may be compressed itself.
        let packed = Packed::default();
        let (crc, expected) = (flate2::Crc::new(), (entry.crc, entry.size));
        let checked = Checked { unpacked, packed: packed.clone(), crc, read: 0, expected };
        Ok((Box::new(BufReader::with_capacity(BUFFER_BYTES, checked)), packed))
    }
}

impl Members for ZipMembers {
    fn next(&mut self) -> Result<Option<Member>, CorpusError> {
        while self.entries_left > 0 {
            self.entries_left -= 1;
            let entry = self.entry()?;
            if entry.name.ends_with(b"/") {
                continue;
            }
            let name = entry.path();
            // A link's target is its content.
            let is_file = entry.mode.is_none_or(|mode| matches!(mode & 0o170_000, 0 | 0o100_000));
            let content = if is_file { Some(self.content(&entry)?) } else { None };
            return Ok(Some(Member { name, content }));
        }
        Ok(None)
    }
}

impl Entry {
    fn path(&self) -> PathBuf {
        PathBuf::from(OsString::from_vec(self.name.clone()))
    }

    /// Takes numbers of 64 bits from the extra fields; false if they are not there.
    fn widen(&mut self, mut extra: &[u8]) -> bool {
        const WIDE: u64 = u32::MAX as u64;
        let mut wide: &[u8] = &[];
        while let Some((head, rest)) = extra.split_at_checked(4) {
            let length = usize::from(u16_at(head, 2));
            let Some((field, rest)) = rest.split_at_checked(length) else { break };
            if u16_at(head, 0) == 1 {
                wide = field;
            }
            extra = rest;
        }
        for number in [&mut self.size, &mut self.packed, &mut self.header] {
            if *number == WIDE {
                let Some((first, rest)) = wide.split_first_chunk() else { return false };
                (*number, wide) = (u64::from_le_bytes(*first), rest);
            }
        }
        true
    }
}

/// Where the directory of an archive lies.
struct End {
    directory: u64,
    directory_bytes: u64,
    entries: u64,
    offset: u64,
}

impl End {
    /// The end of the directory, which is the last thing in an archive but for a comment.
    fn find(file: &File, length: u64) -> io::Result<Option<Self>> {
        let from = length.saturating_sub(END_BYTES + u64::from(u16::MAX));
        let mut tail = vec![0; (length - from) as usize];
        file.read_exact_at(&mut tail, from)?;
        let is_end = |at: &usize| {
            tail[*at..].starts_with(b"PK\x05\x06") && {
                let comment = usize::from(u16_at(&tail[*at..], 20));
                at + END_BYTES as usize + comment <= tail.len()
            }
        };
        let starts = 0..(tail.len() + 1).saturating_sub(END_BYTES as usize);
        let Some(at) = starts.rev().find(is_end) else { return Ok(None) };
        let (end, place) = (&tail[at..], from + at as u64);
        let mut entries = u64::from(u16_at(end, 10));
        let [mut bytes, mut directory] = [12, 16].map(|at| u64::from(u32_at(end, at)));
        let mut behind = place;
        let is_wide = entries == 0xffff || bytes == 0xffff_ffff || directory == 0xffff_ffff;
        if is_wide && let Some(locator_at) = place.checked_sub(20) {
            let (mut locator, mut wide) = ([0; 20], [0; 56]);
            file.read_exact_at(&mut locator, locator_at)?;
            if locator.starts_with(b"PK\x06\x07") {
                behind = u64_at(&locator, 8);
                let is_there =
                    file.read_exact_at(&mut wide, behind).is_ok() && wide.starts_with(b"PK\x06\x06");
                if !is_there {
                    return Ok(None);
                }
                [entries, bytes, directory] = [32, 40, 48].map(|at| u64_at(&wide, at));
            }
        }
        // Whatever stands in front of an archive moves all its places.
        let Some(begins) = behind.checked_sub(bytes) else { return Ok(None) };
        let Some(offset) = begins.checked_sub(directory) else { return Ok(None) };
        Ok(Some(Self { directory: begins, directory_bytes: bytes, entries, offset }))
    }
}

/// Some of a file, read from a place of its own.
struct FilePart {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for FilePart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Bytes of a member, counted as they are read.
struct Counted {
    part: FilePart,
    packed: Packed,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.part.read(buffer)?;
        self.packed.add(read as u64);
        Ok(read)
    }
}

/// A member whose length and sum have to be those of the directory.
struct Checked {
    unpacked: Stream,
    packed: Packed,
    crc: flate2::Crc,
    read: u64,
    expected: (u32, u64),
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.unpacked.read(buffer)?;
        self.crc.update(&buffer[..read]);
        self.read += read as u64;
        self.packed.add(read as u64);
        if read == 0 && !buffer.is_empty() && (self.crc.sum(), self.read) != self.expected {
            let (_, size) = self.expected;
            let what = format!("its {} bytes are not the {size} of which the archive has the sum", self.read);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(read)
    }
}

fn damaged(path: &std::path::Path, what: &str) -> CorpusError {
    let remedy = "copy or download it again, or unpack it first";
    CorpusError::Archive { path: path.to_owned(), what: what.to_owned(), remedy }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
