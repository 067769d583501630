//! The content of a file, as it is held in memory: what there is no room for is refused, by its name.
//!
//! A file of a few kilobytes may unpack to more than any machine holds, and a device never ends. What is
//! read is looked at as it comes, so that neither is ever in memory whole.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, IsTerminal, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use electra_files::memory;
use electra_text::corpus::{Compression, CorpusError, Signature, open_content};
use electra_text::lines::LineReader;

use super::error::{MEMORY_PER_BYTE, ReadError};

/// The longest line, in bytes: more than a long novel as one record. A record is held in memory
/// several times while it is taken apart.
pub const MAX_LINE_BYTES: usize = 8 << 20;

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 1 << 18;

/// The path that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// The limits on a file's content.
struct Bounds {
    /// The size of the text in bytes.
    bytes: u64,
    /// Bytes of a line.
    line: usize,
}

/// The whole content of a file or a pipe, unpacked if its name ends in `.gz` or `.zst`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    // Positions of tokens have 32 bits.
    let room = memory::available().map_or(u64::MAX, |free| free / MEMORY_PER_BYTE).min(u32::MAX.into());
    let is_packed = Compression::of(path).0 != Compression::None;
    let bounds = Bounds { bytes: room, line: MAX_LINE_BYTES };
    let mut expected = 0;
    if let Ok(metadata) = fs::metadata(path) {
        let kind = metadata.file_type();
        let is_terminal = || fs::File::open(path).is_ok_and(|file| file.is_terminal());
        if kind.is_block_device() || kind.is_char_device() && !is_terminal() {
            return Err(ReadError::Device { path: path.to_owned() });
        }
        match (kind.is_file(), is_packed) {
            (true, false) if metadata.len() > room => {
                return Err(ReadError::TooLarge { path: path.to_owned(), bytes: metadata.len(), most: room });
            }
            (true, false) => expected = metadata.len(),
            // What an archive unpacks to is bounded where it is unpacked.
            (true, true) | (false, _) => {}
        }
    }
    let mut bytes = Vec::with_capacity(expected as usize);
    if path == Path::new(STANDARD_INPUT) {
        let mut input = BufReader::new(io::stdin().lock());
        let found = input.fill_buf().map(Signature::of);
        let found = found.map_err(|source| CorpusError::Read { path: path.to_owned(), source })?;
        if let Some(&Signature { kind, remedy, .. }) = found {
            let what = format!("is {kind}");
            return Err(CorpusError::NoText { path: "standard input".into(), what, remedy }.into());
        }
        read_within(input, path, &bounds, &mut bytes)?;
        return Ok(bytes);
    }
    let content = open_content(path)?;
    read_within(content, path, &bounds, &mut bytes)?;
    Ok(bytes)
}

/// Refuses text that became longer than packed sentences can be when its characters were decoded.
pub(super) fn check_decoded(path: &Path, text: &str) -> Result<(), ReadError> {
    let (bytes, most) = (text.len() as u64, u32::MAX.into());
    if bytes > most { Err(ReadError::TooLarge { path: path.to_owned(), bytes, most }) } else { Ok(()) }
}

/// Appends everything that `content` gives to `bytes`, within bounds.
fn read_within(
    mut content: impl Read,
    path: &Path,
    bounds: &Bounds,
    bytes: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let path = || path.to_owned();
    let mut chunk = vec![0; CHUNK_BYTES];
    // Where the line at hand begins.
    let mut start = 0;
    loop {
        let chunk = match content.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(read) => &chunk[..read],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(match error.downcast::<CorpusError>() {
                    Ok(error) => error.into(),
                    Err(source) => CorpusError::Read { path: path(), source }.into(),
                });
            }
        };
        let before = bytes.len();
        bytes.extend_from_slice(chunk);
        let read = bytes.len() as u64;
        if read > bounds.bytes {
            return Err(ReadError::TooLarge { path: path(), bytes: read, most: bounds.bytes });
        }
        for (at, _) in chunk.iter().enumerate().filter(|(_, byte)| matches!(byte, b'\n' | b'\r')) {
            if before + at - start > bounds.line {
                break;
            }
            start = before + at + 1;
        }
        // Tools write a list of records of any length in one line: it is JSON, or nothing that is read.
        let is_list = || bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        if bytes.len() - start > bounds.line && !is_list() {
            let line = 1 + count_lines(&bytes[..start]);
            return Err(ReadError::LongLine { path: path(), line, limit: bounds.line });
        }
    }
}

/// Lines of bytes that need be no text.
fn count_lines(bytes: &[u8]) -> usize {
    let mut reader = LineReader::new(bytes);
    let ended = || reader.read(usize::MAX, &mut Vec::new()).is_ok_and(|read| read.ended).then_some(());
    std::iter::from_fn(ended).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &[u8]) -> String {
        let bounds = Bounds { bytes: 100, line: 10 };
        let mut bytes = Vec::new();
        match read_within(text, Path::new("a"), &bounds, &mut bytes) {
            Ok(()) => {
                assert_eq!(bytes, text);
                String::new()
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn bounds_are_met_and_not_passed() {
        let lines = |count: usize, end: &str| format!("123456789{end}").repeat(count);
        for end in ["\n", "\r"] {
            assert_eq!(refused(lines(10, end).as_bytes()), "");
            assert!(refused(lines(11, end).as_bytes()).starts_with("a holds 110 bytes"));
            let long = lines(2, end) + "12345678901";
            assert!(refused(long.as_bytes()).starts_with("line 3 of a is longer than 10 bytes"));
        }
        // However they end.
        assert_eq!(refused(b"123456789\r123456789\r9\n123456789\r\n1"), "");
        let long = refused(b"1234\r5678\r\n\n1\r\r\n12345678901");
        assert!(long.starts_with("line 5 of a is longer"), "{long}");
    }
}
