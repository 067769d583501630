//! A rank among others, and messages from one to another.

use thiserror::Error;

/// A rank among the processes that train together, with messages between any two of them. Messages from one rank to
/// another arrive in the order in which they were sent, and the receiver knows how long each of them is.
pub trait Ranks {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// The number of ranks.
    fn size(&self) -> usize;

    /// Sends a message to another rank.
    ///
    /// # Errors
    /// If that rank has ended.
    fn send(&self, to: usize, message: &[u8]) -> Result<(), RankError>;

    /// Waits for a message of another rank, which fills `message`.
    ///
    /// # Errors
    /// If that rank has ended, or has sent a message of another length.
    fn receive(&self, from: usize, message: &mut [u8]) -> Result<(), RankError>;
}

/// An error that ends the work of all ranks.
#[derive(Clone, Debug, PartialEq, Eq, Error, miette::Diagnostic)]
pub enum RankError {
    /// A rank has ended before the others.
    #[error("rank {rank} has ended{}", .place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default())]
    #[diagnostic(help("the last checkpoint has all steps up to it: the same command goes on from there"))]
    Ended {
        /// The number of the rank.
        rank: usize,
        /// Process and host of the rank, where they are known.
        place: Option<String>,
    },
    /// Another rank has met with an error and said so.
    #[error("rank {rank}: {message}")]
    Failed {
        /// The number of the rank.
        rank: usize,
        /// The error of the rank.
        message: String,
    },
    /// Ranks that were not started alike.
    #[error("rank {rank} has {what} than rank {than}: {found} there, {expected} here")]
    #[diagnostic(help(
        "all ranks have to be started with the same program, the same recipe and the same data; where they lie on \
         several machines, copy them from one"
    ))]
    Different {
        /// The number of the rank.
        rank: usize,
        /// "another recipe"
        what: String,
        /// The rank with which it is compared.
        than: usize,
        /// A hash, or a name, of what the rank has.
        found: String,
        /// The same of the rank with which it is compared.
        expected: String,
    },
    /// Ranks whose weights have come apart.
    #[error("rank {rank} has other weights than rank {than} after step {step}")]
    #[diagnostic(help(
        "its machine computes otherwise than the others, by another processor or a fault of its memory: leave it \
         out, and the same command goes on from the last checkpoint, which is older than the difference"
    ))]
    Weights {
        /// The number of the rank.
        rank: usize,
        /// The rank with which it is compared.
        than: usize,
        /// Steps done.
        step: u64,
    },
    /// Messages that do not belong together.
    #[error("rank {rank} has sent {found} bytes where {expected} were expected")]
    #[diagnostic(help("all ranks have to be started with the same program"))]
    Length {
        /// The number of the rank.
        rank: usize,
        /// Bytes of the message.
        found: usize,
        /// Bytes that were expected.
        expected: usize,
    },
}
