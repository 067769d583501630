//! ELECTRA's networks and training objectives: tensors in, tensors out, no paths.
//!
//! ```
//! use burn::prelude::*;
//! use electra_model::{Discriminator, DropoutSites, HeadKind, ModelConfig, init::Init};
//!
//! let config: ModelConfig = serde_json::from_str(
//!     r#"{"vocab_size": 100, "embedding_size": 16, "max_position_embeddings": 32, "type_vocab_size": 2,
//!         "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
//!         "initializer_range": 0.02, "generator": {"tie": "embeddings", "width": 0.5}}"#,
//! )?;
//! let device = Device::flex();
//! let init = Init::new(1, config.initializer_range, &device);
//! let discriminator = Discriminator::init(&init, &config, HeadKind::ReplacedToken);
//! let ids = Tensor::<2, Int>::from_data([[2, 17, 42, 3]], &device);
//! let (token_type_ids, attention_mask) = (ids.zeros_like(), Tensor::ones([1, 4], &device));
//! let logits = discriminator.forward(ids, token_type_ids, attention_mask, &DropoutSites::off());
//! assert_eq!(logits.dims(), [1, 4]); // above 0: looks replaced
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Shapes: `B` batch, `S` sequence, `E` embedding, `H` hidden, `V` vocabulary,
//! `N` masked slots of a sequence.
//!
//! | to | use |
//! |---|---|
//! | build generator and discriminator | [`ModelConfig`], [`Electra`] |
//! | compute a training objective | [`Objective`], [`Batch`], [`Normalizer`] |
//! | build an encoder alone | [`encoder::Encoder`], [`embeddings`] |
//! | read and write parameters by path | [`parameters`] |
//! | translate names to those of transformers | [`hf`] |
//! | begin with the weights of other networks | [`warm_start`](mod@warm_start) |
//! | count parameters and floating-point operations | [`flops`] |
//!
//! Features are those of `electra-kernels`: which backends are compiled.
//!
//! # What it never does
//!
//! It reads and writes no file, and draws every random number from a seed that it is given.

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
pub mod fine_tuned;
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
pub mod warm_start;
mod waves;
mod window_batch;

pub use architecture::{Architecture, GeneratorKind, HeadKind};
pub use batch::{Batch, BatchData, Normalizer};
pub use config::{
    ConfigError, EncoderConfig, GeneratorConfig, ModelConfig, OutputBias, PositionStart, TieMode,
};
pub use dropout::DropoutSites;
pub use electra::{Discriminator, Electra, Generator};
pub use electra_kernels::{LoopGuard, NUMERICS_VERSION, Pass, Precision, on_workers};
pub use init::START_VALUES_VERSION;
pub use objective::{GeneratorDiscriminatorConfig, JointOutput, Objective, Proposals, Stage};
pub use window_batch::{WindowBatch, WindowBatchData, hidden};
