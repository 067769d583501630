//! What the two halves of a transformer block are made of.

use burn::prelude::*;

/// An affine map of the last dimension.
#[derive(Clone, Debug)]
pub struct Affine {
    /// `[I, O]`
    pub weight: Tensor<2>,
    /// `[O]`
    pub bias: Tensor<1>,
}

/// A layer norm over the last dimension.
#[derive(Clone, Debug)]
pub struct Norm {
    /// Scale, `[H]`.
    pub gamma: Tensor<1>,
    /// Shift, `[H]`.
    pub beta: Tensor<1>,
    /// What is added to a variance.
    pub eps: f64,
}

/// Multi-head self-attention with its residual and layer norm.
#[derive(Clone, Debug)]
pub struct AttentionBlock {
    /// `[H, H]`
    pub query: Affine,
    /// `[H, H]`
    pub key: Affine,
    /// `[H, H]`
    pub value: Affine,
    /// `[H, H]`
    pub output: Affine,
    /// After the residual.
    pub norm: Norm,
    /// A divisor of `H`.
    pub heads: usize,
}

/// Two affine maps with gelu between them, with residual and layer norm.
#[derive(Clone, Debug)]
pub struct FeedForwardBlock {
    /// `[H, I]`
    pub intermediate: Affine,
    /// `[I, H]`
    pub output: Affine,
    /// After the residual.
    pub norm: Norm,
}
