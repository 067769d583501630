//! The parts of a training run that handle no tensors: recipe, seeds, checkpoints, log, report.
//!
//! ```
//! use electra_run::recipe::load_str;
//! use electra_run::seed::{Purpose, stream};
//! use rand::Rng;
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Recipe {
//!     steps: u64,
//!     learning_rate: f64,
//! }
//! let text = "recipe_version = 1\nsteps = 1000\nlearning_rate = 5e-4\n";
//! let recipe = load_str::<Recipe>("my.toml", text, &["steps=200".to_owned()])?;
//! assert_eq!((recipe.value.steps, recipe.value.learning_rate), (200, 5e-4));
//! assert_eq!(recipe.hash.len(), 64); // what a run is known by
//!
//! let draw = || stream(1, Purpose::Mask, 7).next_u64();
//! assert_eq!(draw(), draw());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | read a TOML recipe, what it extends, and `key=value` overrides | [`recipe`] |
//! | draw random numbers for a purpose and an index | [`seed`] |
//! | shuffle each epoch as a function of the position | [`epoch_shuffle`] |
//! | mix sources by weights as a function of the position | [`interleave`] |
//! | save blobs so that no crash loses the previous ones | [`checkpoint`] |
//! | know whether a recipe may continue the run in a folder | [`run_folder`], [`code`] |
//! | define scalars once for log, TensorBoard, lines and reports | [`metric`] |
//! | write metrics as JSON lines and for TensorBoard | [`record`] |
//! | make pages and drawings of them | [`report`], [`plot`], [`curve`] |
//! | stop at Ctrl-C and SIGTERM between two steps | [`interrupt`] |
//! | notice work on batches that has stopped moving | [`stall`] |
//! | measure memory, processors, time | [`process`], [`timing`], [`quantile`] |
//! | find a folder near a path, and the weights in it | [`nearby`], [`weight_files`] |
//! | keep a second process out of a run | [`lock`] |
//!
//! # What it never does
//!
//! It knows neither tensors nor ELECTRA, and prints nothing. There are no features to choose.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![warn(unreachable_pub)]

pub mod checkpoint;
pub mod code;
pub mod curve;
pub mod interrupt;
pub use electra_files::lock;
pub mod epoch_shuffle;
pub mod interleave;
pub mod metric;
pub mod nearby;
pub mod plot;
pub mod process;
pub mod quantile;
pub mod recipe;
pub mod record;
pub mod report;
pub mod run_folder;
pub mod seed;
pub mod stall;
pub mod timing;
pub mod weight_files;
