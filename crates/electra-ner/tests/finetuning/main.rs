//! Fine-tuning from start to end, on a network of a few thousand parameters.

mod accumulation;
mod damage;
mod dead_runs;
mod learning;
mod recipes;
mod resuming;
mod small;
mod unknown_tags;
