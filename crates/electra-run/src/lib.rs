//! What surrounds a training run and never sees a tensor.
//!
//! - [`recipe`]: reads a TOML recipe, what it extends and `--set`, and hashes the result
//! - [`code`]: versions of what code decides about a run
//! - [`seed`]: one random stream for each purpose and index, derived from the run's seed
//! - [`epoch_shuffle`]: the order of examples in each epoch, as a function of the position
//! - [`checkpoint`]: named blobs saved so that no crash loses the previous ones
//! - [`lock`]: one live process per run folder
//! - [`nearby`]: the folder that was meant, where the one above it was given
//! - [`run_folder`]: the folder of a run, and whether a recipe may continue it
//! - [`interrupt`]: Ctrl-C and SIGTERM as a question that the loop asks
//! - [`record`]: the log of metrics, TensorBoard's events
//! - [`report`]: the frame of report pages
//! - [`plot`]: drawings with two axes as SVG
//! - [`curve`]: numbers over steps as such a drawing
//! - [`weight_files`]: which files of a transformers folder have its weights
//! - [`process`]: memory, processors and disk
//! - [`stall`]: work on batches that has stopped moving

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod checkpoint;
pub mod code;
pub mod curve;
pub mod interrupt;
pub use electra_files::lock;
pub mod epoch_shuffle;
pub mod nearby;
pub mod plot;
pub mod process;
pub mod recipe;
pub mod record;
pub mod report;
pub mod run_folder;
pub mod seed;
pub mod stall;
pub mod timing;
pub mod weight_files;
