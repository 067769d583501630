//! Experiments: arms that differ from a base recipe, each trained with several seeds, and what may
//! be concluded from them. No tensors: training is done by processes that somebody else starts.
//!
//! - [`experiment`]: the file that states question, prediction, arms and seeds
//! - [`arms`]: the arms that it names and those of its grid
//! - [`plan`]: arms times seeds, with the steps that the budget gives them and the hash of each
//! - [`run`]: what a run folder says about a run
//! - [`quantities`]: what differs between arms beside what they name
//! - [`record`]: what remains of a finished run, small enough to be committed
//! - [`failed`]: what remains of a run that came to no numbers
//! - [`identity`]: what makes runs one arm, and results those of an experiment
//! - [`standing`]: how an arm stands beside its numbers
//! - [`statistics`]: paired differences, their intervals, sign flips, Holm's correction, equivalence
//! - [`metric`]: the numbers that can be compared
//! - [`task`]: which of them are of one task in all arms
//! - [`comparison`]: arms against the base arm
//! - [`table`]: a comparison as Markdown or as text
//! - [`report`]: a comparison as one HTML page
//! - [`readme`]: tables and numbers of a README that a program keeps up to date

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod arms;
pub mod comparison;
pub mod experiment;
pub mod failed;
pub mod identity;
pub mod metric;
pub mod plan;
pub mod quantities;
pub mod readme;
pub mod record;
pub mod report;
pub mod run;
pub mod standing;
pub mod statistics;
pub mod table;
pub mod task;
