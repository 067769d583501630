//! Files as the other crates read and write them: never half written, never somewhere else, never a
//! pipe where a file is needed.
//!
//! - [`disk`]: files and folders created, removed, appended to, without following links
//! - [`durable`]: files that are whole or absent after a crash
//! - [`staged`]: folders that are whole or absent after a crash
//! - [`temporary`]: names of what is not finished, and what a crash left under them
//! - [`lock`]: one live process for a folder
//! - [`regular`]: files that can be mapped or read twice, told apart from pipes, devices and folders
//! - [`memory`]: how much of a file there is room for
//! - [`shown`]: names and texts of others, for a terminal, a shell, a page
//!
//! No other crate changes the disk on its own: `clippy.toml` lists the functions of the standard library
//! that are for this crate alone.

pub mod disk;
pub mod durable;
mod faults;
pub mod lock;
pub mod memory;
pub mod regular;
pub mod shown;
pub mod staged;
pub mod temporary;
