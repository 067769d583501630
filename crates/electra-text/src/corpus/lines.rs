//! Lines of UTF-8, numbered, in bounded memory.

use std::path::PathBuf;
use std::sync::Arc;

use super::compressed::Content;
use super::error::CorpusError;
use super::read_progress::ReadProgress;

/// Reads a file line by line.
pub(super) struct Lines {
    content: Content,
    path: PathBuf,
    lossy: bool,
    progress: Arc<ReadProgress>,
    bytes: Vec<u8>,
    /// The offset of `bytes` in the uncompressed file.
    start: u64,
    /// Bytes at the front of `bytes` that were handed out.
    used: usize,
    text: String,
    line: u64,
    line_ended: bool,
    /// Whether the limit cut what was handed out last.
    cut: bool,
}

impl Lines {
    pub(super) fn new(path: PathBuf, content: Content, lossy: bool, progress: Arc<ReadProgress>) -> Self {
        Lines {
            content,
            path,
            lossy,
            progress,
            bytes: Vec::new(),
            start: 0,
            used: 0,
            text: String::new(),
            line: 0,
            line_ended: true,
            cut: false,
        }
    }

    /// The next line without its end, or `None` behind the last. A line of more than `limit`
    /// bytes comes in pieces: cut behind a space if there is one, within no character.
    pub(super) fn next(&mut self, limit: usize) -> Result<Option<&str>, CorpusError> {
        self.bytes.drain(..self.used);
        self.start += self.used as u64;
        self.used = 0;
        if self.line_ended {
            self.start = self.content.offset();
        }
        let wanted = limit.saturating_sub(self.bytes.len());
        let begins = self.line_ended;
        if wanted > 0 {
            let read = self.content.read_line(wanted, &mut self.bytes)?;
            if read.bytes == 0 && self.bytes.is_empty() {
                return Ok(None);
            }
            self.line_ended = read.ended;
        }
        self.line += u64::from(begins);
        self.cut = !self.line_ended && self.bytes.len() >= limit;
        self.used = if self.cut { cut(&self.bytes) } else { self.bytes.len() };
        let piece = &self.bytes[..self.used];
        let text = match std::str::from_utf8(piece) {
            Ok(text) => text,
            Err(_) if self.lossy => {
                let replaced = piece.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
                self.progress.add_replaced(replaced as u64);
                self.text = String::from_utf8_lossy(piece).into_owned();
                &self.text
            }
            Err(error) => {
                return Err(CorpusError::NotUtf8 {
                    path: self.path.clone(),
                    line: self.line,
                    offset: self.start + error.valid_up_to() as u64,
                    byte: piece[error.valid_up_to()],
                });
            }
        };
        // Byte order marks stand in front of a file, and of each that was appended to another.
        Ok(Some(if begins { text.trim_start_matches('\u{feff}') } else { text }))
    }

    /// Number of the line that was handed out last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.line
    }

    /// Whether the line that was handed out last is longer than the limit.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }
}

/// The position at which to cut bytes of text that goes on: behind the last space, else before the last
/// character if it may be incomplete.
fn cut(bytes: &[u8]) -> usize {
    if let Some(space) = bytes.iter().rposition(|&byte| byte == b' ') {
        return space + 1;
    }
    let is_start = |&byte: &u8| byte & 0xC0 != 0x80;
    match bytes.iter().rev().take(4).position(is_start) {
        Some(back) if back + 1 < bytes.len() => bytes.len() - back - 1,
        _ => bytes.len(),
    }
}
