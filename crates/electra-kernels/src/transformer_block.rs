//! Parameters of the two halves of a transformer block.

use burn::prelude::*;

/// The parameters of a linear layer.
#[derive(Clone, Debug)]
pub struct LinearParams {
    /// The weight, `[inputs, outputs]`.
    pub weight: Tensor<2>,
    /// The bias, `[outputs]`.
    pub bias: Tensor<1>,
}

/// The parameters of layer normalisation over the last dimension.
#[derive(Clone, Debug)]
pub struct LayerNormParams {
    /// The scale, `[H]`, after normalisation.
    pub gamma: Tensor<1>,
    /// The shift, `[H]`, after the scale.
    pub beta: Tensor<1>,
    /// The number that is added to a variance.
    pub eps: f64,
}

/// The parameters of multi-head self-attention with residual connection and layer normalisation.
#[derive(Clone, Debug)]
pub struct AttentionBlock {
    /// Projection to queries, `[H, H]`.
    pub query: LinearParams,
    /// Projection to keys, `[H, H]`.
    pub key: LinearParams,
    /// Projection to values, `[H, H]`.
    pub value: LinearParams,
    /// Projection of what the heads return, `[H, H]`.
    pub output: LinearParams,
    /// The layer normalisation after the residual connection.
    pub norm: LayerNormParams,
    /// The number of heads, a divisor of `H`.
    pub heads: usize,
}

/// The parameters of a feed-forward network with residual connection and layer normalisation: two linear
/// layers with gelu between them.
#[derive(Clone, Debug)]
pub struct FeedForwardBlock {
    /// The first linear layer, `[H, I]`.
    pub intermediate: LinearParams,
    /// The second linear layer, `[I, H]`.
    pub output: LinearParams,
    /// The layer normalisation after the residual connection.
    pub norm: LayerNormParams,
}
