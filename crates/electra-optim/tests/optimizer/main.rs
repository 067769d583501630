//! The optimizer on modules of a few parameters.

mod average;
mod gradients;
mod muon;
mod network;
mod state;
mod update;
