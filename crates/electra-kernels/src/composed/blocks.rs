//! The two halves of a transformer block, composed of operations that are fused where they can be.

use burn::prelude::*;
use burn::tensor::activation;

use crate::{AttentionBlock, Dropout, FeedForwardBlock, Precision};

/// Multi-head scaled dot-product attention on `q, k, v [B, S, H]`; `bias` is added to the scores
/// `[B, heads, S, S]` of queries and keys, and each of its dimensions may be 1.
fn attention_biased(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    bias: Tensor<4>,
    heads: usize,
    dropout: Dropout,
    precision: Precision,
) -> Tensor<3> {
    let [b, s, h] = q.dims();
    let d = h / heads;
    let split = |t: Tensor<3>| t.reshape([b, s, heads, d]).swap_dims(1, 2); // [B, A, S, D]
    let (q, k, v) = (split(q), split(k), split(v));
    let scores = precision.matmul(q, k.swap_dims(2, 3)) * (1.0 / (d as f64).sqrt()); // [B, A, S, S]
    let scores = scores + bias;
    // By the tensor: where dropout is fused, its mask is that of fused attention.
    let probabilities = crate::dropout(activation::softmax(scores, 3), dropout);
    precision.matmul(probabilities, v).swap_dims(1, 2).reshape([b, s, h])
}

/// Multi-head self-attention with residual connection and layer normalisation, the first half of a post-LN
/// block: `layer_norm(x + dropout(attention(x) Wo + bo))` for `x [B, S, H]`.
pub fn attention_block(
    x: Tensor<3>,
    key_bias: Tensor<2>,
    block: AttentionBlock,
    dropouts: [Dropout; 2],
    precision: Precision,
) -> Tensor<3> {
    let [b, s] = key_bias.dims();
    attention_block_biased(x, key_bias.reshape([b, 1, 1, s]), block, dropouts, precision)
}

/// [`attention_block`] where `bias` is added to the scores `[B, heads, S, S]` of queries and keys, and each
/// of its dimensions may be 1.
pub fn attention_block_biased(
    x: Tensor<3>,
    bias: Tensor<4>,
    block: AttentionBlock,
    [of_probabilities, dropout]: [Dropout; 2],
    precision: Precision,
) -> Tensor<3> {
    let AttentionBlock { query, key, value, output, norm, heads } = block;
    let [q, k, v] = [query, key, value].map(|map| crate::linear(x.clone(), map.weight, map.bias, precision));
    let context = attention_biased(q, k, v, bias, heads, of_probabilities, precision);
    let branch = crate::linear(context, output.weight, output.bias, precision);
    crate::residual_layer_norm(x, branch, dropout, norm.gamma, norm.beta, norm.eps)
}

/// Feed-forward network with residual connection and layer normalisation, the second half of a post-LN block:
/// `layer_norm(x + dropout(linear(linear_gelu(x))))`.
pub fn feed_forward_block<const D: usize>(
    x: Tensor<D>,
    FeedForwardBlock { intermediate, output, norm }: FeedForwardBlock,
    dropout: Dropout,
    precision: Precision,
) -> Tensor<D> {
    let h = crate::linear_gelu(x.clone(), intermediate.weight, intermediate.bias, precision);
    let branch = crate::linear(h, output.weight, output.bias, precision);
    crate::residual_layer_norm(x, branch, dropout, norm.gamma, norm.beta, norm.eps)
}
