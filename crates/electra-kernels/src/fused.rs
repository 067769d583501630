//! The choice between the fused and the composed version of each operation.

use burn::prelude::*;

use crate::{Dropout, composed};

/// Calls the fused operation if the Flex backend can take all the tensors, and returns from the
/// enclosing function.
macro_rules! fused {
    ($first:ident $(, $tensor:ident)* => $call:ident($($arg:expr),*)) => {
        #[cfg(feature = "flex")]
        if crate::flex::takes(&$first) $(&& crate::flex::takes(&$tensor))* {
            use burn::backend::Dispatch;
            use crate::flex::Fused;
            return Tensor::from_dispatch(<Dispatch as Fused>::$call($($arg),*));
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
pub fn linear<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<D> {
    fused!(x, weight, bias => fused_linear(
        x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()
    ));
    composed::linear(x, weight, bias)
}

/// Exact gelu, `x * Phi(x)` (the erf form).
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    fused!(x => fused_gelu(x.into_dispatch()));
    composed::gelu(x)
}

/// `gelu(linear(x))`: the first half of a feed-forward block.
pub fn linear_gelu<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<D> {
    fused!(x, weight, bias => fused_linear_gelu(
        x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()
    ));
    composed::linear_gelu(x, weight, bias)
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
) -> Tensor<3> {
    fused!(q, k, v, key_bias => fused_attention(
        q.into_dispatch(), k.into_dispatch(), v.into_dispatch(), key_bias.into_dispatch(),
        heads, drop
    ));
    composed::attention(q, k, v, key_bias, heads, drop)
}
