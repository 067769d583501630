//! A buffer of what was read and is not accounted for yet, so that white space between sentences is not lost.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use super::form::bounded;
use electra_annotations::MAX_SENTENCE_BYTES;

/// A buffer of more bytes is cut in front. The reader of sentences holds less text than is kept, so
/// that only white space is cut.
const MAX_BYTES: usize = 16 * MAX_SENTENCE_BYTES;
const KEPT_BYTES: usize = MAX_BYTES / 2;

/// The last bytes of a stream.
#[derive(Default)]
pub(super) struct ReplayBuffer {
    bytes: VecDeque<u8>,
    /// Place of the first of them in the stream.
    start: u64,
}

impl ReplayBuffer {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        if self.bytes.len() > MAX_BYTES {
            self.skip(self.bytes.len() - KEPT_BYTES);
            // Not within a character.
            while self.bytes.front().is_some_and(|byte| byte & 0xc0 == 0x80) {
                self.skip(1);
            }
        }
    }

    /// The text from where the buffer begins to this place in the stream.
    pub(super) fn take_until(&mut self, place: u64) -> String {
        let length = place.checked_sub(self.start).expect("only white space is cut from the buffer") as usize;
        self.start = place;
        let bytes: Vec<u8> = self.bytes.drain(..length).collect();
        bounded(String::from_utf8(bytes).expect("sentences begin and end at characters"))
    }

    /// Moves over text that is known.
    pub(super) fn skip(&mut self, length: usize) {
        self.bytes.drain(..length);
        self.start += length as u64;
    }

    /// Everything, which may end within a character if the stream does.
    pub(super) fn take_rest(&mut self) -> String {
        bounded(String::from_utf8_lossy(self.bytes.make_contiguous()).into_owned())
    }
}

/// A reader that keeps what is read from it.
pub(super) struct Recorder<R> {
    reader: BufReader<R>,
    buffer: Rc<RefCell<ReplayBuffer>>,
}

impl<R: Read> Recorder<R> {
    pub(super) fn new(reader: R, buffer: Rc<RefCell<ReplayBuffer>>) -> Self {
        Self { reader: BufReader::with_capacity(MAX_SENTENCE_BYTES, reader), buffer }
    }
}

impl<R: Read> Read for Recorder<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(target.len());
        target[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: Read> BufRead for Recorder<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        self.buffer.borrow_mut().push(&self.reader.buffer()[..length]);
        self.reader.consume(length);
    }
}
