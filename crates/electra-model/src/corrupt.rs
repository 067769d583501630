//! Replaces the chosen tokens by samples of the generator, and says which really changed.

use burn::prelude::*;
use electra_kernels as kernels;

use crate::batch::Batch;

/// The settings of sampling a token from the generator's distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Divides the logits.
    pub temperature: f64,
    /// Never draw the original token, so that every chosen position is replaced.
    pub disallow_correct: bool,
}

/// The discriminator's input and its labels.
#[derive(Clone, Debug)]
pub struct Corrupted {
    /// `[B, S]` ids with samples at the chosen positions.
    pub ids: Tensor<2, Int>,
    /// `[B, S]` 1 where the id differs from the original. A position where the generator
    /// happened to sample the original token counts as original (Clark et al. 2020, §2), except for
    /// Electric, to which all chosen positions are noise.
    pub labels: Tensor<2>,
    /// `[B * N]` what was drawn for each slot.
    pub samples: Tensor<1, Int>,
}

/// Draws one token per slot from `logits [B * N, V]` and writes them over the original ids.
///
/// No gradient passes: the draw inverts the distribution function at `batch.uniforms`, which is
/// the same distribution as the reference's Gumbel argmax with one random number instead of `V`.
pub fn corrupt(logits: Tensor<2>, batch: &Batch, sampling: Sampling) -> Corrupted {
    let exclude = sampling.disallow_correct.then(|| batch.targets.clone());
    let samples =
        kernels::sample_categorical(logits.detach(), batch.uniforms.clone(), sampling.temperature, exclude);
    corrupt_with(samples, batch)
}

/// [`corrupt`] with given samples `[B * N]`.
pub fn corrupt_with(samples: Tensor<1, Int>, batch: &Batch) -> Corrupted {
    let ids = kernels::scatter_positions(
        batch.ids.clone(),
        batch.positions.clone(),
        samples.clone(),
        batch.weights.clone(),
    );
    let labels = ids.clone().not_equal(batch.ids.clone()).float();
    Corrupted { ids, labels, samples }
}
