//! Several processes that train one network together: ranks, the messages between them, and sums that have the same
//! bits for any number of ranks.
//!
//! ```
//! use electra_ranks::{Communicator, Floats, Shares, TreeSum, threads};
//!
//! // Five numbers, added up by three ranks as by one.
//! let numbers = [1.0e8_f32, 1.0, -1.0e8, 0.5, 0.25];
//! let sums = threads::run(3, |ranks| {
//!     let communicator = Communicator::new(&ranks);
//!     let shares = Shares::new(numbers.len(), 3);
//!     let mut sum = TreeSum::new(&communicator, shares, Floats { length: 1 });
//!     shares.of(communicator.rank()).for_each(|leaf| sum.push(vec![numbers[leaf]]));
//!     sum.finish().unwrap()
//! });
//! // What is small beside 1e8 is lost in 32 bits, but the same of it for any number of ranks.
//! assert_eq!(sums, vec![vec![0.25]; 3]);
//! ```
//!
//! | part | what it does |
//! |---|---|
//! | [`Ranks`] | a rank among others, and messages from one to another |
//! | [`OneProcess`], [`threads`], `MpiRanks` (feature `mpi`) | a process alone; the threads of one process; processes that MPI has started |
//! | [`launcher`] | what launchers of processes say in the environment |
//! | [`Network`], [`Slowed`] | how fast messages are; messages that are slowed down on purpose |
//! | [`Communicator`] | what all ranks do together: collect, broadcast, compare, fail |
//! | [`Shares`], [`TreeSum`] | which rank computes which leaves of a sum, and the tree along which it is added up |
//!
//! # What it never does
//!
//! It sees no tensor and no file, and knows no task.

#![warn(unreachable_pub)]

mod communicator;
pub mod launcher;
#[cfg(feature = "mpi")]
mod mpi_ranks;
mod network;
mod one_process;
mod ranks;
mod shares;
mod slowed;
pub mod threads;
mod tree;

pub use communicator::{Communicator, first_unlike};
#[cfg(feature = "mpi")]
pub use mpi_ranks::{MpiError, MpiRanks};
pub use network::Network;
pub use one_process::OneProcess;
pub use ranks::{RankError, Ranks};
pub use shares::Shares;
pub use slowed::Slowed;
pub use tree::{Addend, Floats, TreeSum, buffers};
