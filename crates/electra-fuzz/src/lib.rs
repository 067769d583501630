//! Fuzzing of everything that reads a file: damaged and hostile inputs end with an error, and never
//! with a panic, an abort, a hang, more than a gigabyte, or a write outside their folder.
//!
//! ```text
//! seeds ──► mutate ──► seal ──► sandbox ──► run ──► table
//! valid     damage     hashes   a folder    the      inputs that reach
//! folders              again    and a       real     each stage, and
//!                               canary      reader   what went wrong
//! ```
//!
//! A [`Reader`](reader::Reader) says what its valid inputs are, how hashes and lengths in a damaged
//! one are made to agree again, and how the input is read. An input is a function of the reader's
//! seeds, a number and the seed of the run. The [`driver`] has inputs read by [`worker`] processes of
//! bounded memory; the `fuzz` folder beside this crate lets libFuzzer choose them by coverage.

#![warn(unreachable_pub)]

pub mod case;
pub mod coverage;
pub mod driver;
pub mod generate;
pub mod mutate;
pub mod reader;
pub mod readers;
pub mod regressions;
mod rng;
pub mod sandbox;
pub mod status;
pub mod table;
pub mod verdict;
pub mod worker;
