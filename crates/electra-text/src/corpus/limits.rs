//! Limits on the text that is held in memory at a time.

/// Longer documents are continued as a new document from here on, so that a file without a
/// single blank line is read in bounded memory too.
pub const MAX_DOCUMENT_BYTES: usize = 4 << 20;

/// The most bytes that [`read_content`](super::read_content) gives.
pub const MAX_CONTENT_BYTES: u64 = 1 << 30;

/// A record must be held in memory whole.
pub(super) const MAX_RECORD_BYTES: usize = 64 << 20;
