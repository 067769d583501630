//! Tokenizers and data folders, from the command line.

mod damaged_data;
mod data;
mod mixtures;

#[path = "../workbench/mod.rs"]
mod workbench;
