//! The optimizer on a module of three parameters.

mod gradients;
mod network;
mod state;
mod update;
