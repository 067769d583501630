//! The operations that backends have kernels of their own for, as a trait: `flex` implements it for the CPU and
//! `cube` for cards.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, ExtensionType, backend_extension};

use crate::{Dropout, Precision};

/// The tensors of a linear layer: weight and bias.
#[derive(ExtensionType)]
pub(crate) struct LinearTensors<B: Backend> {
    pub(crate) weight: FloatTensor<B>,
    pub(crate) bias: FloatTensor<B>,
}

impl From<crate::LinearParams> for LinearTensors<Dispatch> {
    fn from(map: crate::LinearParams) -> Self {
        Self { weight: map.weight.into_dispatch(), bias: map.bias.into_dispatch() }
    }
}

/// The settings of an attention block beside its tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttentionConfig {
    pub(crate) heads: usize,
    /// Dropout of the probabilities, and of the branch.
    pub(crate) dropouts: [Dropout; 2],
    pub(crate) eps: f64,
}

/// The tensors of an attention block.
#[derive(ExtensionType)]
pub(crate) struct AttentionTensors<B: Backend> {
    pub(crate) x: FloatTensor<B>,
    #[extension_type]
    pub(crate) query: LinearTensors<B>,
    #[extension_type]
    pub(crate) key: LinearTensors<B>,
    #[extension_type]
    pub(crate) value: LinearTensors<B>,
    #[extension_type]
    pub(crate) output: LinearTensors<B>,
    pub(crate) gamma: FloatTensor<B>,
    pub(crate) beta: FloatTensor<B>,
    pub(crate) key_bias: FloatTensor<B>,
}

impl<B: Backend> AttentionTensors<B> {
    /// Weights before their biases.
    pub(crate) fn in_order(self) -> [FloatTensor<B>; 12] {
        let Self { x, query: q, key: k, value: v, output: o, gamma, beta, key_bias } = self;
        [x, q.weight, q.bias, k.weight, k.bias, v.weight, v.bias, o.weight, o.bias, gamma, beta, key_bias]
    }
}

/// The tensors of a feed-forward block.
#[derive(ExtensionType)]
pub(crate) struct FeedForwardTensors<B: Backend> {
    pub(crate) x: FloatTensor<B>,
    #[extension_type]
    pub(crate) intermediate: LinearTensors<B>,
    #[extension_type]
    pub(crate) output: LinearTensors<B>,
    pub(crate) gamma: FloatTensor<B>,
    pub(crate) beta: FloatTensor<B>,
}

impl<B: Backend> FeedForwardTensors<B> {
    /// Weights before their biases.
    pub(crate) fn in_order(self) -> [FloatTensor<B>; 7] {
        let Self { x, intermediate, output, gamma, beta } = self;
        [x, intermediate.weight, intermediate.bias, output.weight, output.bias, gamma, beta]
    }
}

/// The fused operations, dispatched on the backend of the tensors and on whether they are tracked.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(all(feature = "cube", not(feature = "fusion"))),
    Autodiff
)]
pub(crate) trait Fused: Backend {
    /// See [`crate::layer_norm`].
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self>;

    /// See [`crate::residual_layer_norm`].
    fn fused_residual_layer_norm(
        x: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        dropout: Dropout,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self>;

    /// See [`crate::dropout`].
    fn fused_dropout(x: FloatTensor<Self>, dropout: Dropout) -> FloatTensor<Self>;

    /// See [`crate::linear`].
    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// See [`crate::gelu`].
    fn fused_gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`crate::linear_gelu`].
    fn fused_linear_gelu(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// See [`crate::attention_block`].
    fn fused_attention_block(
        #[extension_type] tensors: AttentionTensors<Self>,
        settings: AttentionConfig,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// See [`crate::feed_forward_block`].
    fn fused_feed_forward_block(
        #[extension_type] tensors: FeedForwardTensors<Self>,
        dropout: Dropout,
        eps: f64,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// See [`crate::embed`].
    fn fused_embed(
        word: FloatTensor<Self>,
        position: FloatTensor<Self>,
        token_type: FloatTensor<Self>,
        ids: IntTensor<Self>,
        token_type_ids: IntTensor<Self>,
    ) -> FloatTensor<Self>;

    /// See [`crate::gather_positions`].
    fn fused_gather_positions(x: FloatTensor<Self>, positions: IntTensor<Self>) -> FloatTensor<Self>;

    /// See [`crate::tied_logits`].
    fn fused_tied_logits(
        h: FloatTensor<Self>,
        table: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// See [`crate::weighted_cross_entropy`].
    fn fused_weighted_cross_entropy(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// See [`crate::weighted_binary_cross_entropy`].
    fn fused_weighted_binary_cross_entropy(
        logits: FloatTensor<Self>,
        labels: FloatTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}
