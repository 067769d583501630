//! Pretraining from the command line: from text to a report, and what goes wrong on the way.

mod demo;
mod detection;
mod errors_in_training;
mod launchers;
mod pipeline;

#[path = "../workbench/mod.rs"]
mod workbench;
