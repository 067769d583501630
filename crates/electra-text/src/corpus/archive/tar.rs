//! Members of a tar archive, read as they come.
//!
//! The `tar` crate reads the fields of a header. It would also read the members, but names of any length
//! into memory, which an archive of a few kilobytes can ask gigabytes for.

use std::ffi::OsString;
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use tar::{EntryType, Header, PaxExtensions};

use super::super::bomb::Packed;
use super::super::compressed::Content;
use super::super::decoder::BUFFER_BYTES;
use super::super::error::CorpusError;
use super::member::{Member, Members};

/// Bytes of a block: headers are one, contents are filled up to whole ones.
const BLOCK: usize = 512;

/// Bytes of a long name, or of the extensions of a header.
const MAX_EXTENSION_BYTES: u64 = 1 << 20;

/// The members of a tar archive.
pub(super) struct TarMembers {
    path: PathBuf,
    shared: Arc<Mutex<Position>>,
    ended: bool,
}

/// The archive, and what is left of the member that is being read.
struct Position {
    archive: Content,
    left: u64,
    /// Bytes behind the member up to a whole block.
    padding: u64,
}

/// The name, size and kind that headers of extensions give the member behind them.
#[derive(Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    /// Whether it is a file with holes, whose bytes are not those in the archive.
    is_sparse: bool,
}

impl TarMembers {
    pub(super) fn new(path: PathBuf, archive: Content) -> Self {
        let shared = Arc::new(Mutex::new(Position { archive, left: 0, padding: 0 }));
        Self { path, shared, ended: false }
    }

    fn damaged(&self, what: impl Into<String>) -> CorpusError {
        let remedy = "copy or download it again, or unpack it first with `tar -xf`";
        CorpusError::Archive { path: self.path.clone(), what: what.into(), remedy }
    }

    /// The error of the archive's own reader, or that it ends.
    fn failed(&self, error: io::Error) -> CorpusError {
        match error.downcast::<CorpusError>() {
            Ok(error) => error,
            Err(_) => self.damaged("the archive ends in the middle of a member"),
        }
    }

    /// The next header; `None` at the end of the archive.
    fn header(&self) -> Result<Option<Header>, CorpusError> {
        let mut position = lock(&self.shared);
        position.pass_over().map_err(|error| self.failed(error))?;
        let mut header = Header::new_old();
        let mut filled = 0;
        while filled < BLOCK {
            let read = position.archive.read(&mut header.as_mut_bytes()[filled..]);
            match read {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.damaged("it ends in the middle of a header")),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        let bytes = header.as_bytes();
        if bytes.iter().all(|&byte| byte == 0) {
            // What follows are more such blocks; the file is hashed to its end.
            io::copy(&mut position.archive, &mut io::sink()).map_err(|error| self.failed(error))?;
            return Ok(None);
        }
        // The field of the sum itself counts as blanks.
        let sum: u32 =
            (0..BLOCK).map(|at| if (148..156).contains(&at) { 32 } else { u32::from(bytes[at]) }).sum();
        match header.cksum() {
            Ok(said) if said == sum => Ok(Some(header)),
            _ => Err(self.damaged("it is no tar archive, or damaged: the sum of a header does not fit")),
        }
    }

    /// Reads a member that belongs to the header of the next.
    fn extension(&self, header: &Header, of_next: &mut Extensions) -> Result<(), CorpusError> {
        let size = self.begin(header, None)?;
        if size > MAX_EXTENSION_BYTES {
            return Err(self.damaged(format!("the extension of a header has {size} bytes")));
        }
        let mut bytes = Vec::new();
        let mut position = lock(&self.shared);
        let read = position.member().read_to_end(&mut bytes).map_err(|error| self.failed(error))?;
        if read as u64 != size {
            return Err(self.damaged("the archive ends in the middle of a member"));
        }
        position.left = 0;
        match header.entry_type() {
            EntryType::GNULongName => {
                bytes.truncate(bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len()));
                of_next.name = Some(bytes);
            }
            EntryType::XHeader => {
                for extension in PaxExtensions::new(&bytes) {
                    let extension = extension.map_err(|_| self.damaged("a header has damaged extensions"))?;
                    match extension.key() {
                        Ok("path") => of_next.name = Some(extension.value_bytes().to_owned()),
                        Ok("size") => {
                            let size = extension.value().ok().and_then(|size| size.parse().ok());
                            let size = size.ok_or_else(|| self.damaged("the size of a member is no number"));
                            of_next.size = Some(size?);
                        }
                        Ok(key) if key.starts_with("GNU.sparse.") => of_next.is_sparse = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes where the content behind a header ends, and gives its size.
    fn begin(&self, header: &Header, size: Option<u64>) -> Result<u64, CorpusError> {
        let size = size.map_or_else(|| header.entry_size(), Ok);
        let size = size.map_err(|_| self.damaged("the size of a member is no number"))?;
        let mut position = lock(&self.shared);
        position.left = size;
        position.padding = size.wrapping_neg() % BLOCK as u64;
        Ok(size)
    }
}

impl Members for TarMembers {
    fn next(&mut self) -> Result<Option<Member>, CorpusError> {
        let mut extensions = Extensions::default();
        while !self.ended {
            let Some(header) = self.header()? else {
                self.ended = true;
                break;
            };
            let kind = header.entry_type();
            if matches!(kind, EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader) {
                self.extension(&header, &mut extensions)?;
                continue;
            }
            let of_member = std::mem::take(&mut extensions);
            // What is linked to, or stands for a device, has no content, whatever its size says.
            let is_file = matches!(kind, EntryType::Regular | EntryType::Continuous);
            let has_content = is_file || matches!(kind, EntryType::XGlobalHeader) || kind.is_gnu_sparse();
            let size = if has_content { of_member.size } else { Some(0) };
            self.begin(&header, size)?;
            let name = of_member.name.unwrap_or_else(|| header.path_bytes().into_owned());
            // Old archives know no type of folders.
            if kind == EntryType::Directory || kind == EntryType::XGlobalHeader || name.ends_with(b"/") {
                continue;
            }
            let name = PathBuf::from(OsString::from_vec(name));
            if !is_file || of_member.is_sparse {
                return Ok(Some(Member { name, content: None }));
            }
            let packed = Packed::default();
            let reader = MemberReader { shared: Arc::clone(&self.shared), packed: packed.clone() };
            let content = Box::new(BufReader::with_capacity(BUFFER_BYTES, reader));
            return Ok(Some(Member { name, content: Some((content, packed)) }));
        }
        Ok(None)
    }
}

impl Position {
    /// A reader of the rest of the member.
    fn member(&mut self) -> impl Read {
        (&mut self.archive).take(self.left)
    }

    /// Reads on to the next header.
    fn pass_over(&mut self) -> io::Result<()> {
        let left = self.left.saturating_add(self.padding);
        let read = io::copy(&mut (&mut self.archive).take(left), &mut io::sink())?;
        (self.left, self.padding) = (0, 0);
        // A last block that is short is the mark of an archive that was cut: what came behind it would be missing.
        if read == left { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// Reads the content of the member that was begun last.
struct MemberReader {
    shared: Arc<Mutex<Position>>,
    packed: Packed,
}

impl Read for MemberReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut position = lock(&self.shared);
        let read = position.member().read(buffer)?;
        if read == 0 && position.left > 0 && !buffer.is_empty() {
            let what = "the archive ends in the middle of this member".to_owned();
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        position.left -= read as u64;
        self.packed.add(read as u64);
        Ok(read)
    }
}

fn lock(shared: &Mutex<Position>) -> MutexGuard<'_, Position> {
    shared.lock().expect("no holder of this lock can panic")
}
