//! Files as the other crates read and write them: never half written, never a pipe where a file is
//! needed.
//!
//! - [`durable`]: files that are whole or absent after a crash
//! - [`regular`]: files that can be mapped or read twice, told apart from pipes, devices and folders

pub mod durable;
pub mod regular;
