//! Fine-tuning from start to end, on a network of a few thousand parameters.

mod accumulation;
mod damage;
mod data;
mod dead_runs;
mod learning;
mod recipes;
mod resuming;
mod small;
mod standing;
mod unknown_tags;
