//! Networks that are fine-tuned: tables, projection and encoder of a discriminator, with a head of the task.
//!
//! `build(encoder, head)` of a task makes the network, its encoder from the one tree of initial parameters and its head
//! from the other.

use burn::module::Module;
use burn::prelude::*;
use electra_kernels::Precision;

use crate::config::ModelConfig;
use crate::init::Init;
use crate::parameters::{LoadError, NamedTensors, collect, load};
use crate::shapes;

/// A network with nothing learned, the control of every pretrained one: its encoder is the discriminator with
/// which pretraining of the same seed begins.
pub fn with_random_init<M>(
    config: &ModelConfig,
    seed: u64,
    device: &Device,
    precision: Precision,
    build: impl FnOnce(&Init, &Init) -> M,
) -> M {
    let root = Init::of(config, seed, device, precision);
    build(&root.child("discriminator"), &root)
}

/// A network on a pretrained encoder, in our names below the discriminator
/// (`encoder.layers.0.attention.query.weight`), with a new head.
///
/// # Errors
/// An encoder of other sizes than `config` says.
pub fn with_pretrained_encoder<M: Module>(
    encoder: NamedTensors,
    config: &ModelConfig,
    seed: u64,
    device: &Device,
    precision: Precision,
    build: impl FnOnce(&Init, &Init) -> M,
) -> Result<M, LoadError> {
    let root = Init::of(config, seed, device, precision);
    let start = build(&Init::blank(device).with_precision(precision), &root);
    let of_encoder = shapes::of_encoder(config);
    let head = collect(&start).into_iter().filter(|(path, _)| !of_encoder.contains_key(path));
    load(start, encoder.into_iter().chain(head).collect())
}

/// A network whose parameters are all at hand.
///
/// # Errors
/// Parameters that do not fit it.
pub fn from_parameters<M: Module>(
    parameters: NamedTensors,
    device: &Device,
    precision: Precision,
    build: impl FnOnce(&Init, &Init) -> M,
) -> Result<M, LoadError> {
    let blank = Init::blank(device).with_precision(precision);
    load(build(&blank, &blank), parameters)
}
