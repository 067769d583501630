//! Experiments: arms that differ from a base recipe, each trained with several seeds, and what may be
//! concluded from them.
//!
//! ```
//! use electra_ablate::statistics::{Paired, equivalence, holm};
//!
//! // F1 of one arm less that of the base arm, with the same seed.
//! let paired = Paired::of(&[1.9, 0.4, 2.8, 1.1, 0.9, 2.2]).expect("six pairs");
//! let [low, high] = paired.interval.expect("more than one pair");
//! println!("{:+.2} [{low:.2}, {high:.2}], p {:.3}", paired.difference.mean, paired.p);
//! assert_eq!(paired.p, 2.0 / 64.0); // exact, over all flips of six signs
//! assert_eq!(holm::adjust(&[paired.p, 0.4]), [0.0625, 0.4]);
//!
//! let [verdict] = &equivalence::of_arms(&[paired.difference], 2.0)[..] else { unreachable!() };
//! assert_eq!(verdict.verdict.words(), "different");
//! ```
//!
//! | to | use |
//! |---|---|
//! | state question, prediction, arms and seeds in a file | [`experiment`], [`arms`] |
//! | know which runs it needs, and what else differs between arms | [`plan`], [`quantities`], [`task`] |
//! | keep what remains of a run, finished or failed | [`run`], [`record`], [`failed`] |
//! | know whether runs are of one arm | [`identity`], [`standing`] |
//! | compare arms with the base arm | [`comparison`], [`metric`], [`statistics`] |
//! | show the comparison | [`table`], [`report`], [`readme`] |
//!
//! # What it never does
//!
//! It trains nothing and knows no tensor: processes that somebody else starts do that. It prints nothing, and
//! has no features to choose.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![warn(unreachable_pub)]

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
