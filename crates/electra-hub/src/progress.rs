//! Whoever watches a download.

use std::time::Duration;

/// Is told how a download comes on.
pub trait Progress {
    /// A file of `bytes` bytes begins, of which `there` are there already.
    fn begin(&mut self, file: &str, bytes: u64, there: u64);

    /// So many bytes more have come.
    fn advance(&mut self, bytes: u64);

    /// The connection was lost or refused and is tried again after a pause; `why` is the system's or the server's
    /// answer.
    fn retry(&mut self, why: &str, pause: Duration);

    /// The file is whole and has the hash that it has to have.
    fn end(&mut self);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct SilentProgress;

impl Progress for SilentProgress {
    fn begin(&mut self, _: &str, _: u64, _: u64) {}
    fn advance(&mut self, _: u64) {}
    fn retry(&mut self, _: &str, _: Duration) {}
    fn end(&mut self) {}
}
