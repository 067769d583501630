//! The two halves of a transformer block: fused if the backend can take the tensors, else composed.

use burn::prelude::*;

use crate::composed::blocks as composed;
use crate::{AttentionBlock, Dropout, FeedForwardBlock, Precision};

/// Multi-head self-attention with residual connection and layer normalisation, the first half of a post-LN
/// block: `layer_norm(x + dropout(attention(x) Wo + bo))` for `x [B, S, H]`.
///
/// `key_bias [B, S]` is added to every score of that key (0 for real tokens, -10000 for padding). The first
/// dropout is that of the attention's probabilities, the second that of what is added to `x`.
pub fn attention_block(
    x: Tensor<3>,
    key_bias: Tensor<2>,
    block: AttentionBlock,
    dropouts: [Dropout; 2],
    precision: Precision,
) -> Tensor<3> {
    fused!(
        x, key_bias, block.query.weight, block.query.bias, block.key.weight, block.key.bias,
        block.value.weight, block.value.bias, block.output.weight, block.output.bias,
        block.norm.gamma, block.norm.beta; precision => fused_attention_block(
            crate::fused::AttentionTensors {
                x: x.into_dispatch(),
                query: block.query.into(),
                key: block.key.into(),
                value: block.value.into(),
                output: block.output.into(),
                gamma: block.norm.gamma.into_dispatch(),
                beta: block.norm.beta.into_dispatch(),
                key_bias: key_bias.into_dispatch(),
            },
            crate::fused::AttentionConfig { heads: block.heads, dropouts, eps: block.norm.eps },
            precision
        )
    );
    composed::attention_block(x, key_bias, block, dropouts, precision)
}

/// Feed-forward network with residual connection and layer normalisation, the second half of a post-LN block:
/// `layer_norm(x + dropout(linear(linear_gelu(x))))`.
pub fn feed_forward_block<const D: usize>(
    x: Tensor<D>,
    block: FeedForwardBlock,
    dropout: Dropout,
    precision: Precision,
) -> Tensor<D> {
    fused!(
        x, block.intermediate.weight, block.intermediate.bias, block.output.weight, block.output.bias,
        block.norm.gamma, block.norm.beta; precision => fused_feed_forward_block(
            crate::fused::FeedForwardTensors {
                x: x.into_dispatch(),
                intermediate: block.intermediate.into(),
                output: block.output.into(),
                gamma: block.norm.gamma.into_dispatch(),
                beta: block.norm.beta.into_dispatch(),
            },
            dropout, block.norm.eps, precision
        )
    );
    composed::feed_forward_block(x, block, dropout, precision)
}
