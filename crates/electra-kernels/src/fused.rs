//! The choice between the fused and the composed version of each operation.

use burn::prelude::*;

use crate::{AdamStep, AdamUpdated, Dropout, Precision, composed};

/// Calls the fused operation if the Flex backend can take all the tensors, and returns from the
/// enclosing function.
macro_rules! fused {
    ($first:ident $(, $tensor:ident)* $(; $precision:ident)? => $call:ident($($arg:expr),*)) => {
        #[cfg(feature = "flex")]
        if crate::flex::takes(&$first) $(&& crate::flex::takes(&$tensor))* $(&& $precision != Precision::F16)? {
            use burn::backend::Dispatch;
            use crate::flex::Fused;
            return Tensor::from_dispatch(<Dispatch as Fused>::$call($($arg),*));
        }
    };
}

/// Calls an operation of the Flex backend that has no gradient, likewise.
macro_rules! fused_plain {
    ($test:ident($($tensor:ident),+) => $call:ident($($arg:expr),*)) => {
        #[cfg(feature = "flex")]
        if $(crate::flex::$test(&$tensor))&&+ {
            return crate::flex::$call($($arg),*);
        }
    };
}

/// Layer normalisation over the last dimension with biased variance.
pub fn layer_norm<const D: usize>(x: Tensor<D>, gamma: Tensor<1>, beta: Tensor<1>, eps: f64) -> Tensor<D> {
    fused!(x, gamma, beta => fused_layer_norm(
        x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch(), eps
    ));
    composed::layer_norm(x, gamma, beta, eps)
}

/// `layer_norm(x + dropout(branch))`: the end of each half of a post-LN block.
pub fn residual_layer_norm<const D: usize>(
    x: Tensor<D>,
    branch: Tensor<D>,
    drop: Dropout,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    eps: f64,
) -> Tensor<D> {
    fused!(x, branch, gamma, beta => fused_residual_layer_norm(
        x.into_dispatch(), branch.into_dispatch(), drop,
        gamma.into_dispatch(), beta.into_dispatch(), eps
    ));
    composed::residual_layer_norm(x, branch, drop, gamma, beta, eps)
}

/// Zeroes elements with probability `rate` and scales the others by `1 / (1 - rate)`.
pub fn dropout<const D: usize>(x: Tensor<D>, drop: Dropout) -> Tensor<D> {
    if drop.is_off() {
        return x;
    }
    fused!(x => fused_dropout(x.into_dispatch(), drop));
    composed::dropout(x, drop)
}

/// Affine map of the last dimension: `x [.., I]`, `weight [I, O]`, `bias [O]` to `[.., O]`.
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

/// Exact gelu, `x * Phi(x)` (the erf form).
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    fused!(x => fused_gelu(x.into_dispatch()));
    composed::gelu(x)
}

/// `gelu(linear(x))`: the first half of a feed-forward block.
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

/// `linear(linear_gelu(x))`: a feed-forward block, `x [.., H]` with weights `[H, I]` and `[I, O]` to `[.., O]`.
///
/// In bfloat16, where the processor multiplies it, what is between the two maps stays in it.
pub fn feed_forward<const D: usize>(
    x: Tensor<D>,
    [weight_1, weight_2]: [Tensor<2>; 2],
    [bias_1, bias_2]: [Tensor<1>; 2],
    precision: Precision,
) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if precision == Precision::Bf16 && crate::flex::has_bfloat16() {
        fused!(x, weight_1, bias_1, weight_2, bias_2 => fused_feed_forward(
            x.into_dispatch(), weight_1.into_dispatch(), bias_1.into_dispatch(),
            weight_2.into_dispatch(), bias_2.into_dispatch()
        ));
    }
    linear(linear_gelu(x, weight_1, bias_1, precision), weight_2, bias_2, precision)
}

/// Multi-head scaled dot-product attention on `q, k, v [B, S, H]`.
///
/// `key_bias [B, S]` is added to every score of that key (0 for real tokens, -10000 for padding).
pub fn attention(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    key_bias: Tensor<2>,
    heads: usize,
    drop: Dropout,
    precision: Precision,
) -> Tensor<3> {
    fused!(q, k, v, key_bias; precision => fused_attention(
        q.into_dispatch(), k.into_dispatch(), v.into_dispatch(), key_bias.into_dispatch(),
        heads, drop, precision
    ));
    composed::attention(q, k, v, key_bias, heads, drop, precision)
}

/// Sum of word, position and token-type embeddings: `ids, segments [B, S]` to `[B, S, E]`.
pub fn embed(
    word: Tensor<2>,
    position: Tensor<2>,
    token_type: Tensor<2>,
    ids: Tensor<2, Int>,
    segments: Tensor<2, Int>,
) -> Tensor<3> {
    fused!(word, position, token_type => fused_embed(
        word.into_dispatch(), position.into_dispatch(), token_type.into_dispatch(),
        ids.into_dispatch(), segments.into_dispatch()
    ));
    composed::embed(word, position, token_type, ids, segments)
}

/// Rows of `x [B, S, H]` at `positions [B, N]`, as `[B * N, H]`.
pub fn gather_positions(x: Tensor<3>, positions: Tensor<2, Int>) -> Tensor<2> {
    fused!(x => fused_gather_positions(x.into_dispatch(), positions.into_dispatch()));
    composed::gather_positions(x, positions)
}

/// Logits over the vocabulary with the word table as output matrix:
/// `h [M, E]`, `table [V, E]`, `bias [V]` to `[M, V]`.
pub fn tied_logits(h: Tensor<2>, table: Tensor<2>, bias: Tensor<1>, precision: Precision) -> Tensor<2> {
    fused!(h, table, bias; precision => fused_tied_logits(
        h.into_dispatch(), table.into_dispatch(), bias.into_dispatch(), precision
    ));
    composed::tied_logits(h, table, bias, precision)
}

/// Sum of `weights * -log softmax(logits)[targets]` over `M` rows: `logits [M, V]` to `[1]`.
pub fn weighted_cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>, weights: Tensor<1>) -> Tensor<1> {
    fused!(logits, weights => fused_weighted_cross_entropy(
        logits.into_dispatch(), targets.into_dispatch(), weights.into_dispatch()
    ));
    composed::weighted_cross_entropy(logits, targets, weights)
}

/// Sum of `weights * binary cross entropy(logits, labels)`: all `[B, S]`, to `[1]`.
pub fn weighted_binary_cross_entropy(logits: Tensor<2>, labels: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    fused!(logits, labels, weights => fused_weighted_binary_cross_entropy(
        logits.into_dispatch(), labels.into_dispatch(), weights.into_dispatch()
    ));
    composed::weighted_binary_cross_entropy(logits, labels, weights)
}

/// One draw per row from `softmax(logits / temperature)` by inverting its distribution function
/// at `uniforms [M]` in `[0, 1)`: `logits [M, V]` to ids `[M]`.
///
/// With `exclude [M]` that id has probability zero (the reference's `disallow_correct`).
pub fn sample_categorical(
    logits: Tensor<2>,
    uniforms: Tensor<1>,
    temperature: f64,
    exclude: Option<Tensor<1, Int>>,
) -> Tensor<1, Int> {
    fused_plain!(takes(logits, uniforms) => sample_categorical(
        logits, uniforms, temperature, exclude
    ));
    composed::sample_categorical(logits, uniforms, temperature, exclude)
}

/// Sum of squares of all elements, `[1]`.
pub fn squared_norm<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    fused_plain!(takes_plain(x) => squared_norm(x));
    composed::squared_norm(x)
}

/// `m, v` moving averages; `p -= lr * (m / (sqrt(v) + eps) + decay * p)`, no bias correction
/// (`optimization.py` of google-research/electra).
pub fn adam_update<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    moment_1: Tensor<D>,
    moment_2: Tensor<D>,
    step: AdamStep,
) -> AdamUpdated<D> {
    fused_plain!(takes_plain(parameter, gradient, moment_1, moment_2) => adam_update(
        parameter, gradient, moment_1, moment_2, step
    ));
    composed::adam_update(parameter, gradient, moment_1, moment_2, step)
}
