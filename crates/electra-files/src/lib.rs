//! Files and folders that are written whole or not at all, locks, and reading that tells a file from a pipe.
//!
//! ```
//! # let temporary = tempfile::tempdir()?;
//! # let model = temporary.path().join("model");
//! use electra_files::staged::NewFolder;
//!
//! let folder = NewFolder::begin(&model)?; // a temporary folder beside it
//! folder.write("config.json", b"{}")?;
//! folder.write("vocab.txt", b"[PAD]\n[UNK]\n")?;
//! assert!(!model.exists());
//! folder.commit()?; // renamed: both files or none, whenever the machine stops
//! assert!(model.join("vocab.txt").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | write one file | [`durable::write`], [`durable::Replacement`] |
//! | write a folder | [`staged::NewFolder`] |
//! | create, append, remove without following links | [`disk`] |
//! | keep other processes out of a folder | [`lock::Lock`] |
//! | read a file that is no pipe, device or folder | [`regular`] |
//! | know how much of a file there is room for | [`memory`] |
//! | quote a name or a text on a terminal, in a shell, in a page | [`shown`] |
//! | name what is not finished, and clear what a crash left | [`temporary`] |
//!
//! # What it never does
//!
//! It follows no symbolic link when it writes, and never leaves half a file under its final name. No other
//! crate changes the disk on its own: `clippy.toml` lists the functions of the standard library that are
//! for this crate alone. The feature `faults` is for tests of the program: it stops it at a chosen write.

#![warn(unreachable_pub)]

pub mod disk;
pub mod durable;
mod faults;
pub mod lock;
pub mod memory;
pub mod regular;
pub mod shown;
pub mod staged;
pub mod temporary;
