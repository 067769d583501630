//! The archive of torch 1.6 and later: a zip file whose entries are stored as they are.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use flate2::Crc;

use super::error::PytorchError;

/// The record with which a zip file ends, without the comment behind it.
const END: usize = 22;
const END_MARK: &[u8] = b"PK\x05\x06";
/// What stands before it in a file with 64-bit lengths: where their record is.
const LOCATOR: usize = 20;
/// The record with 64-bit lengths.
const END64: usize = 56;
/// The header before the content of an entry, without its name.
const LOCAL: usize = 30;
/// An entry of the directory, without its name.
const CENTRAL: usize = 46;
/// Bytes of the directory at most: that of ten thousand storages has one million.
const MAX_DIRECTORY: u64 = 64 << 20;

/// A zip file as torch.save writes it.
#[derive(Debug)]
pub(super) struct Archive {
    file: File,
    bytes: u64,
    /// The folder in it that all entries are in, with a slash, or nothing.
    root: String,
    entries: HashMap<String, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where the header before its content begins.
    header: u64,
    bytes: u64,
    checksum: u32,
    /// Whether its content is there as it is: neither compressed nor encrypted.
    is_stored: bool,
}

impl Archive {
    /// Reads the directory of a file of `bytes` bytes.
    ///
    /// # Errors
    /// An archive that torch.save did not write, or not to its end.
    pub(super) fn open(file: File, bytes: u64) -> Result<Self, PytorchError> {
        let (at, length) = directory_place(&file, bytes)?;
        let end = at.checked_add(length).filter(|end| *end <= bytes && length <= MAX_DIRECTORY);
        if end.is_none() {
            return Err(damaged("its directory is not where its end says"));
        }
        let mut directory = vec![0; length as usize];
        file.read_exact_at(&mut directory, at)?;
        let entries = entries(&directory)?;
        let mut roots = entries.keys().filter_map(|name| name.strip_suffix("data.pkl"));
        let root = roots.find(|root| !root.trim_end_matches('/').contains('/')).map(str::to_owned);
        let root = root.ok_or_else(|| damaged("it has no data.pkl"))?;
        let archive = Self { file, bytes, root, entries };
        if archive.has("constants.pkl") {
            return Err(PytorchError::TorchScript);
        }
        Ok(archive)
    }

    /// Whether there is an entry of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(&format!("{}{name}", self.root))
    }

    /// Where the content of an entry lies, and how long it is.
    fn place(&self, name: &str) -> Result<(u64, Entry), PytorchError> {
        let entry = self.entries.get(&format!("{}{name}", self.root));
        let entry = *entry.ok_or_else(|| damaged(&format!("it has no {name}")))?;
        if !entry.is_stored {
            return Err(damaged(&format!("{name} in it is compressed or encrypted")));
        }
        let mut header = [0; LOCAL];
        let cut = |end: u64| PytorchError::Cut { what: name.into(), end, bytes: self.bytes };
        let start = entry.header.saturating_add(LOCAL as u64);
        if start > self.bytes {
            return Err(cut(start));
        }
        self.file.read_exact_at(&mut header, entry.header)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(damaged(&format!("{name} is not where its directory says")));
        }
        let start = start + u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        match start.checked_add(entry.bytes) {
            Some(end) if end <= self.bytes => Ok((start, entry)),
            end => Err(cut(end.unwrap_or(u64::MAX))),
        }
    }

    /// Bytes of an entry, which is whole as far as lengths tell.
    ///
    /// # Errors
    /// An entry that is not there, or reaches beyond the file.
    pub(super) fn length(&self, name: &str) -> Result<u64, PytorchError> {
        self.place(name).map(|(_, entry)| entry.bytes)
    }

    /// The content of an entry.
    ///
    /// # Errors
    /// One that is not there or not what was saved.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, PytorchError> {
        let (start, entry) = self.place(name)?;
        let mut content = vec![0; entry.bytes as usize];
        self.file.read_exact_at(&mut content, start)?;
        let mut checksum = Crc::new();
        checksum.update(&content);
        match checksum.sum() == entry.checksum {
            true => Ok(content),
            false => Err(PytorchError::Checksum(name.into())),
        }
    }
}

/// Where the directory of entries begins, and its length.
fn directory_place(file: &File, bytes: u64) -> Result<(u64, u64), PytorchError> {
    // A comment of up to 16 bits of length may follow.
    let tail_bytes = bytes.min((END + LOCATOR) as u64 + u64::from(u16::MAX));
    let mut tail = vec![0; tail_bytes as usize];
    file.read_exact_at(&mut tail, bytes - tail_bytes)?;
    let is_end = |at: &usize| {
        tail[*at..].starts_with(END_MARK) && at + END + usize::from(u16_at(&tail, at + 20)) == tail.len()
    };
    let Some(end) =
        (0..=tail.len().saturating_sub(END)).rev().filter(|at| at + END <= tail.len()).find(is_end)
    else {
        return Err(damaged("it has no end, as an archive that was cut short"));
    };
    let (length, at) = (u32_at(&tail, end + 12), u32_at(&tail, end + 16));
    if length != u32::MAX && at != u32::MAX {
        return Ok((at.into(), length.into()));
    }
    let locator = end.checked_sub(LOCATOR).map(|at| &tail[at..end]);
    let locator = locator.filter(|locator| locator.starts_with(b"PK\x06\x07"));
    let at = u64_at(locator.ok_or_else(|| damaged("its end has no lengths of 64 bits"))?, 8);
    let mut record = [0; END64];
    if at.checked_add(END64 as u64).is_none_or(|end| end > bytes) {
        return Err(damaged("its end has no lengths of 64 bits"));
    }
    file.read_exact_at(&mut record, at)?;
    match record.starts_with(b"PK\x06\x06") {
        true => Ok((u64_at(&record, 48), u64_at(&record, 40))),
        false => Err(damaged("its end has no lengths of 64 bits")),
    }
}

fn entries(directory: &[u8]) -> Result<HashMap<String, Entry>, PytorchError> {
    let mut entries = HashMap::new();
    let mut rest = directory;
    while !rest.is_empty() {
        let not_whole = || damaged("its directory is not whole");
        let fixed =
            rest.get(..CENTRAL).filter(|fixed| fixed.starts_with(b"PK\x01\x02")).ok_or_else(not_whole)?;
        let lengths = [28, 30, 32].map(|at| usize::from(u16_at(fixed, at)));
        let name = rest.get(CENTRAL..CENTRAL + lengths[0]).ok_or_else(not_whole)?;
        let name = String::from_utf8_lossy(name).into_owned();
        let extra = CENTRAL + lengths[0];
        let extra = rest.get(extra..extra + lengths[1]).ok_or_else(not_whole)?;
        rest = rest.get(CENTRAL + lengths.iter().sum::<usize>()..).ok_or_else(not_whole)?;
        let [packed, bytes, header] = long_values(fixed, extra).ok_or_else(not_whole)?;
        let is_stored = u16_at(fixed, 8) & 1 == 0 && u16_at(fixed, 10) == 0 && packed == bytes;
        let entry = Entry { header, bytes, checksum: u32_at(fixed, 16), is_stored };
        if entries.insert(name.clone(), entry).is_some() {
            return Err(damaged(&format!("{name:?} is in it twice")));
        }
    }
    Ok(entries)
}

/// Packed length, length and place of an entry, in 32 bits or beside them in 64.
fn long_values(fixed: &[u8], mut extra: &[u8]) -> Option<[u64; 3]> {
    let [packed, bytes, header] = [20, 24, 42].map(|at| u32_at(fixed, at));
    let mut long: &[u8] = &[];
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let field = rest.get(..usize::from(u16_at(head, 2)))?;
        if u16_at(head, 0) == 1 {
            long = field;
        }
        extra = &rest[field.len()..];
    }
    let mut value = |short: u32| match short {
        u32::MAX => {
            let (value, rest) = long.split_at_checked(8)?;
            long = rest;
            Some(u64_at(value, 0))
        }
        short => Some(short.into()),
    };
    // In this order, and only those that 32 bits do not hold.
    let bytes = value(bytes)?;
    Some([value(packed)?, bytes, value(header)?])
}

fn damaged(what: &str) -> PytorchError {
    PytorchError::Archive(what.to_owned())
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
