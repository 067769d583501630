//! Tagger before the first step of fine-tuning, on the encoder that it begins with.

use burn::prelude::*;
use electra_annotations::LabelSet;
use electra_model::hf::HfNetwork;
use electra_model::{Precision, shapes};
use electra_train::encoder_init::EncoderInit;
use electra_train::model_folder::ForeignHead;

use crate::folder_error::FolderError;
use crate::head::HeadType;
use crate::token_classifier::{TaggerShape, TokenClassifier};
use electra_train::layerwise_lr::Freeze;

/// The tagger before the first step, with a new head for `labels`.
///
/// # Errors
/// Weights that do not fit the sizes.
pub fn initial_tagger(
    init: &EncoderInit,
    labels: &LabelSet,
    head: HeadType,
    seed: u64,
    device: &Device,
    precision: Precision,
) -> Result<TokenClassifier, FolderError> {
    let shape = TaggerShape { config: init.config(), labels, head };
    Ok(init.network(seed, device, precision, TokenClassifier::build(shape, device))?)
}

/// Bytes without which a CPU cannot fine-tune it: weights, and where all of them learn their gradients and both
/// moments.
pub fn least_memory(init: &EncoderInit, freeze: Freeze) -> u64 {
    let copies = if freeze == (Freeze::Nothing {}) { 4 } else { 1 };
    shapes::elements(&shapes::of_encoder(init.config())).saturating_mul(4 * copies)
}

/// A sentence about the head of the given model, if it is left behind.
pub fn unused_head_note(init: &EncoderInit) -> Option<String> {
    let EncoderInit::Pretrained(pretrained) = init else { return None };
    let ForeignHead { class, labels } = pretrained.left_behind.as_ref()?;
    let is_tagger = *class == HfNetwork::Tagger.architecture();
    let what = if is_tagger { "a tagger" } else { "a fine-tuned network" };
    let labels = labels.as_ref().and_then(|table| LabelSet::from_id2label(table).ok());
    let kinds: Vec<&str> = labels.iter().flat_map(LabelSet::kinds).collect();
    let of = if is_tagger && !kinds.is_empty() { format!(" of {}", kinds.join(", ")) } else { String::new() };
    Some(format!(
        "the model is {what} ({class}): its classifier{of} is left behind, and a new one is trained on its encoder"
    ))
}
