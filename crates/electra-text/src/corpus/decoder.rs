//! Decompressors of streams, whose memory the file cannot choose.

use std::io::{self, BufRead, BufReader};

use super::bomb::{Packed, Unpacked};
use super::compression::Compression;

/// A stream of bytes, shared by no one.
pub(super) type Stream = Box<dyn BufRead + Send>;

pub(super) const BUFFER_BYTES: usize = 256 << 10;

/// Memory of a decompressor of xz: enough for dictionaries of 64 MB, that of `xz -9`.
const MAX_XZ_BYTES: u64 = 80 << 20;

/// What `packed` unpacks to; `bytes` counts what is read of it.
pub(super) fn decoded(packed: Stream, compression: Compression, bytes: Packed) -> io::Result<Stream> {
    let unpacked: Stream = match compression {
        Compression::None => return Ok(packed),
        Compression::Gzip => buffered(flate2::bufread::MultiGzDecoder::new(packed), bytes),
        Compression::Zstd => buffered(zstd::Decoder::with_buffer(packed)?, bytes),
        Compression::Bzip2 => buffered(bzip2::bufread::MultiBzDecoder::new(packed), bytes),
        Compression::Xz => {
            use liblzma::stream::{CONCATENATED, Stream};
            let stream = Stream::new_stream_decoder(MAX_XZ_BYTES, CONCATENATED)?;
            buffered(liblzma::bufread::XzDecoder::new_stream(packed, stream), bytes)
        }
    };
    Ok(unpacked)
}

fn buffered(decoder: impl io::Read + Send + 'static, packed: Packed) -> Stream {
    Box::new(BufReader::with_capacity(BUFFER_BYTES, Unpacked::new(decoder, packed)))
}
