//! State of a fine-tuning run: tagger, optimizer, progress in steps and epochs.

use burn::prelude::*;
use electra_model::Precision;
use electra_run::checkpoint::Checkpoint;
use electra_train::epochs::EpochProgress;
use electra_train::layout::WEIGHTS;
use electra_train::{SnapshotError, read_tensors};

use crate::token_classifier::{TaggerShape, TokenClassifier};
use electra_train::layerwise_lr::Rates;

/// The state of a fine-tuning run: everything that changes in it.
pub type Snapshot = electra_train::Snapshot<TokenClassifier, EpochProgress>;

/// The state before the first step: what is frozen in `tagger` has no moments.
pub fn start(tagger: TokenClassifier, rates: &Rates) -> Snapshot {
    Snapshot::new(rates.freeze(tagger))
}

/// The state that was saved in `checkpoint`, of a run in so many epochs of so many steps.
///
/// # Errors
/// Blobs that are damaged, or of another tagger.
pub fn load(
    checkpoint: &Checkpoint,
    shape: TaggerShape,
    rates: &Rates,
    device: &Device,
    precision: Precision,
    [steps_per_epoch, epochs]: [u64; 2],
) -> Result<Snapshot, SnapshotError> {
    Snapshot::load(
        checkpoint,
        |progress: &EpochProgress| progress.check(steps_per_epoch, epochs),
        |tensors| Ok(rates.freeze(TokenClassifier::from_parameters(tensors, shape, device, precision)?)),
    )
}

/// The tagger of a checkpoint alone, for use.
///
/// # Errors
/// Weights that are damaged, or of another tagger.
pub fn tagger_of(
    checkpoint: &Checkpoint,
    shape: TaggerShape,
    device: &Device,
    precision: Precision,
) -> Result<TokenClassifier, SnapshotError> {
    Ok(TokenClassifier::from_parameters(read_tensors(checkpoint, WEIGHTS)?, shape, device, precision)?)
}
