//! The choice between the fused and the composed version of each operation.

use burn::prelude::*;

use crate::{AdamStep, AdamUpdated, AttentionBlock, Dropout, FeedForwardBlock, Precision, composed};

/// Calls the fused operation if the Flex backend can take all the tensors, and returns from the
/// enclosing function.
macro_rules! fused {
    ($($tensor:expr),+ $(; $precision:ident)? => $call:ident($($arg:expr),*)) => {
        #[cfg(feature = "flex")]
        if $(crate::flex::takes(&$tensor))&&+ $(&& $precision != Precision::F16)? {
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

/// The first half of a post-LN block: `layer_norm(x + dropout(attention(x) Wo + bo))` for `x [B, S, H]`.
///
/// `key_bias [B, S]` is added to every score of that key (0 for real tokens, -10000 for padding). The first
/// dropout is that of the attention's probabilities, the second that of what is added to `x`.
pub fn attention_block(
    x: Tensor<3>,
    key_bias: Tensor<2>,
    block: AttentionBlock,
    drops: [Dropout; 2],
    precision: Precision,
) -> Tensor<3> {
    fused!(
        x, key_bias, block.query.weight, block.query.bias, block.key.weight, block.key.bias,
        block.value.weight, block.value.bias, block.output.weight, block.output.bias,
        block.norm.gamma, block.norm.beta; precision => fused_attention_block(
            crate::flex::AttentionTensors {
                x: x.into_dispatch(),
                query: block.query.into(),
                key: block.key.into(),
                value: block.value.into(),
                output: block.output.into(),
                gamma: block.norm.gamma.into_dispatch(),
                beta: block.norm.beta.into_dispatch(),
                key_bias: key_bias.into_dispatch(),
            },
            crate::flex::Settings { heads: block.heads, drops, eps: block.norm.eps },
            precision
        )
    );
    composed::attention_block(x, key_bias, block, drops, precision)
}

/// The second half of a post-LN block: `layer_norm(x + dropout(linear(linear_gelu(x))))`.
pub fn feed_forward_block<const D: usize>(
    x: Tensor<D>,
    block: FeedForwardBlock,
    drop: Dropout,
    precision: Precision,
) -> Tensor<D> {
    fused!(
        x, block.intermediate.weight, block.intermediate.bias, block.output.weight, block.output.bias,
        block.norm.gamma, block.norm.beta; precision => fused_feed_forward_block(
            crate::flex::FeedForwardTensors {
                x: x.into_dispatch(),
                intermediate: block.intermediate.into(),
                output: block.output.into(),
                gamma: block.norm.gamma.into_dispatch(),
                beta: block.norm.beta.into_dispatch(),
            },
            drop, block.norm.eps, precision
        )
    );
    composed::feed_forward_block(x, block, drop, precision)
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
