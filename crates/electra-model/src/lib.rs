//! ELECTRA's networks and objective: tensors in, tensors out, no paths.
//!
//! Shapes: `B` batch, `S` sequence, `E` embedding, `H` hidden, `V` vocabulary,
//! `N` masked slots of a sequence.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
// What only this crate sees is not `pub`, so that its surface is what `pub` says.
#![warn(unreachable_pub)]

mod adjacent;
pub mod architecture;
pub mod batch;
pub mod config;
pub mod corrupt;
pub mod dropout;
pub mod electra;
pub mod embeddings;
pub mod encoder;
pub mod flops;
pub mod heads;
pub mod hf;
pub mod init;
pub mod layers;
mod neighbours;
pub mod objective;
pub mod parameters;
pub mod shapes;
mod truncated_normal;
mod waves;

pub use architecture::{Architecture, GeneratorKind, HeadKind};
pub use batch::{Batch, BatchData, Normalizer};
pub use config::{
    ConfigError, EncoderConfig, GeneratorConfig, ModelConfig, OutputBias, PositionStart, TieMode,
};
pub use dropout::DropoutSites;
pub use electra::{Discriminator, Electra, Generator};
pub use electra_kernels::{InLoop, NUMERICS_VERSION, Pass, Precision, on_workers};
pub use init::START_VALUES_VERSION;
pub use objective::{GeneratorDiscriminatorConfig, JointOutput, Objective, Proposals, Stage};
