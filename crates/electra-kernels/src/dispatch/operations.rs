//! The elementary operations: fused if the backend can take the tensors, else composed.

use burn::prelude::*;

use crate::composed::operations as composed;
use crate::{AdamStep, AdamUpdate, AdamUpdated, Dropout, Precision};

/// Layer normalisation over the last dimension with biased variance.
pub fn layer_norm<const D: usize>(x: Tensor<D>, gamma: Tensor<1>, beta: Tensor<1>, eps: f64) -> Tensor<D> {
    fused!(x, gamma, beta => fused_layer_norm(
        x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch(), eps
    ));
    composed::layer_norm(x, gamma, beta, eps)
}

/// Residual connection and layer normalisation, the end of each half of a post-LN block:
/// `layer_norm(x + dropout(branch))`.
pub fn residual_layer_norm<const D: usize>(
    x: Tensor<D>,
    branch: Tensor<D>,
    dropout: Dropout,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    eps: f64,
) -> Tensor<D> {
    fused!(x, branch, gamma, beta => fused_residual_layer_norm(
        x.into_dispatch(), branch.into_dispatch(), dropout,
        gamma.into_dispatch(), beta.into_dispatch(), eps
    ));
    composed::residual_layer_norm(x, branch, dropout, gamma, beta, eps)
}

/// Inverted dropout: zeroes elements with probability `rate` and scales the others by `1 / (1 - rate)`.
pub fn dropout<const D: usize>(x: Tensor<D>, dropout: Dropout) -> Tensor<D> {
    if dropout.is_off() {
        return x;
    }
    fused!(x => fused_dropout(x.into_dispatch(), dropout));
    composed::dropout(x, dropout)
}

/// Linear layer on the last dimension: `x [.., I]`, `weight [I, O]`, `bias [O]` to `[.., O]`.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    precision: Precision,
) -> Tensor<D> {
    fused!(x, weight, bias; precision => fused_linear(
        x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch(), precision
    ));
    composed::linear(x, weight, bias, precision)
}

/// Gaussian error linear unit, exact: `x * Phi(x)` (the erf form).
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    fused!(x => fused_gelu(x.into_dispatch()));
    composed::gelu(x)
}

/// Linear layer and gelu, the first half of a feed-forward block: `gelu(linear(x))`.
pub fn linear_gelu<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    precision: Precision,
) -> Tensor<D> {
    fused!(x, weight, bias; precision => fused_linear_gelu(
        x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch(), precision
    ));
    composed::linear_gelu(x, weight, bias, precision)
}

/// Sum of word, position and token-type embeddings: `ids, token_type_ids [B, S]` to `[B, S, E]`.
pub fn embed(
    word: Tensor<2>,
    position: Tensor<2>,
    token_type: Tensor<2>,
    ids: Tensor<2, Int>,
    token_type_ids: Tensor<2, Int>,
) -> Tensor<3> {
    fused!(word, position, token_type => fused_embed(
        word.into_dispatch(), position.into_dispatch(), token_type.into_dispatch(),
        ids.into_dispatch(), token_type_ids.into_dispatch()
    ));
    composed::embed(word, position, token_type, ids, token_type_ids)
}

/// Gathers the rows of `x [B, S, H]` at `positions [B, N]`, as `[B * N, H]`.
pub fn gather_positions(x: Tensor<3>, positions: Tensor<2, Int>) -> Tensor<2> {
    fused!(x => fused_gather_positions(x.into_dispatch(), positions.into_dispatch()));
    composed::gather_positions(x, positions)
}

/// Logits over the vocabulary with tied embeddings, the word table as output matrix:
/// `h [M, E]`, `table [V, E]`, `bias [V]` to `[M, V]`.
pub fn tied_logits(h: Tensor<2>, table: Tensor<2>, bias: Tensor<1>, precision: Precision) -> Tensor<2> {
    fused!(h, table, bias; precision => fused_tied_logits(
        h.into_dispatch(), table.into_dispatch(), bias.into_dispatch(), precision
    ));
    composed::tied_logits(h, table, bias, precision)
}

/// Weighted cross entropy, summed over rows: `weights * -log softmax(logits)[targets]` of `logits [M, V]`, as
/// one number `[1]`.
pub fn weighted_cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>, weights: Tensor<1>) -> Tensor<1> {
    fused!(logits, weights => fused_weighted_cross_entropy(
        logits.into_dispatch(), targets.into_dispatch(), weights.into_dispatch()
    ));
    composed::weighted_cross_entropy(logits, targets, weights)
}

/// Weighted binary cross entropy of logits, summed over elements: all `[B, S]`, to `[1]`.
pub fn weighted_binary_cross_entropy(logits: Tensor<2>, labels: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    fused!(logits, labels, weights => fused_weighted_binary_cross_entropy(
        logits.into_dispatch(), labels.into_dispatch(), weights.into_dispatch()
    ));
    composed::weighted_binary_cross_entropy(logits, labels, weights)
}

/// Samples one id per row from `softmax(logits / temperature)` by inverting its distribution function
/// at `uniforms [M]` in `[0, 1)`: `logits [M, V]` to ids `[M]`.
///
/// With `exclude [M]` that id has probability zero (the reference's `disallow_correct`).
pub fn sample_categorical(
    logits: Tensor<2>,
    uniforms: Tensor<1>,
    temperature: f64,
    exclude: Option<Tensor<1, Int>>,
) -> Tensor<1, Int> {
    fused_untracked!(supports(logits, uniforms) => sample_categorical(
        logits, uniforms, temperature, exclude
    ));
    composed::sample_categorical(logits, uniforms, temperature, exclude)
}

/// Squared L2 norm: the sum of squares of all elements, `[1]`.
pub fn squared_norm<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    fused_untracked!(supports_untracked(x) => squared_norm(x));
    composed::squared_norm(x)
}

/// One Adam update with decoupled weight decay and without bias correction: `m, v` moving averages;
/// `p -= lr * (m / (sqrt(v) + eps) + decay * p)` (`optimization.py` of google-research/electra).
pub fn adam_update<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    moment_1: Tensor<D>,
    moment_2: Tensor<D>,
    step: AdamStep,
) -> AdamUpdated<D> {
    fused_untracked!(supports_untracked(parameter, gradient, moment_1, moment_2) => adam_update(
        parameter, gradient, moment_1, moment_2, step
    ));
    composed::adam_update(parameter, gradient, moment_1, moment_2, step)
}

/// The squared L2 norms of several tensors, `[n]`: of each what [`squared_norm`] gives, on cards by a few kernels
/// for all together.
pub fn squared_norms(tensors: Vec<Tensor<1>>) -> Tensor<1> {
    assert!(!tensors.is_empty(), "squared norms of no tensors");
    #[cfg(all(feature = "cube", not(feature = "fusion")))]
    if tensors.iter().all(crate::cube::supports_untracked) {
        return crate::cube::squared_norms(tensors);
    }
    Tensor::cat(tensors.into_iter().map(squared_norm).collect(), 0)
}

/// The clip of gradients by their global norm, computed on their card, so that the host need not wait for the norm
/// before it asks for the update: `[2 + l]`, the factor on the gradients, `max_norm / max(norm, max_norm) / loss_scale`,
/// the norm, and the losses, to be read together. `squares [n]` are the squared norms of the gradients of `loss_scale` times the loss.
///
/// The factor is -1 where the norm or one of the `losses [l]` is not finite; such an update must not be taken.
///
/// Nothing on CPUs, whose numbers the host has at once.
pub fn clip_on_device(
    losses: &Tensor<1>,
    squares: &Tensor<1>,
    max_norm: f64,
    loss_scale: f64,
) -> Option<Tensor<1>> {
    #[cfg(all(feature = "cube", not(feature = "fusion")))]
    if [losses, squares].into_iter().all(crate::cube::supports_untracked) {
        let (losses, squares) = (losses.clone(), squares.clone());
        return Some(crate::cube::clip_on_device(losses, squares, max_norm, loss_scale));
    }
    let _ = (losses, squares, max_norm, loss_scale);
    None
}

/// The updates of several parameters: of each what [`adam_update`] gives, on cards by a few kernels for all
/// together.
///
/// `clip` is what [`clip_on_device`] gave: a factor on all gradients beside those of the updates. Where it is
/// negative, all parameters and moments stay as they are.
///
/// # Panics
/// With a clip, for tensors that are not on the card of the clip.
pub fn adam_updates(updates: Vec<AdamUpdate>, clip: Option<Tensor<1>>) -> Vec<AdamUpdated<1>> {
    #[cfg(all(feature = "cube", not(feature = "fusion")))]
    if updates.iter().all(|update| {
        let AdamUpdate { parameter, gradient, moment_1, moment_2, .. } = update;
        [parameter, gradient, moment_1, moment_2].into_iter().all(crate::cube::supports_untracked)
    }) {
        return crate::cube::adam_updates(updates, clip);
    }
    assert!(clip.is_none(), "a clip that stays on a card for tensors that are not there");
    let update = |AdamUpdate { parameter, gradient, moment_1, moment_2, step }| {
        adam_update(parameter, gradient, moment_1, moment_2, step)
    };
    updates.into_iter().map(update).collect()
}
