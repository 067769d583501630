//! Indices in 32 bits, of which large collections take half the memory.

/// An index into a collection.
///
/// # Panics
/// If it does not fit: readers refuse text that makes so many pieces.
pub(crate) fn index32(at: usize) -> u32 {
    u32::try_from(at).unwrap_or_else(|_| panic!("index {at} does not fit 32 bits"))
}
