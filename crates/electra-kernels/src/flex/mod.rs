//! Fused operations of the Flex backend on 32-bit floats, each with its own backward pass.
//!
//! Results are the same bits on every run and for every number of threads: work is cut into
//! chunks of fixed size, and partial sums are added in the order of the chunks.
//!
//! Routing is by the tensor: what lives on another backend, or is not `f32`, takes the composed
//! path of [`crate::composed`], whose gradient burn derives.

mod activation;
mod adam;
mod attention;
mod attention_block;
mod bf16;
mod buffer;
mod cross_entropy;
mod element;
mod embed;
mod feed_forward_block;
mod gemm;
mod layer_norm;
mod linear;
mod mask;
mod residual;
mod simd;
mod storage;
mod tied_logits;
mod untracked;

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, DispatchDevice, Flex};
use burn::tensor::{DType, Device, Tensor};

pub(crate) use self::untracked::{adam_update, sample_categorical, squared_norm};
use crate::fused::{AttentionConfig, AttentionTensors, FeedForwardTensors, Fused};
use crate::{Dropout, Precision};

/// Whether a device is Flex, with autodiff or without.
pub(crate) fn is_flex(device: &Device) -> bool {
    match device.as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(inner) => matches!(**inner, DispatchDevice::Flex(_)),
        #[allow(unreachable_patterns)]
        _ => false,
    }
}

/// Whether the fused operations can take `x`: 32-bit floats on Flex, tracked or not.
pub(crate) fn supports<const D: usize>(x: &Tensor<D>) -> bool {
    is_flex(&x.device()) && x.dtype() == DType::F32
}

/// Whether the fused operations without a gradient can take `x`: 32-bit floats on Flex that
/// carry no autodiff graph.
pub(crate) fn supports_untracked<const D: usize>(x: &Tensor<D>) -> bool {
    matches!(x.device().as_dispatch(), DispatchDevice::Flex(_)) && x.dtype() == DType::F32
}

impl Fused for Flex {
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        layer_norm::layer_norm(x, gamma, beta, eps)
    }

    fn fused_residual_layer_norm(
        x: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        dropout: Dropout,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        residual::residual_layer_norm(x, branch, dropout, gamma, beta, eps)
    }

    fn fused_dropout(x: FloatTensor<Self>, dropout: Dropout) -> FloatTensor<Self> {
        activation::dropout(x, dropout)
    }

    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        linear::linear(x, weight, bias, precision)
    }

    fn fused_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        activation::gelu(&x)
    }

    fn fused_linear_gelu(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        linear::linear_gelu(x, weight, bias, precision)
    }

    fn fused_attention_block(
        tensors: AttentionTensors<Self>,
        settings: AttentionConfig,
        precision: Precision,
    ) -> FloatTensor<Self> {
        attention_block::attention_block(tensors.in_order(), settings, precision)
    }

    fn fused_feed_forward_block(
        tensors: FeedForwardTensors<Self>,
        dropout: Dropout,
        eps: f64,
        precision: Precision,
    ) -> FloatTensor<Self> {
        feed_forward_block::feed_forward_block(tensors.in_order(), dropout, eps, precision)
    }

    fn fused_embed(
        word: FloatTensor<Self>,
        position: FloatTensor<Self>,
        token_type: FloatTensor<Self>,
        ids: IntTensor<Self>,
        token_type_ids: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        embed::embed([word, position, token_type], ids, token_type_ids)
    }

    fn fused_gather_positions(x: FloatTensor<Self>, positions: IntTensor<Self>) -> FloatTensor<Self> {
        embed::gather_positions(x, positions)
    }

    fn fused_tied_logits(
        h: FloatTensor<Self>,
        table: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        tied_logits::tied_logits(h, table, bias, precision)
    }

    fn fused_weighted_cross_entropy(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        cross_entropy::weighted_cross_entropy(logits, targets, weights)
    }

    fn fused_weighted_binary_cross_entropy(
        logits: FloatTensor<Self>,
        labels: FloatTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        cross_entropy::weighted_binary_cross_entropy([logits, labels, weights])
    }
}

impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        layer_norm::tracked_layer_norm::<C>(x, gamma, beta, eps)
    }

    fn fused_residual_layer_norm(
        x: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        dropout: Dropout,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        residual::tracked_residual_layer_norm::<C>(x, branch, dropout, gamma, beta, eps)
    }

    fn fused_dropout(x: FloatTensor<Self>, dropout: Dropout) -> FloatTensor<Self> {
        activation::tracked_dropout::<C>(x, dropout)
    }

    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        linear::tracked_linear::<C>(x, weight, bias, precision)
    }

    fn fused_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        activation::tracked_gelu::<C>(x)
    }

    fn fused_linear_gelu(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        linear::tracked_linear_gelu::<C>(x, weight, bias, precision)
    }

    fn fused_attention_block(
        tensors: AttentionTensors<Self>,
        settings: AttentionConfig,
        precision: Precision,
    ) -> FloatTensor<Self> {
        attention_block::tracked_attention_block::<C>(tensors.in_order(), settings, precision)
    }

    fn fused_feed_forward_block(
        tensors: FeedForwardTensors<Self>,
        dropout: Dropout,
        eps: f64,
        precision: Precision,
    ) -> FloatTensor<Self> {
        feed_forward_block::tracked_feed_forward_block::<C>(tensors.in_order(), dropout, eps, precision)
    }

    fn fused_embed(
        word: FloatTensor<Self>,
        position: FloatTensor<Self>,
        token_type: FloatTensor<Self>,
        ids: IntTensor<Self>,
        token_type_ids: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        embed::tracked_embed::<C>([word, position, token_type], ids, token_type_ids)
    }

    fn fused_gather_positions(x: FloatTensor<Self>, positions: IntTensor<Self>) -> FloatTensor<Self> {
        embed::tracked_gather_positions::<C>(x, positions)
    }

    fn fused_tied_logits(
        h: FloatTensor<Self>,
        table: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        tied_logits::tracked_tied_logits::<C>(h, table, bias, precision)
    }

    fn fused_weighted_cross_entropy(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        cross_entropy::tracked_weighted_cross_entropy::<C>(logits, targets, weights)
    }

    fn fused_weighted_binary_cross_entropy(
        logits: FloatTensor<Self>,
        labels: FloatTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        cross_entropy::tracked_weighted_binary_cross_entropy::<C>([logits, labels, weights])
    }
}
