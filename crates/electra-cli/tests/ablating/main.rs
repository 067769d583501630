//! Experiments of several arms: planning, running, judging and comparing them.

mod ablate;
mod ablate_plans;
mod ablate_probe;
mod ablations;
mod arms;
mod experiments;

#[path = "../workbench/mod.rs"]
mod workbench;
