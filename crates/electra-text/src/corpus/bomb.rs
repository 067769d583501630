//! Archives that unpack to far more than they are.
//!
//! A few kilobytes can unpack to as many gigabytes as somebody likes. Text shrinks to a third or a
//! tenth, logs to a fiftieth: what is hundreds of times as large as its archive is no text.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// No text is so many times as large as its archive.
const MAX_RATIO: u64 = 250;

/// So much may come out of any archive: it costs next to nothing.
const FREE_BYTES: u64 = 64 << 20;

/// Bytes that come out at a time.
const READ_BYTES: usize = 1 << 20;

/// Whether so many bytes unpack to more than text does.
pub(super) fn exceeds_ratio(packed: u64, unpacked: u64) -> bool {
    unpacked > FREE_BYTES && unpacked / MAX_RATIO > packed
}

/// Bytes read of an archive so far; shared by who reads it and who unpacks it.
#[derive(Clone, Default)]
pub(super) struct Packed(Arc<AtomicU64>);

impl Packed {
    pub(super) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// An archive that unpacks to more than text does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{packed} bytes unpack to more than {unpacked}")]
pub(super) struct DecompressionBomb {
    pub packed: u64,
    pub unpacked: u64,
}

/// The output of a decompressor, with an error as soon as it is far larger than the input.
pub(super) struct Unpacked<R> {
    decoder: R,
    packed: Packed,
    unpacked: u64,
}

impl<R: Read> Unpacked<R> {
    pub(super) fn new(decoder: R, packed: Packed) -> Self {
        Unpacked { decoder, packed, unpacked: 0 }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Whoever reads all there is offers more and more room.
        let room = buffer.len().min(READ_BYTES);
        let read = self.decoder.read(&mut buffer[..room])?;
        self.unpacked = self.unpacked.saturating_add(read as u64);
        let (packed, unpacked) = (self.packed.0.load(Ordering::Relaxed), self.unpacked);
        if exceeds_ratio(packed, unpacked) {
            return Err(io::Error::other(DecompressionBomb { packed, unpacked }));
        }
        Ok(read)
    }
}
