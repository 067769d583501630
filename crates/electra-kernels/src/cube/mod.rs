//! Fused operations on cards: kernels written in CubeCL, for CUDA and for every GPU that wgpu reaches.
//!
//! Each operation has a backward pass of its own. Results are the same bits on every run on one device: sums
//! are added up in a fixed order, and no kernel is chosen by the clock.

mod adam;
mod attention;
mod blocks;
mod clip;
mod columns;
mod cross_entropy;
mod embed;
mod gelu;
mod launch;
mod layer_norm;
mod linear;
mod mask;
mod norms;
mod product;
mod reduce;
mod sampling;
mod side_by_side;
mod tracked;
mod untracked;

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, DispatchDevice};
use burn::tensor::{DType, Tensor};
use burn_cubecl::CubeBackend;

use self::blocks::{AttentionOperation, FeedForward};
use self::cross_entropy::{BinaryCrossEntropy, CrossEntropy};
use self::embed::{Embed, GatherPositions};
use self::gelu::Gelu;
use self::layer_norm::{LayerNorm, ResidualLayerNorm};
use self::linear::{Linear, LinearGelu, TiedLogits};
use self::mask::DropoutOperation;
use self::tracked::{tracked, untracked};
pub(crate) use self::untracked::{
    adam_update, adam_updates, clip_on_device, sample_categorical, squared_norm, squared_norms,
};
use crate::cube_device::is_on_card;
use crate::fused::{AttentionConfig, AttentionTensors, FeedForwardTensors, Fused};
use crate::{Dropout, Precision};

/// Whether the fused operations can take `x`: 32-bit floats on a card, tracked or not.
pub(crate) fn supports<const D: usize>(x: &Tensor<D>) -> bool {
    is_on_card(&x.device()) && x.dtype() == DType::F32
}

/// Whether the fused operations without a gradient can take `x`: 32-bit floats on a card that carry no
/// autodiff graph.
pub(crate) fn supports_untracked<const D: usize>(x: &Tensor<D>) -> bool {
    matches!(x.device().as_dispatch(), DispatchDevice::Cube(_)) && x.dtype() == DType::F32
}

/// Implements [`Fused`] by a function that runs an [`Operation`](tracked::Operation) on its tensors.
macro_rules! operations {
    ($run:expr) => {
        fn fused_layer_norm(
            x: FloatTensor<Self>,
            gamma: FloatTensor<Self>,
            beta: FloatTensor<Self>,
            eps: f64,
        ) -> FloatTensor<Self> {
            $run(LayerNorm { eps }, [x, gamma, beta])
        }

        fn fused_residual_layer_norm(
            x: FloatTensor<Self>,
            branch: FloatTensor<Self>,
            dropout: Dropout,
            gamma: FloatTensor<Self>,
            beta: FloatTensor<Self>,
            eps: f64,
        ) -> FloatTensor<Self> {
            $run(ResidualLayerNorm { dropout, eps }, [x, branch, gamma, beta])
        }

        fn fused_dropout(x: FloatTensor<Self>, dropout: Dropout) -> FloatTensor<Self> {
            $run(DropoutOperation(dropout), [x])
        }

        fn fused_linear(
            x: FloatTensor<Self>,
            weight: FloatTensor<Self>,
            bias: FloatTensor<Self>,
            precision: Precision,
        ) -> FloatTensor<Self> {
            $run(Linear(precision), [x, weight, bias])
        }

        fn fused_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
            $run(Gelu, [x])
        }

        fn fused_linear_gelu(
            x: FloatTensor<Self>,
            weight: FloatTensor<Self>,
            bias: FloatTensor<Self>,
            precision: Precision,
        ) -> FloatTensor<Self> {
            $run(LinearGelu(precision), [x, weight, bias])
        }

        fn fused_attention_block(
            tensors: AttentionTensors<Self>,
            settings: AttentionConfig,
            precision: Precision,
        ) -> FloatTensor<Self> {
            $run(AttentionOperation { config: settings, precision }, tensors.in_order())
        }

        fn fused_feed_forward_block(
            tensors: FeedForwardTensors<Self>,
            dropout: Dropout,
            eps: f64,
            precision: Precision,
        ) -> FloatTensor<Self> {
            $run(FeedForward { dropout, eps, precision }, tensors.in_order())
        }

        fn fused_embed(
            word: FloatTensor<Self>,
            position: FloatTensor<Self>,
            token_type: FloatTensor<Self>,
            ids: IntTensor<Self>,
            token_type_ids: IntTensor<Self>,
        ) -> FloatTensor<Self> {
            $run(Embed { ids, token_type_ids }, [word, position, token_type])
        }

        fn fused_gather_positions(x: FloatTensor<Self>, positions: IntTensor<Self>) -> FloatTensor<Self> {
            $run(GatherPositions { positions }, [x])
        }

        fn fused_tied_logits(
            h: FloatTensor<Self>,
            table: FloatTensor<Self>,
            bias: FloatTensor<Self>,
            precision: Precision,
        ) -> FloatTensor<Self> {
            $run(TiedLogits(precision), [h, table, bias])
        }

        fn fused_weighted_cross_entropy(
            logits: FloatTensor<Self>,
            targets: IntTensor<Self>,
            weights: FloatTensor<Self>,
        ) -> FloatTensor<Self> {
            $run(CrossEntropy { targets }, [logits, weights])
        }

        fn fused_weighted_binary_cross_entropy(
            logits: FloatTensor<Self>,
            labels: FloatTensor<Self>,
            weights: FloatTensor<Self>,
        ) -> FloatTensor<Self> {
            $run(BinaryCrossEntropy, [logits, labels, weights])
        }
    };
}

impl Fused for CubeBackend {
    operations!(untracked::<_, _>);
}

impl<C: CheckpointStrategy> Fused for Autodiff<CubeBackend, C> {
    operations!(tracked::<_, _, C>);
}
